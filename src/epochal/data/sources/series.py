"""A long table, one row an id and a step of time, as one series an id."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from epochal.data.manifest import Array, Manifest, Source, TargetKind
from epochal.data.problems import counted, raise_problems
from epochal.data.series import Missing, fill_missing, fitted, made_even
from epochal.data.sources.digest import digest_arrays
from epochal.data.sources.draft import Draft, RowProblems
from epochal.data.sources.long_table import LongTable
from epochal.data.sources.table import table_targets
from epochal.data.tables import Table, numeric_columns, read_table, required_texts, split_words
from epochal.errors import ConfigError, DataError, Problem


def series(
    path: str | Path,
    *,
    id: str,  # noqa: A002 - the column's usual name
    target: str | list[str] | None = None,
    time: str | None = None,
    channels: list[str] | None = None,
    length: int | None = None,
    missing: Missing = "refuse",
    group: str | None = None,
    split: str | None = None,
    sheet: str | None = None,
    target_kind: TargetKind,
) -> Draft:
    """A CSV, Parquet, JSON lines or Excel file, one row a step of a series: series [C, T] by their ids.

    id: the column that says which series a row is of. time: the column that orders them; without it, the
    order of the file. channels: by default every numeric column that has no other part.
    target, group, split: as of ``table``, and the same in every row of a series. sheet: of an Excel file, by
    default the first.
    length: steps of every series: of longer ones the last are kept, shorter ones begin with their first value
    repeated; without it all must have the same. missing: cells that are empty: ``refuse`` them, or
    ``interpolate`` between the steps of the series before and after, at an end the nearest.
    Raises DataError where columns are missing; what is wrong with single series is told by the draft.
    """
    if target is None and target_kind != "none":
        mend = "write {name: series, target: ...}"
        raise ConfigError(Problem("series needs 'target'", where="data.source", mend=mend))
    target = [] if target is None else target
    rows = read_table(path, sheet)
    targets = [target] if isinstance(target, str) else target
    others = [id, *targets, *(name for name in (time, group, split) if name)]
    raise_problems(rows.missing(list(dict.fromkeys([*others, *(channels or ())]))))
    used = tuple(channels or [name for name in numeric_columns(rows) if name not in others])
    if not used:
        raise DataError(Problem("no column but the target is numeric", str(rows.path), "name the 'channels'"))
    long = LongTable.of(rows, id, time)
    if length is None and (long.lengths != long.lengths[0]).any():
        mend = f"set 'length' of the source, such as {long.lengths.max()}, to cut and fill up to it"
        what = f"series have {long.lengths.min()} to {long.lengths.max()} steps"
        raise DataError(Problem(what, str(rows.path), mend))
    parts = _Parts(long, used, target, tuple(targets), length, missing, group, split)
    return Draft(
        filenames=long.ids,
        place=lambda number: f"{rows.path}, '{long.ids[number]}'",
        build=lambda kept: parts.source(kept, target_kind),
        problems=lambda kept: parts.problems(kept, target_kind),
    )


def read_series(
    rows: Table,
    *,
    id: str,  # noqa: A002
    time: str | None,
    channels: Sequence[str],
    length: int,
    missing: Missing,
) -> tuple[list[str], Array]:
    """The series of a table without targets: their ids, and float32 [N, C, T]; as ``series`` makes them."""
    raise_problems(rows.missing([id, *([time] if time else []), *channels]))
    long = LongTable.of(rows, id, time)
    problems: list[Problem] = []
    samples = [
        fitted(fill_missing(values, missing), length)
        for values in long.each(long.values(channels, missing, problems))
    ]
    raise_problems(problems)
    found = np.stack(samples)
    if not np.isfinite(found).all():
        raise DataError(Problem("a series has a channel without any value", str(rows.path)))
    return long.ids.to_list(), found


@dataclass(frozen=True)
class _Parts:
    """What each column of a long table is; the arguments of ``series``."""

    long: LongTable
    channels: tuple[str, ...]
    target: str | list[str]
    targets: tuple[str, ...]
    length: int | None
    missing: Missing
    group: str | None
    split: str | None

    def source(self, kept: Array, target_kind: TargetKind) -> Source:
        """The series of these numbers; DataError with everything that is wrong."""
        found = self.problems(kept, target_kind)
        raise_problems([problem for problems in found.values() for _, problem in problems])
        long = self.long.some(kept)
        of_columns: list[Problem] = []  # those that are wrong as a whole, so of no single series
        values = long.values(self.channels, self.missing, of_columns)
        firsts = _firsts(long)
        targets, names = table_targets(firsts, self.target, target_kind, of_columns)
        raise_problems(of_columns)
        length = self.length or int(long.lengths[0])
        samples = np.stack([fitted(fill_missing(each, self.missing), length) for each in long.each(values)])
        empty = int(np.isnan(values).any(axis=1).sum())
        gaps = f"{counted(empty, 'step')} with an empty cell, interpolated within their series"
        groups = required_texts(firsts, self.group, []) if self.group else None
        splits = split_words(firsts, self.split, []) if self.split else None
        manifest = Manifest(
            long.ids, targets, target_kind, names, groups, splits, self._constant(long, firsts)
        )
        return Source(
            manifest,
            "series",
            samples.__getitem__,
            digest_arrays(manifest, samples),
            array=samples,
            features=self.channels,
            notes=(*made_even(long.lengths, length), *([gaps] if empty else [])),
        )

    def _constant(self, long: LongTable, firsts: Table) -> pl.DataFrame:
        """The columns that say one thing of a series, such as sex or site."""
        others = [name for name in long.rows.frame.columns if name and name not in self.channels]
        same = [name for name in others if not _several(long, name).any()]
        return firsts.frame.select(same)

    def problems(self, kept: Array, target_kind: TargetKind) -> RowProblems:
        """What is wrong with these series."""
        long = self.long.some(kept)
        firsts, found = _firsts(long), _Found(long, kept)
        of_steps: list[Problem] = []
        values = long.values(self.channels, self.missing, of_steps)
        found.add_steps("bad_step", of_steps)
        if not of_steps:
            found.add_empty(values, self.channels)
        of_targets: list[Problem] = []
        table_targets(firsts, self.target, target_kind, of_targets)
        found.add_steps("bad_target", of_targets)
        for kind, column in (("bad_group", self.group), ("bad_split", self.split)):
            wrong: list[Problem] = []
            if column is not None and kind == "bad_group":
                required_texts(firsts, column, wrong)
            elif column is not None:
                split_words(firsts, column, wrong)
            found.add_steps(kind, wrong)
        for kind, columns in (
            ("bad_target", self.targets),
            ("bad_group", (self.group,)),
            ("bad_split", (self.split,)),
        ):
            for column in columns:
                if column is not None:
                    found.add_several(kind, column)
        return found.problems


class _Found:
    """Problems of series, by kind; those of rows are put down to the series that they are of."""

    def __init__(self, long: LongTable, kept: Array) -> None:
        self.long, self.kept = long, kept
        self.problems: dict[str, list[tuple[int, Problem]]] = {}

    def add_steps(self, kind: str, problems: list[Problem]) -> None:
        if not problems:
            return
        rows = self.long.rows
        of_row = np.repeat(self.kept, self.long.lengths)
        places = {rows.place(row): int(of_row[row]) for row in range(len(rows))}
        named = [(places[problem.where], problem) for problem in problems if problem.where in places]
        self.problems.setdefault(kind, []).extend(named)

    def add_several(self, kind: str, column: str) -> None:
        what = f"'{column}' is not the same in all its rows"
        self._add(kind, np.flatnonzero(_several(self.long, column)), what, "a series has one")

    def add_empty(self, values: Array, channels: Sequence[str]) -> None:
        none = np.logical_and.reduceat(np.isnan(values), self.long.starts[:-1], axis=0)
        for place, name in enumerate(channels):
            self._add("bad_step", np.flatnonzero(none[:, place]), f"has no value of '{name}'", "leave it out")

    def _add(self, kind: str, numbers_of: Array, what: str, mend: str) -> None:
        listed = self.problems.setdefault(kind, [])
        for number in numbers_of.tolist():
            where = f"{self.long.rows.path}, '{self.long.ids[number]}'"
            listed.append((int(self.kept[number]), Problem(what, where, mend)))


def _firsts(long: LongTable) -> Table:
    """The first row of each series."""
    first = long.starts[:-1]
    return Table(long.rows.path, long.rows.frame[first], long.rows.lines[first])


def _several(long: LongTable, column: str) -> Array:
    """Which series have more than one value in a column, bool [N]."""
    values = long.rows.frame[column]
    changes = (values.ne_missing(values.shift(1))).to_numpy().copy()
    changes[long.starts[:-1]] = False
    return np.asarray(np.add.reduceat(changes, long.starts[:-1]) > 0)
