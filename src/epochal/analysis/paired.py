"""Two models on the same samples, and several seeds of each: is the difference more than chance?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from epochal.analysis.resample import Resampler, group_numbers
from epochal.data.manifest import Array

Score = Callable[[Array, Array], float]
"""(predictions [N, ...], targets [N, ...]) -> the score; NaN where it is undefined."""

_FEW_DISCORDANT = 25
_NORMAL_975 = 1.959963984540054


@dataclass(frozen=True)
class Difference:
    """Score of a minus score of b, its 95 % interval, and the two-sided p-value of no difference."""

    difference: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class DeLong:
    """Two areas under ROC curves; their difference, its 95 % interval and two-sided p-value."""

    auc_a: float
    auc_b: float
    difference: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class SeedDifference:
    """Means over seeds; their difference, its 95 % interval and two-sided p-value."""

    mean_a: float
    mean_b: float
    difference: float
    low: float
    high: float
    p_value: float


def paired_bootstrap(
    score: Score,
    predictions_a: Array,
    predictions_b: Array,
    targets: Array,
    groups: Array | None = None,
    resamples: int = 2000,
    seed: int = 0,
) -> Difference:
    """The difference of any score between two models, by resampling the samples that both predicted.

    predictions_a, predictions_b: [N, ...]. targets: [N, ...]. groups: [N] of any kind; rows of a group are
    drawn together. Resamples in which the score is undefined are left out. The interval is the percentile
    interval; the p-value is twice the smaller share of resamples on one side of zero, never 0
    (Davison & Hinkley, Bootstrap Methods, 1997, section 4.4). All values are NaN where the score is
    undefined throughout.
    """
    observed = score(predictions_a, targets) - score(predictions_b, targets)
    drawn = np.array(
        [
            score(predictions_a[rows], targets[rows]) - score(predictions_b[rows], targets[rows])
            for rows in Resampler(len(targets), group_numbers(groups), seed).indices(resamples)
        ]
    )
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) == 0:
        return Difference(observed, math.nan, math.nan, math.nan)
    low, high = np.percentile(drawn, [2.5, 97.5])
    smaller = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p_value = min(1.0, 2 * (smaller + 1) / (len(drawn) + 1))
    return Difference(float(observed), float(low), float(high), p_value)


def mcnemar(correct_a: Array, correct_b: Array) -> float:
    """The two-sided p-value of equal accuracy on the same samples (McNemar, Psychometrika 12, 1947).

    correct_a, correct_b: bool [N], whether each is right. With fewer than 25 samples on which just one is
    right, the exact binomial test; else chi-square with continuity correction (Edwards 1948).
    """
    from scipy.stats import binomtest, chi2  # a third of a second, only where two runs are compared

    a, b = np.asarray(correct_a, bool), np.asarray(correct_b, bool)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    discordant = only_a + only_b
    if discordant == 0:
        return 1.0
    if discordant < _FEW_DISCORDANT:
        return float(binomtest(only_a, discordant, 0.5).pvalue)
    statistic = max(abs(only_a - only_b) - 1, 0) ** 2 / discordant
    return float(chi2.sf(statistic, 1))


def delong(scores_a: Array, scores_b: Array, targets: Array) -> DeLong:
    """Compare two areas under ROC curves of the same samples.

    scores_a, scores_b: float [N]. targets: bool or 0 and 1, [N], both kinds among them. With a single
    sample of one kind nothing is known of the variance: interval and p-value are NaN.
    DeLong, DeLong & Clarke-Pearson, Biometrics 44, 1988, by the midranks of Sun & Xu, IEEE Signal Processing
    Letters 21, 2014.
    """
    from scipy.special import ndtr

    positive = np.asarray(targets) > 0.5
    parts = [_structural_components(np.asarray(scores), positive) for scores in (scores_a, scores_b)]
    auc_a, auc_b = (float(of_positives.mean()) for of_positives, _ in parts)
    difference = auc_a - auc_b
    of_positives, of_negatives = (parts[0][side] - parts[1][side] for side in (0, 1))
    variance = _variance_of_mean(of_positives) + _variance_of_mean(of_negatives)
    error = math.sqrt(variance)
    certain = 1.0 if difference == 0 else 0.0  # what is left where nothing varies
    p_value = float(2 * ndtr(-abs(difference) / error)) if error else certain
    half = _NORMAL_975 * error
    return DeLong(auc_a, auc_b, difference, difference - half, difference + half, p_value)


def _structural_components(scores: Array, positive: Array) -> tuple[Array, Array]:
    """For each positive the share of negatives below it, ties half; for each negative, positives above."""
    from scipy.stats import rankdata

    ones, zeros = scores[positive], scores[~positive]
    joint = rankdata(np.concatenate([ones, zeros]))
    below = (joint[: len(ones)] - rankdata(ones)) / len(zeros)
    above = 1 - (joint[len(ones) :] - rankdata(zeros)) / len(ones)
    return below, above


def _variance_of_mean(values: Array) -> float:
    return float(values.var(ddof=1)) / len(values) if len(values) > 1 else math.nan


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for their number, in the order given (Holm, Scand. J. Statistics 6, 1979)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - place) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def across_seeds(scores_a: Sequence[float], scores_b: Sequence[float]) -> SeedDifference:
    """The difference of mean scores over seeds, by Welch's t (Biometrika 34, 1947).

    scores_a, scores_b: one score a seed, at least two each; variances may differ.
    """
    from scipy.special import stdtr, stdtrit

    a, b = np.asarray(scores_a, np.float64), np.asarray(scores_b, np.float64)
    difference = float(a.mean() - b.mean())
    parts = np.array([_variance_of_mean(a), _variance_of_mean(b)])
    variance = float(parts.sum())
    if variance == 0:
        p_value = 1.0 if difference == 0 else 0.0
        return SeedDifference(float(a.mean()), float(b.mean()), difference, difference, difference, p_value)
    freedom = variance**2 / float((parts**2 / [len(a) - 1, len(b) - 1]).sum())
    error = math.sqrt(variance)
    half = float(stdtrit(freedom, 0.975)) * error
    p_value = float(2 * stdtr(freedom, -abs(difference) / error))
    return SeedDifference(
        float(a.mean()), float(b.mean()), difference, difference - half, difference + half, p_value
    )
