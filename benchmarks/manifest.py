"""A table of ten million rows: reading, splitting and ordering it, and the memory that this takes.

The peer is what a Dataset of one's own usually does: a list of Python objects, (features, class) a row, that
is shuffled. ``python -m benchmarks.manifest WHO FILE`` measures one.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import (
    Contestant,
    finish,
    interleave,
    markdown,
    medians,
    number,
    parse,
    ratio,
    report,
)

_COLUMNS = 8
_WHO = {"epochal": "epochal", "list": "list of a tuple a row"}


def main() -> None:
    """Run, print the table, write results/manifest.json."""
    arguments = parse(_WHO, __doc__, rounds=3, rows=10_000_000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        _write(path, arguments.rows)
        contestants = {
            key: Contestant(label, "benchmarks.manifest", (key, str(path)))
            for key, label in arguments.contestants.items()
        }
        reports = interleave(contestants, arguments.rounds)
    steps = ("read", "split", "order", "peak_mb")
    found = {key: [medians(reports[key], step) for step in steps] for key in reports}
    base = found.get("epochal", [None] * len(steps))
    rows = [
        [
            _WHO[key],
            *(number(value) for value in values[:-1]),
            number(values[-1], 0),
            ratio(values[-1], base[-1]),
        ]
        for key, values in found.items()
    ]
    header = ("", "read, s", "split, s", "order of an epoch, s", "peak, MB", "peak beside epochal's")
    table = markdown(header, rows)
    finish("manifest", {"rows": arguments.rows, "rounds": arguments.rounds, "reports": reports}, table)


def measure(who: str, path: str) -> None:
    """Measure one contestant and report it."""
    seconds = _ours(path) if who == "epochal" else _tuples(path)
    report(**{name: round(value, 3) for name, value in seconds.items()})


def _ours(path: str) -> dict[str, float]:
    from epochal.data.batches import epoch_order
    from epochal.data.sources.table import table
    from epochal.data.split import random

    times = [time.perf_counter()]
    source = table(path, target="target", target_kind="class").source()
    times.append(time.perf_counter())
    split = random(source.manifest, 0)
    times.append(time.perf_counter())
    epoch_order(split.train, 0, 0)
    times.append(time.perf_counter())
    return _steps(times)


def _tuples(path: str) -> dict[str, float]:
    import random

    import polars as pl
    import torch  # noqa: F401 (as much memory as the other contestant starts with)

    times = [time.perf_counter()]
    samples = [(row[:-1], row[-1]) for row in pl.read_parquet(path).iter_rows()]
    times.append(time.perf_counter())
    generator = random.Random(0)  # noqa: S311 (no secret)
    generator.shuffle(samples)
    tenth = len(samples) // 10
    train = samples[3 * tenth :]
    times.append(time.perf_counter())
    generator.shuffle(train)
    times.append(time.perf_counter())
    return _steps(times)


def _steps(times: list[float]) -> dict[str, float]:
    seconds = [end - begin for begin, end in itertools.pairwise(times)]
    return dict(zip(("read", "split", "order"), seconds, strict=True))


def _write(path: Path, rows: int) -> None:
    import numpy as np
    import polars as pl

    generator = np.random.default_rng(0)
    values = generator.standard_normal((rows, _COLUMNS), dtype=np.float32)
    columns: dict[str, object] = {f"f{index}": values[:, index] for index in range(_COLUMNS)}
    classes = np.where(values[:, 0] > 0, "above", "below")
    pl.DataFrame(columns | {"target": classes}).write_parquet(path)


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] in _WHO:
        measure(*sys.argv[1:])
    else:
        main()
