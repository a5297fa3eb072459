"""How cost grows: 10^3 to 10^7 samples of eight numbers, batches of 1 to 4096, one process and two.

A row of the first table: the split and the order of an epoch, the batches of an epoch without training, an
epoch of training (64 hidden units, validation included), the whole run from reading to the last file, and the
peak of memory. ``python -m benchmarks.scaling SAMPLES BATCH PROCESSES`` measures one.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import (
    Contestant,
    Report,
    finish,
    interleave,
    markdown,
    medians,
    number,
    ratio,
    report,
)

_FEATURES, _CLASSES, _EPOCHS = 8, 2, 3
_USUAL_BATCH = 1024
_SIZES = tuple(10**power for power in range(3, 8))
_BATCHES = tuple(4**power for power in range(7))
_SHARED_SAMPLES, _SHARED_BATCHES = 200_000, (1024, 16_384)
_BYTES_A_SAMPLE = 500  # of memory; 150 were measured at a million samples


def main() -> None:
    """Run, print both tables, write results/scaling.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--largest", type=float, default=1e7, help="samples; fewer where memory is short")
    arguments = parser.parse_args()
    memory = int(Path("/proc/meminfo").read_text().partition("MemAvailable:")[2].split()[0]) * 1024
    largest = min(arguments.largest, memory / _BYTES_A_SAMPLE)
    sizes = [samples for samples in _SIZES if samples <= largest]
    by_batch_cases = [(1000 * max(10, min(batch, 1000)), batch) for batch in _BATCHES]
    sizes = [samples for samples in _SIZES if samples <= largest]
    by_batch_cases = [(1000 * max(10, min(batch, 1000)), batch) for batch in _BATCHES]
    alone = [(*case, 1) for case in (*((samples, _USUAL_BATCH) for samples in sizes), *by_batch_cases)]
    shared = [(_SHARED_SAMPLES, batch, count) for batch in _SHARED_BATCHES for count in (1, 2)]
    contestants = {
        _key(*case): Contestant("", "benchmarks.scaling", tuple(map(str, case)))
        for case in dict.fromkeys([*alone, *shared])
    }
    reports = interleave(contestants, arguments.rounds)
    by_size = [_size_row(samples, reports[_key(samples, _USUAL_BATCH, 1)]) for samples in sizes]
    by_batch = [_batch_row(batch, reports[_key(samples, batch, 1)]) for samples, batch in by_batch_cases]
    by_count = [_count_row(batch, count, reports) for _, batch, count in shared]
    header = (
        "samples", "split, s", "order, s", "batches, µs a sample", "training, µs a sample",
        "whole run of 3 epochs, s", "peak, MB",
    )  # fmt: skip
    tables = [
        markdown(header, by_size),
        markdown(("batch", "µs a step", "µs a sample", "batches alone, µs a step"), by_batch),
        markdown(("batch, processes of one thread", "µs a step", "beside one process"), by_count),
    ]
    finish("scaling", {"rounds": arguments.rounds, "reports": reports}, "\n\n".join(tables))


def _key(samples: int, batch: int, processes: int) -> str:
    return f"{samples}-{batch}-{processes}"


def _count_row(batch: int, count: int, reports: dict[str, list[Report]]) -> list[str]:
    own, alone = (medians(reports[_key(_SHARED_SAMPLES, batch, each)], "epoch") for each in (count, 1))
    step = None if own is None else own / (0.9 * _SHARED_SAMPLES / batch) * 1e6
    return [f"{batch:,}, {count}", number(step, 0), ratio(own, alone)]


def _size_row(samples: int, reports: list[Report]) -> list[str]:
    def each(key: str) -> float | None:
        value = medians(reports, key)
        return None if value is None else value / samples * 1e6

    return [
        f"{samples:,}",
        number(medians(reports, "split"), 3),
        number(medians(reports, "order"), 3),
        number(each("batches"), 3),
        number(each("epoch"), 3),
        number(medians(reports, "run"), 1),
        number(medians(reports, "peak_mb"), 0),
    ]


def _batch_row(batch: int, reports: list[Report]) -> list[str]:
    samples, steps = medians(reports, "train_samples"), medians(reports, "steps")
    epoch, batches = medians(reports, "epoch"), medians(reports, "batches")
    if samples is None or steps is None or epoch is None or batches is None:
        return [f"{batch:,}", "–", "–", "–"]
    micro = 1e6
    cells = (epoch / steps * micro, epoch / samples * micro, batches / steps * micro)
    return [f"{batch:,}", number(cells[0], 0), number(cells[1], 2), number(cells[2], 0)]


def measure(samples: int, batch: int, processes: int) -> None:
    """Measure one case and report it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.npz"
        _write_data(path, samples)
        plan = _plan(folder, path, batch)
        if samples == _SHARED_SAMPLES:  # the same thread for each, so that two have what one has not
            plan["compute"] = {"processes": processes, "threads": 1}
        parts = _measure_parts(plan)
        import epochal  # torch loads here: the measuring process above needs none

        started = time.perf_counter()
        run = epochal.train(plan, quiet=True)
        whole = time.perf_counter() - started
        epoch = statistics.median(run.epochs["seconds"].to_list()[1:])
    report(**parts, epoch=epoch, run=round(whole, 2))


def _write_data(path: Path, samples: int) -> None:
    import numpy as np  # as above

    generator = np.random.default_rng(0)
    inputs = generator.standard_normal((samples, _FEATURES), dtype=np.float32)
    np.savez(path, x=inputs, y=(inputs[:, 0] > 0).astype(np.int64))


def _plan(folder: str, path: Path, batch: int) -> dict[str, object]:
    return {
        "name": "scaling",
        "data": {
            "source": {"name": "arrays", "path": str(path)},
            "split": {"name": "random", "val": 0.05, "test": 0.05},
            "checks": "warn",  # one feature tells the classes apart
            "batch_size": batch,
            "evaluation_batch_size": 4096,
        },
        "model": {"name": "mlp", "hidden": [64]},
        "training": {"epochs": _EPOCHS},
        "paths": {"runs": folder},
    }


def _measure_parts(plan: dict[str, object]) -> dict[str, float]:
    """Seconds of the split, of an epoch's order and of its batches, through the parts of a run."""
    from epochal.console import Console
    from epochal.data.batches import epoch_order
    from epochal.data.split import build_split
    from epochal.experiment.assemble import assemble
    from epochal.experiment.config import load_experiment

    config = load_experiment(plan)
    experiment = assemble(config, Console(quiet=True))
    times = {"start": time.perf_counter()}
    build_split(config.data.split, experiment.data.source.manifest, config.seed)
    times["split"] = time.perf_counter()
    epoch_order(experiment.train.rows, config.seed, 0)
    times["order"] = time.perf_counter()
    for _ in experiment.train.epoch(1):
        pass
    times["batches"] = time.perf_counter()
    ends = list(times.values())
    seconds = [round(end - begin, 6) for begin, end in itertools.pairwise(ends)]
    sizes = {"train_samples": len(experiment.train.rows), "steps": len(experiment.train)}
    return {**dict(zip(("split", "order", "batches"), seconds, strict=True)), **sizes}


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1].isdecimal():
        measure(*map(int, sys.argv[1:]))
    else:
        main()
