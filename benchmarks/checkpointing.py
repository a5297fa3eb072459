"""What checkpoints cost: a training without any, with epochal's, and with ones that training waits for.

Two networks: the small one of the Fashion-MNIST benchmark, and ResNet-18, whose whole state is 134 MB. A
checkpoint is written after each epoch, as by default, with the best weights where they are better. Seconds
are those of the epochs after the first. ``python -m benchmarks.checkpointing NETWORK MODE`` measures one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import Contestant, Report, finish, interleave, markdown, medians, number, report

_NETWORKS = {"small": "two convolutions, Fashion-MNIST", "resnet18": "ResNet-18, 1,200 images of 64×64"}
_MODES = {
    "none": "no checkpoints but the last epoch's",
    "thread": "**epochal**",
    "waiting": "the same, training waits for the disk",
}
_EPOCHS = 3


def main() -> None:
    """Run, print the table, write results/checkpointing.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    contestants = {
        f"{network}-{mode}": Contestant("", "benchmarks.checkpointing", (network, mode))
        for network in _NETWORKS
        for mode in _MODES
    }
    reports = interleave(contestants, rounds)
    rows = [_row(network, mode, reports) for network in _NETWORKS for mode in _MODES]
    header = ("training", "seconds an epoch", "more than without")
    finish("checkpointing", {"rounds": rounds, "reports": reports}, markdown(header, rows))


def _row(network: str, mode: str, reports: dict[str, list[Report]]) -> list[str]:
    seconds = medians(reports[f"{network}-{mode}"], "epoch")
    # each round beside its own: what else the machine did fell on both alike
    pairs = zip(reports[f"{network}-{mode}"], reports[f"{network}-none"], strict=True)
    shares = [{"more": one["epoch"] / other["epoch"] - 1} for one, other in pairs if "epoch" in one]
    more = medians(shares, "more")
    label = f"{_NETWORKS[network]}: {_MODES[mode]}"
    return [label, number(seconds, 2), "" if mode == "none" or more is None else f"{more:+.1%}"]


def measure(network: str, mode: str) -> None:
    """Train once and report the mean seconds of an epoch."""
    import epochal  # torch loads here: the measuring process above needs none
    from epochal.engine.hooks import CheckpointHook
    from epochal.engine.writer import CheckpointWriter

    order, write = CheckpointHook.order, CheckpointWriter.order

    def only_last(self: CheckpointHook, state: Any, best: Any = None) -> None:
        if state.counters.epoch == _EPOCHS:
            order(self, state, best or _best(state))

    def and_wait(self: CheckpointWriter, last: Any, best: Any = None) -> None:
        write(self, last, best)
        self.wait()

    if mode == "none":
        CheckpointHook.order = only_last  # type: ignore[method-assign]
    if mode == "waiting":
        CheckpointWriter.order = and_wait  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        run = epochal.train(_plan(network, Path(folder)), quiet=True)
        seconds = run.epochs["seconds"].to_list()[1:]
    report(epoch=sum(seconds) / len(seconds))


def _best(state: Any) -> Any:
    from epochal.engine.checkpoint import Snapshot  # as above

    return Snapshot.of(state.weights(), {"epoch": state.counters.epoch})


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
