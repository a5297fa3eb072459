"""What checkpoints cost: the time for which training stops, and the work of the thread that writes them.

Two networks: the small one of the Fashion-MNIST benchmark, and ResNet-18, whose whole state is 134 MB. A
checkpoint is written after each epoch, as by default, with the best weights where they are better. Beside it
the same where training waits for the disk, as it does elsewhere. Both parts are measured by themselves: on a
shared machine epochs differ by more than they cost. ``python -m benchmarks.checkpointing NETWORK MODE``
measures one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import Contestant, Report, finish, interleave, markdown, medians, number, report

_NETWORKS = {"small": "two convolutions, Fashion-MNIST", "resnet18": "ResNet-18, 1,200 images of 64×64"}
_MODES = {"thread": "**epochal**", "waiting": "training waits for the disk"}
_EPOCHS = 3


def main() -> None:
    """Run, print the table, write results/checkpointing.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    contestants = {
        f"{network}-{mode}": Contestant("", "benchmarks.checkpointing", (network, mode))
        for network in _NETWORKS
        for mode in _MODES
    }
    reports = interleave(contestants, rounds)
    rows = [_row(network, mode, reports) for network in _NETWORKS for mode in _MODES]
    header = ("training", "seconds an epoch", "of them stopped", "processor time of the thread")
    finish("checkpointing", {"rounds": rounds, "reports": reports}, markdown(header, rows))


def _row(network: str, mode: str, reports: dict[str, list[Report]]) -> list[str]:
    found = reports[f"{network}-{mode}"]
    epoch = medians(found, "epoch")

    def share(key: str) -> str:
        seconds = medians(found, key)
        return "–" if seconds is None or epoch is None else f"{seconds / epoch:.2%}"

    label = f"{_NETWORKS[network]}: {_MODES[mode]}"
    return [label, number(epoch, 2), share("stopped"), share("thread")]


def measure(network: str, mode: str) -> None:
    """Train once and report, of an epoch: its seconds, those in which training stood still, the thread's."""
    import epochal  # torch loads here: the measuring process above needs none
    from epochal.engine.hooks import CheckpointHook
    from epochal.engine.writer import CheckpointWriter

    stopped, thread = [], []
    order, write = CheckpointHook.after_epoch, CheckpointWriter._write

    def timed_order(self: CheckpointHook, state: Any, row: dict[str, float], is_best: bool) -> None:
        started = time.perf_counter()
        order(self, state, row, is_best)
        if mode == "waiting":
            assert self._writer is not None
            self._writer.wait()
        stopped.append(time.perf_counter() - started)

    def timed_write(self: CheckpointWriter, ordered: Any) -> None:
        started = time.thread_time()
        write(self, ordered)
        thread.append(time.thread_time() - started)

    CheckpointHook.after_epoch = timed_order  # type: ignore[method-assign]
    CheckpointWriter._write = timed_write  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        run = epochal.train(_plan(network, Path(folder)), quiet=True)
        seconds = run.epochs["seconds"].to_list()[1:]
    report(epoch=sum(seconds) / len(seconds), stopped=sum(stopped) / _EPOCHS, thread=sum(thread) / _EPOCHS)


def _plan(network: str, folder: Path) -> dict[str, object]:
    paths = {"runs": str(folder / "runs")}
    training = {"epochs": _EPOCHS}
    if network == "small":
        from benchmarks.fashion_mnist.ours import config  # it needs torch

        return {**config("float32", str(folder)), "training": training, "paths": paths}
    import numpy as np  # as above

    generator = np.random.default_rng(0)
    images = generator.integers(0, 255, (1600, 3, 64, 64), dtype=np.uint8)
    np.savez(folder / "images.npz", x=images, y=generator.integers(0, 10, 1600))
    return {
        "name": "checkpointing",
        "data": {
            "source": {"name": "arrays", "path": str(folder / "images.npz")},
            "split": {"name": "random", "val": 0.125, "test": 0.125},
        },
        "model": "resnet18",
        "training": training,
        "paths": paths,
        "compute": {"precision": "float32", "tune": False},
    }


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] in _NETWORKS:
        measure(sys.argv[1], sys.argv[2])
    else:
        main()
