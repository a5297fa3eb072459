"""Bootstrap samples: rows, or whole groups of rows, drawn with replacement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from epochal.data.manifest import Array

Weights = npt.NDArray[np.float32]

FEW_GROUPS, FEW_SAMPLES = 10, 20
"""Of fewer, intervals are too narrow (Cameron, Gelbach & Miller, Rev. Economics and Statistics 90, 2008)."""

_VALUES_AT_ONCE = 2_000_000  # weights that are held in memory


@dataclass(frozen=True)
class Resampler:
    """Bootstrap samples of N rows; the same numbers for the same seed.

    rows: N. groups: the number of each row's group, int [N] in 0..G-1, or None where each row stands for
        itself. Where there are groups, G of them are drawn, and a group comes with all of its rows: rows of
        one patient are not independent (Davison & Hinkley, Bootstrap Methods, 1997, section 3.8).
    """

    rows: int
    groups: Array | None
    seed: int

    @property
    def units(self) -> int:
        """What is drawn: the number of groups, or of rows."""
        return self.rows if self.groups is None else int(self.groups.max()) + 1

    @property
    def unit(self) -> str:
        """The word for what is drawn."""
        return "samples" if self.groups is None else "groups"

    @property
    def doubt(self) -> str:
        """Why intervals of so few can hardly be believed; empty where there are enough."""
        enough = FEW_SAMPLES if self.groups is None else FEW_GROUPS
        if self.units >= enough:
            return ""
        found = f"{self.units} {self.unit if self.units > 1 else self.unit[:-1]}"
        return f"from {found} only; of fewer than {enough} {self.unit} an interval is likely too narrow"

    def weights(self, resamples: int) -> Iterator[Weights]:
        """How often each row occurs in each resample, as blocks [R, N] whose R add up to ``resamples``."""
        generator, units = np.random.default_rng(self.seed), self.units
        block = max(1, _VALUES_AT_ONCE // self.rows)
        for start in range(0, resamples, block):
            count = min(block, resamples - start)
            drawn = generator.integers(units, size=(count, units))
            drawn += np.arange(count)[:, None] * units
            times = np.bincount(drawn.ravel(), minlength=count * units).reshape(count, units)
            yield (times if self.groups is None else times[:, self.groups]).astype(np.float32)

    def indices(self, resamples: int) -> Iterator[Array]:
        """The rows of each resample, as often as they occur: those that ``weights`` counts."""
        generator = np.random.default_rng(self.seed)
        if self.groups is None:
            for _ in range(resamples):
                yield generator.integers(self.rows, size=self.rows)
            return
        order = np.argsort(self.groups, kind="stable")
        members = np.split(order, np.flatnonzero(np.diff(self.groups[order])) + 1)
        for _ in range(resamples):
            drawn = generator.integers(len(members), size=len(members))
            yield np.concatenate([members[group] for group in drawn])


@overload
def group_numbers(groups: None) -> None: ...
@overload
def group_numbers(groups: Array) -> Array: ...
def group_numbers(groups: Array | None) -> Array | None:
    """Groups of any kind [N] as numbers 0..G-1, in the order of their sorted names."""
    return None if groups is None else np.unique(groups, return_inverse=True)[1].reshape(-1)


def sums(weights: Weights, columns: Array) -> npt.NDArray[np.float64]:
    """Sums of columns [N, K] by weights [R, N], float64 [R, K].

    In one order on every machine: a product of matrices adds up otherwise under another number of threads.
    """
    rows = np.ascontiguousarray(columns.T, dtype=np.float64)
    found: npt.NDArray[np.float64] = np.einsum("rn,kn->rk", weights.astype(np.float64), rows)
    return found
