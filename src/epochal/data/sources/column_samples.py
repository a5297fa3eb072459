"""Rows of a table as samples: a matrix where all columns are numbers, else typed columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from epochal.data.columns import Chosen, typed_columns
from epochal.data.manifest import Array, Manifest, Source
from epochal.data.sources.digest import digest_arrays, digest_frame
from epochal.data.tables import Table, feature_matrix
from epochal.errors import Problem

_MOST_GROUPS = 50


@dataclass(frozen=True)
class ColumnSamples:
    """N samples: float32 [N, F], or typed columns that an encoding makes numbers of."""

    chosen: Chosen
    samples: Array | pl.DataFrame

    def source(self, manifest: Manifest) -> Source:
        """The samples with their manifest."""
        names, unused = tuple(self.chosen.types), self.chosen.unused
        if not isinstance(self.samples, pl.DataFrame):
            array = self.samples
            digest = digest_arrays(manifest, array)
            return Source(manifest, "vector", array.__getitem__, digest, array, names, unused)
        digest = digest_frame(manifest, self.samples)
        return Source(
            manifest, "vector", _not_encoded, digest, features=names, unused=unused, frame=self.samples
        )

    def many_valued(self) -> list[str]:
        """Features that make no groups, by their first thousand values: no need to hold them twice."""
        if isinstance(self.samples, pl.DataFrame):
            head = self.samples.head(1000)
            return [values.name for values in head if values.n_unique() > _MOST_GROUPS]
        first = self.samples[:1000]
        names = enumerate(self.chosen.types)
        return [name for place, name in names if len(np.unique(first[:, place])) > _MOST_GROUPS]


def column_samples(rows: Table, chosen: Chosen, problems: list[Problem]) -> ColumnSamples:
    """The chosen columns of these rows; adds a problem for each cell that can't be used."""
    problems += chosen.problems
    if chosen.is_plain(rows):
        return ColumnSamples(chosen, feature_matrix(rows, tuple(chosen.types), problems))
    return ColumnSamples(chosen, typed_columns(rows, chosen.types, problems))


def _not_encoded(row: int) -> Array:
    raise AssertionError(f"row {row} is read before it is encoded")
