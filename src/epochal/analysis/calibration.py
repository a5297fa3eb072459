"""Do probabilities mean what they say? Reliability, calibration error, Brier score, and a temperature."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from epochal.data.manifest import Array
from epochal.tasks.scores import Floats

BINS = 15
"""Of equal width, as in Guo et al. 2017."""

FEWEST = 20
"""Samples in a bin of a reliability diagram: with fewer its share is noise."""

_MOST_CLASSES = 100  # with a reliability curve of their own
TEMPERATURES = (0.05, 20.0)
"""The ends of the search for one."""


@dataclass(frozen=True)
class Bins:
    """Those of B equal bins of [0, 1] that have samples, in ascending order.

    confidence, frequency: the mean probability and the share of true ones in each. count: its samples.
    """

    confidence: Floats
    frequency: Floats
    count: Array

    @classmethod
    def of(cls, probabilities: Floats, true: Array, bins: int = BINS) -> Bins:
        """Probabilities [N] and whether each came true, bool [N]. A bin holds its upper edge."""
        place = np.clip(np.ceil(probabilities.astype(np.float64) * bins).astype(np.int64) - 1, 0, bins - 1)
        count = np.bincount(place, minlength=bins)
        held = count > 0
        sums = [np.bincount(place, weights=each, minlength=bins)[held] for each in (probabilities, true)]
        return cls(sums[0] / count[held], sums[1] / count[held], count[held])

    def joined(self, fewest: int = FEWEST) -> Bins:
        """Neighbours together until each bin has so many samples, from the lowest on; what is left at the end
        goes to the last.

        Adaptive bins, each with enough samples (Nguyen & O'Connor, EMNLP 2015, section 3), and none narrower
        than the fifteen of the calibration error: where samples are many these are left as they are.
        """
        after = np.cumsum(self.count)
        ends: list[int] = []  # of each bin the place after its last
        for place, total in enumerate(after):
            if total - (after[ends[-1] - 1] if ends else 0) >= fewest:
                ends.append(place + 1)
        ends = [*ends[:-1], len(after)]
        starts = [0, *ends[:-1]]
        count = np.add.reduceat(self.count, starts)
        sums = [np.add.reduceat(each * self.count, starts) for each in (self.confidence, self.frequency)]
        return Bins(sums[0] / count, sums[1] / count, count)

    @property
    def error(self) -> float:
        """The expected calibration error: the mean over samples of |frequency - confidence| of their bins."""
        gaps = np.abs(self.frequency - self.confidence)
        return float(gaps @ self.count / self.count.sum())


def expected_calibration_error(probabilities: Floats, targets: Array, bins: int = BINS) -> float:
    """ECE of the predicted class's probability (Guo et al., ICML 2017, equation 3).

    probabilities: float [N, K]. targets: class indices, int [N].
    """
    return _of_predicted(probabilities, targets, bins).error


def label_calibration_error(probabilities: Floats, targets: Array, bins: int = BINS) -> float:
    """The mean over labels of the ECE of each label's probability. Both [N, L]."""
    errors = [Bins.of(probabilities[:, k], targets[:, k] > 0.5, bins).error for k in range(targets.shape[1])]
    return float(np.mean(errors))


def brier_squares(probabilities: Floats, targets: Array) -> Floats:
    """Of each sample the squared distance to the truth, float64 [N]; their mean is the Brier score.

    probabilities: float [N, K]. targets: class indices, int [N]. Summed over classes, from 0 to 2; of two
    classes only one counts, from 0 to 1, as is usual and as scikit-learn has it.
    Brier, Monthly Weather Review 78, 1950.
    """
    squares: Floats
    if probabilities.shape[1] == 2:
        squares = (probabilities[:, 1].astype(np.float64) - targets) ** 2
        return squares
    own = np.take_along_axis(probabilities, targets[:, None], axis=1)[:, 0].astype(np.float64)
    squares = np.einsum("nk,nk->n", probabilities, probabilities, dtype=np.float64)
    return squares - 2 * own + 1


def label_brier_squares(probabilities: Floats, targets: Array) -> Floats:
    """Of each sample the mean squared distance of its labels' probabilities to 0 or 1, [N]. Both [N, L]."""
    squares: Floats = ((probabilities.astype(np.float64) - targets) ** 2).mean(axis=1)
    return squares


def class_reliability(probabilities: Floats, targets: Array, names: Sequence[str]) -> pl.DataFrame:
    """CLASS, CONFIDENCE, FREQUENCY, COUNT, a row a bin: ``all`` for the predicted class, then each class.

    Above 100 classes ``all`` alone.
    """
    curves = {"all": _of_predicted(probabilities, targets, BINS)}
    if len(names) <= _MOST_CLASSES:
        curves |= {name: Bins.of(probabilities[:, k], targets == k) for k, name in enumerate(names)}
    return _table(curves)


def label_reliability(probabilities: Floats, targets: Array, names: Sequence[str]) -> pl.DataFrame:
    """As ``class_reliability``; ``all`` is every pair of sample and label."""
    curves = {"all": Bins.of(probabilities.ravel(), targets.ravel() > 0.5)}
    if len(names) <= _MOST_CLASSES:
        curves |= {name: Bins.of(probabilities[:, k], targets[:, k] > 0.5) for k, name in enumerate(names)}
    return _table(curves)


def bins_to_draw(rows: pl.DataFrame) -> Bins:
    """The bins of one curve of a table of reliability, those of few samples joined."""
    confidence, frequency, count = (rows[name].to_numpy() for name in ("CONFIDENCE", "FREQUENCY", "COUNT"))
    return Bins(confidence, frequency, count).joined()


def fit_temperature(logits: Floats, targets: Array) -> float:
    """What to divide logits by for the smallest negative log-likelihood (Guo et al. 2017, section 4.2).

    logits: [N, K] with class indices [N] as targets; or [N, L], each a yes or no, with 0 and 1 [N, L].
    Between 0.05 and 20; at the ends where the likelihood has no maximum in between.
    """
    # a fifth of a second, only where a temperature is fitted
    from scipy.optimize import minimize_scalar
    from scipy.special import log_expit, logsumexp

    values = logits.astype(np.float64)

    def negative_log_likelihood(log_temperature: float) -> float:
        scaled = values / np.exp(log_temperature)
        if targets.ndim == 2:
            return -float(log_expit(np.where(targets > 0.5, scaled, -scaled)).mean())
        own = np.take_along_axis(scaled, targets[:, None], axis=1)[:, 0]
        return float((logsumexp(scaled, axis=1) - own).mean())

    bounds = tuple(np.log(TEMPERATURES))
    found = minimize_scalar(negative_log_likelihood, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def _of_predicted(probabilities: Floats, targets: Array, bins: int) -> Bins:
    return Bins.of(probabilities.max(axis=1), probabilities.argmax(axis=1) == targets, bins)


def _table(curves: dict[str, Bins]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "CLASS": [name for name, bins in curves.items() for _ in bins.count],
            "CONFIDENCE": np.concatenate([bins.confidence for bins in curves.values()]),
            "FREQUENCY": np.concatenate([bins.frequency for bins in curves.values()]),
            "COUNT": np.concatenate([bins.count for bins in curves.values()]),
        }
    )
