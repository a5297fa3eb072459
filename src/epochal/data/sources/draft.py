"""Samples as they were found, before any is refused: those that can't be used can be set aside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl

from epochal.data.manifest import Array, Source
from epochal.data.problems import raise_problems
from epochal.data.tables import Table
from epochal.errors import Problem

RowProblems = dict[str, list[tuple[int, Problem]]]
"""What is wrong with rows, by its kind (``bad_target``, ...): the row, and the problem with its place."""


@dataclass(frozen=True)
class Draft:
    """N rows, whatever is wrong with them.

    filenames: N texts, as in the manifest. place: row -> where a user finds it. build: int64 numbers of
    rows, rising -> a source of these; DataError where one can't be used. problems: the same rows -> all that
    is wrong with them. empty: a problem for each class that has no row. table: that the rows come
    from, if any.
    """

    filenames: pl.Series
    place: Callable[[int], str]
    build: Callable[[Array], Source]
    problems: Callable[[Array], RowProblems]
    empty: tuple[Problem, ...] = ()
    table: Table | None = None

    def source(self, rows: Array | None = None) -> Source:
        """A source of these rows, by default of all; DataError with everything that is wrong."""
        if rows is None:
            rows = np.arange(len(self.filenames))
        if self.empty:
            of_rows = [problem for found in self.problems(rows).values() for _, problem in found]
            raise_problems([*of_rows, *self.empty])
        return self.build(rows)
