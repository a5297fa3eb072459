"""A table whose rows are steps of series, ordered by series and time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from epochal.data.manifest import Array
from epochal.data.moments import moments
from epochal.data.problems import raise_problems
from epochal.data.series import Missing
from epochal.data.tables import Table, numbers, required_texts
from epochal.errors import Problem


@dataclass(frozen=True)
class LongTable:
    """A table whose rows are ordered by series, in the order in which they first appear, and by time.

    ids: N texts. starts: int64 [N + 1], where each series begins. times: float64 of each row.
    """

    rows: Table
    ids: pl.Series
    starts: Array
    times: Array

    @classmethod
    def of(cls, rows: Table, id: str | None, time: str | None) -> LongTable:  # noqa: A002
        """DataError naming the rows without an id, without a time, or at the time of another of its id."""
        problems: list[Problem] = []
        names = pl.repeat("", len(rows), eager=True)
        if id is not None:
            names = required_texts(rows, id, problems)
        times = np.arange(len(rows), dtype=np.float64)
        if time is not None:
            times = moments(rows, time, problems)
        raise_problems(problems)
        frame = pl.DataFrame({"name": names, "row": np.arange(len(rows))})
        first = frame.select(pl.col("row").min().over("name"))["row"].to_numpy()
        order = np.lexsort((times, first))
        ordered = Table(rows.path, rows.frame[order], rows.lines[order])
        first, times = first[order], times[order]
        starts = np.flatnonzero(np.diff(first, prepend=-1))
        repeated = np.flatnonzero((np.diff(times) == 0) & (np.diff(first) == 0)) + 1
        raise_problems(
            [
                Problem(
                    f"'{time}' is '{ordered.frame[time][row]}' as in another row"
                    + (f" of '{names[int(order[row])]}'" if id is not None else ""),
                    ordered.place(row),
                    "keep one of them",
                )
                for row in repeated.tolist()
                if time is not None
            ]
        )
        ids = names.gather(order[starts]).alias("FILENAME")
        return cls(ordered, ids, np.append(starts, len(rows)), times)

    @cached_property
    def lengths(self) -> Array:
        """Steps of each series, int64 [N]."""
        return np.diff(self.starts)

    def each(self, values: Array) -> Iterator[Array]:
        """Values [R, ...] of all rows, series by series."""
        return (values[start:stop] for start, stop in zip(self.starts[:-1], self.starts[1:], strict=True))

    def some(self, kept: Array) -> LongTable:
        """These series alone."""
        if len(kept) == len(self.ids):
            return self
        index = np.concatenate([np.arange(self.starts[row], self.starts[row + 1]) for row in kept])
        starts = np.append(0, np.cumsum(self.lengths[kept]))
        table = Table(self.rows.path, self.rows.frame[index], self.rows.lines[index])
        return LongTable(table, self.ids.gather(kept), starts, self.times[index])

    def values(self, columns: Sequence[str], missing: Missing, problems: list[Problem]) -> Array:
        """Columns as float32 [R, C], NaN where a cell is empty; adds a problem for each that is no number."""
        matrix = np.empty((len(self.rows), len(columns)), np.float32)
        before = len(problems)
        for place, name in enumerate(columns):
            given = self.rows.frame[name]
            if missing == "refuse" or given.null_count() in (0, len(given)):
                matrix[:, place] = numbers(self.rows, name, problems)
                continue
            filled = replace(self.rows, frame=self.rows.frame.with_columns(given.fill_null(_zero(given))))
            matrix[:, place] = numbers(filled, name, problems)
            matrix[given.is_null().to_numpy(), place] = np.nan
        for number, problem in enumerate(problems[before:], before):
            if problem.what.endswith("is empty"):
                mend = "fill it in, or set missing: interpolate"
                problems[number] = replace(problem, mend=mend)
        return matrix


def _zero(values: pl.Series) -> Any:
    return "0" if values.dtype == pl.String else 0
