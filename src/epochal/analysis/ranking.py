"""ROC AUC and average precision of many resamples, over one sorted order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from epochal.analysis.resample import Weights
from epochal.data.manifest import Array
from epochal.tasks.scores import Floats


@dataclass(frozen=True)
class Ranking:
    """N samples ranked by their scores once, to be weighted often.

    order: rows by descending score, int [N]. positives: places of the P positive samples in that order.
    first, last: of each positive the first and the last place that has its score, int [P].
    last_positive: of each positive the last positive, 0..P-1, that has its score.
    """

    order: Array
    positives: Array
    first: Array
    last: Array
    last_positive: Array

    @classmethod
    def of(cls, scores: Floats, positive: Array) -> Ranking:
        """Rank float [N] scores of bool [N] positives."""
        order = np.argsort(scores)[::-1]
        ranked = scores[order]
        starts = np.concatenate([[True], ranked[1:] != ranked[:-1]])
        bounds = np.append(np.flatnonzero(starts), len(order))
        tie = np.cumsum(starts) - 1
        positives = np.flatnonzero(positive[order])
        tied = tie[positives]
        last_positive = np.searchsorted(tied, tied, side="right") - 1
        return cls(order, positives, bounds[tied], bounds[tied + 1] - 1, last_positive)

    def scores(self, weights: Weights) -> tuple[Floats, Floats]:
        """ROC AUC [R] and average precision [R] of samples that occur ``weights`` [R, N] times.

        As ``OperatingPoints`` computes them; NaN where positive or negative samples are missing. Sums are
        whole numbers, exact in float32 up to 16 million samples.
        """
        ranked = weights.take(self.order, axis=1)
        above = np.cumsum(ranked, axis=1)  # this place and all before it
        of_positives = ranked[:, self.positives]
        positives = of_positives.sum(axis=1, dtype=np.float64)
        total = above[:, -1].astype(np.float64)
        until = above[:, self.last]
        before = np.where(self.first > 0, above[:, self.first - 1], 0)
        pairs = (of_positives * (total[:, None] - (until + before) / 2)).sum(axis=1) - positives**2 / 2
        found = np.cumsum(of_positives, axis=1)[:, self.last_positive]
        gained = (of_positives * (found / np.maximum(until, 1))).sum(axis=1, dtype=np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            return pairs / (positives * (total - positives)), gained / positives
