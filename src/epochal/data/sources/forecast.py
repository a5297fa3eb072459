"""Windows of series: a stretch of history, and as targets the values that follow it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl
from numpy.lib.stride_tricks import sliding_window_view

from epochal.data.manifest import Array, Forecast, Manifest, Source, Spans, TargetKind
from epochal.data.problems import counted, raise_problems
from epochal.data.sources.digest import digest_arrays
from epochal.data.sources.long_table import LongTable
from epochal.data.sources.targets import expect_kind
from epochal.data.tables import Table, read_table
from epochal.errors import ConfigError, DataError, Problem

Gaps = Literal["leave_out", "ignore"]

_KEPT_BYTES = 1 << 30
"""Windows are held in memory up to this; beyond it they are cut out of their series when they are needed."""
_GAP = 1.5
"""Times the usual step, beyond which two rows do not follow each other; months differ by less."""


def forecast(
    path: str | Path,
    *,
    target: str | list[str],
    history: int,
    horizon: int,
    time: str | None = None,
    channels: list[str] | None = None,
    id: str | None = None,  # noqa: A002 - the column's usual name
    stride: int = 1,
    season: int | None = None,
    gaps: Gaps = "leave_out",
    from_last: bool = True,
    sheet: str | None = None,
    target_kind: TargetKind,
) -> Source:
    """A table with one row a step as windows [C, history]; the targets are the next ``horizon`` values.

    path: of a CSV, Parquet, JSON lines or Excel file. sheet: of an Excel file, by default the first.
    history: steps that the network sees. horizon: steps that it forecasts.
    target: the columns that are forecast; their targets are called ``t+1``, ..., and ``<column> t+1`` where
        they are several. channels: what is known up to then, by default the targets themselves.
    time: the column that orders the rows, by default their order. id: the column that says which of several
        series a row is of. stride: steps from a window to the next.
    season: steps of a period, for a seasonal naive forecast to hold the scores against.
    gaps: windows in which a step is longer than 1.5 times the usual one are left out, unless that is ignored
        (days of business); so are those with an empty cell.
    from_last: the network forecasts changes from the last known value, where the target is a channel too; its
        predictions are values all the same.
    FILENAME is the time of the last known step, behind the id. Split it by time, or grouped by id.
    Raises DataError where columns are missing, a cell is no number or no window is left.
    """
    expect_kind("value", target_kind=target_kind, source="forecast")
    return windows(
        read_table(path, sheet),
        Cut(
            _names(target),
            _names(channels or target),
            history,
            horizon,
            time,
            id,
            stride,
            season,
            gaps,
            from_last,
        ),
    )


def _names(columns: str | Sequence[str]) -> tuple[str, ...]:
    return (columns,) if isinstance(columns, str) else tuple(columns)


@dataclass(frozen=True)
class Cut:
    """How windows are cut; the arguments of ``forecast``."""

    targets: tuple[str, ...]
    channels: tuple[str, ...]
    history: int
    horizon: int
    time: str | None = None
    id: str | None = None
    stride: int = 1
    season: int | None = None
    gaps: Gaps = "leave_out"
    from_last: bool = True

    def __post_init__(self) -> None:
        for name in ("history", "horizon", "stride"):
            if getattr(self, name) < 1:
                what = f"{name} of forecast can't be {getattr(self, name)}"
                raise ConfigError(Problem(what, f"data.source.{name}", "give a number of steps from 1"))
        if self.season is not None and not 1 <= self.season <= self.history:
            what = f"season of forecast can't be {self.season}"
            mend = f"give steps of a period from 1 to the {self.history} of history"
            raise ConfigError(Problem(what, "data.source.season", mend))

    def long(self, rows: Table) -> LongTable:
        """The rows by series and time; DataError where columns are missing."""
        wanted = (*self.targets, *self.channels, *(name for name in (self.time, self.id) if name))
        raise_problems(rows.missing(list(dict.fromkeys(wanted))))
        return LongTable.of(rows, self.id, self.time)

    def names(self, long: LongTable) -> list[str]:
        """What each row is called: its time behind its id."""
        times = [str(row) for row in range(len(long.rows))]
        if self.time is not None:
            times = long.rows.frame[self.time].cast(pl.String).to_list()
        if self.id is None:
            return times
        of_row = np.repeat(np.arange(len(long.ids)), long.lengths)
        return [f"{long.ids[int(number)]}/{text}" for number, text in zip(of_row, times, strict=True)]


def windows(rows: Table, cut: Cut) -> Source:
    """The source ``forecast`` of a table."""
    long = cut.long(rows)
    problems: list[Problem] = []
    inputs = long.values(cut.channels, "interpolate", problems)
    outputs = inputs if cut.targets == cut.channels else long.values(cut.targets, "interpolate", problems)
    raise_problems(list(dict.fromkeys(problems)))
    starts, count = _starts(long, cut, inputs, outputs)
    if not len(starts):
        longest = long.lengths.max()
        what = f"no window of {cut.history} + {cut.horizon} steps is whole; series have up to {longest}"
        mend = "set a shorter history or horizon" + ("" if not count else ", or gaps: ignore")
        raise DataError(Problem(what, str(rows.path), mend))
    last = starts + cut.history - 1
    following = sliding_window_view(outputs, cut.horizon, axis=0)[last + 1]  # [N, T, horizon]
    of_row = np.repeat(np.arange(len(long.ids)), long.lengths)
    spans = Spans(of_row[starts], long.times[starts], long.times[last + cut.horizon])
    names = cut.names(long)
    manifest = Manifest(
        pl.Series("FILENAME", [names[row] for row in last.tolist()]),
        np.ascontiguousarray(following.reshape(len(starts), -1)),
        "value",
        _target_names(cut),
        groups=long.ids.gather(spans.series).alias("GROUP") if cut.id else _blocks(cut, names, starts),
        spans=spans,
    )
    view = sliding_window_view(inputs, cut.history, axis=0)  # [rows, C, history]
    held = len(starts) * view[0].nbytes <= _KEPT_BYTES
    array = view[starts] if held else None
    return Source(
        manifest,
        "series",
        (lambda row: view[starts[row]]) if array is None else array.__getitem__,
        # what a network is to forecast changes its result, though no sample
        digest_arrays(manifest, inputs, starts, np.array([cut.from_last])),
        array=array,
        features=cut.channels,
        notes=tuple(_notes(cut, len(starts), count)),
        forecast=Forecast(
            cut.targets,
            tuple(cut.channels.index(name) if name in cut.channels else None for name in cut.targets),
            cut.horizon,
            _naive(outputs, last, cut),
            cut.from_last,
        ),
    )


def read_histories(rows: Table, cut: Cut) -> tuple[list[str], Array]:
    """The last ``history`` steps of each series in a table: the names of their last steps, and [N, C, T].

    DataError where a series is shorter, or a cell of these steps is empty.
    """
    long = Cut((), cut.channels, cut.history, cut.horizon, cut.time, cut.id).long(rows)
    problems: list[Problem] = []
    values = long.values(cut.channels, "interpolate", problems)
    raise_problems(problems)
    names, samples = cut.names(long), []
    for name, stop, length in zip(long.ids, long.starts[1:], long.lengths, strict=True):
        found = values[stop - min(length, cut.history) : stop]
        where = str(rows.path) + (f", '{name}'" if cut.id else "")
        if length < cut.history:
            what = f"has {counted(int(length), 'step')}; the model reads {cut.history}"
            problems.append(Problem(what, where, "give it more history"))
        elif np.isnan(found).any():
            what = f"a cell of its last {cut.history} steps is empty"
            problems.append(Problem(what, where, "fill it in"))
        samples.append(found.T)
    raise_problems(problems)
    return [names[stop - 1] for stop in long.starts[1:]], np.stack(samples)


def _starts(long: LongTable, cut: Cut, inputs: Array, outputs: Array) -> tuple[Array, int]:
    """The first row of each window that is whole, and how many are not."""
    length = cut.history + cut.horizon
    each = zip(long.starts[:-1], long.starts[1:], strict=True)
    found = np.concatenate(
        [np.arange(start, max(start, stop - length + 1), cut.stride) for start, stop in each]
    )
    broken = np.zeros(len(found), np.bool_)
    if cut.gaps == "leave_out" and cut.time is not None:
        steps = np.diff(long.times, prepend=long.times[0])
        inside = np.ones(len(steps), np.bool_)
        inside[long.starts[:-1]] = False
        if inside.any():
            too_long = inside & (steps > _GAP * np.median(steps[inside]))
            broken |= _any_in(too_long, found + 1, found + length)
    broken |= _any_in(_gappy(inputs), found, found + cut.history)
    broken |= _any_in(_gappy(outputs), found + cut.history, found + length)
    return found[~broken], int(broken.sum())


def _gappy(values: Array) -> Array:
    """The rows [R] of which a value is missing."""
    return np.asarray(np.isnan(values).any(axis=1))


def _any_in(marks: Array, start: Array, stop: Array) -> Array:
    """Whether a mark [R] is set in each range of rows, bool [N]."""
    total = np.append(0, np.cumsum(marks))
    return np.asarray(total[stop] > total[start])


def _target_names(cut: Cut) -> tuple[str, ...]:
    steps = [f"t+{step}" for step in range(1, cut.horizon + 1)]
    if len(cut.targets) == 1:
        return tuple(steps)
    return tuple(f"{name} {step}" for name in cut.targets for step in steps)


def _blocks(cut: Cut, names: Sequence[str], starts: Array) -> pl.Series:
    """Of one series, which windows begin within the same stretch of the length of a window.

    Windows that overlap are no independent samples: intervals are of whole blocks (Carlstein 1986, "The use
    of subseries values for estimating the variance of a general statistic").
    """
    block = starts // (cut.history + cut.horizon) * (cut.history + cut.horizon)
    return pl.Series("GROUP", [f"from {names[row]}" for row in block.tolist()])


def _naive(outputs: Array, last: Array, cut: Cut) -> dict[str, Array]:
    """What needs no learning: the last value goes on; the same step of the last season comes again."""
    ahead = np.arange(cut.horizon)
    rules = {"last value": np.zeros(cut.horizon, np.int64)}
    if cut.season is not None:
        rules["last season"] = cut.season - 1 - ahead % cut.season
    return {
        rule: outputs[last[:, None] - back].transpose(0, 2, 1).reshape(len(last), -1)
        for rule, back in rules.items()
    }


def _notes(cut: Cut, kept: int, broken: int) -> Iterator[str]:
    if broken:
        yield f"{broken:,} of {kept + broken:,} windows span a gap in time or an empty cell and are left out"
    if cut.id is None:
        length = cut.history + cut.horizon
        yield f"groups are stretches of {length} steps, for windows that overlap are not independent"
