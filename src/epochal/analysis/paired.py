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
    (Davison & Hinkley, Bootstrap Methods, 1997, section 4.4). With few groups there are few resamples that
    differ: the p-value is never below 2^(1 - groups), the least that swapping the models in each of them can
    give. Interval and p-value are NaN where the score is undefined throughout, or all rows are of one group.
    """
    observed = score(predictions_a, targets) - score(predictions_b, targets)
    resampler = Resampler(len(targets), group_numbers(groups), seed)
    if resampler.units < 2:
        return Difference(float(observed), math.nan, math.nan, math.nan)
    drawn = np.array(
        [
            score(predictions_a[rows], targets[rows]) - score(predictions_b[rows], targets[rows])
            for rows in resampler.indices(resamples)
        ]
    )
    drawn = drawn[np.isfinite(drawn)]
    if len(drawn) == 0:
        return Difference(observed, math.nan, math.nan, math.nan)
    low, high = np.percentile(drawn, [2.5, 97.5])
    smaller = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    p_value = min(1.0, max(2 * (smaller + 1) / (len(drawn) + 1), 2.0 ** (1 - resampler.units)))
    return Difference(float(observed), float(low), float(high), p_value)


def mcnemar(correct_a: Array, correct_b: Array, groups: Array | None = None) -> float:
    """The two-sided p-value of equal accuracy on the same samples (McNemar, Psychometrika 12, 1947).

    correct_a, correct_b: bool [N], whether each is right. groups: [N] of any kind, or None where each sample
    stands for itself. d of a group is on how many of its samples only a is right, less on how many only b is.
    With fewer than 25 groups whose d is not 0, the exact test in which any of them may change its sign: of
    single samples the binomial test. Else chi-square, (|sum of d| - 1)^2 / sum of d^2: the test of Obuchowski
    (Statistics in Medicine 17, 1998) as modified by Yang, Sun & Hardin (Biometrical Journal 52, 2010), with
    the continuity correction of Edwards (1948), which is McNemar's where samples are single.
    """
    from scipy.stats import chi2  # a third of a second, only where two runs are compared

    leads = np.asarray(correct_a, np.int64) - np.asarray(correct_b, np.int64)
    if groups is not None:
        leads = np.bincount(group_numbers(groups), weights=leads).astype(np.int64)
    leads = leads[leads != 0]
    lead = abs(int(leads.sum()))
    if len(leads) < _FEW_DISCORDANT:
        return _share_as_far(np.abs(leads), lead)
    return float(chi2.sf(max(0, lead - 1) ** 2 / (leads**2).sum(), 1))


def _share_as_far(sizes: Array, sum_: int) -> float:
    """The share of all choices of signs for int [D] sizes whose sum is at least so far from 0."""
    shares = np.ones(1)  # of the sums from -M to M in steps of 1, M the sum of the sizes so far
    for size in sizes:
        wider = np.zeros(len(shares) + 2 * size)
        wider[: len(shares)] += shares / 2
        wider[2 * size :] += shares / 2
        shares = wider
    sums = np.arange(len(shares)) - len(shares) // 2
    return float(min(1.0, shares[np.abs(sums) >= sum_].sum()))


def delong(scores_a: Array, scores_b: Array, targets: Array, groups: Array | None = None) -> DeLong:
    """Compare two areas under ROC curves of the same samples.

    scores_a, scores_b: float [N]. targets: bool or 0 and 1, [N], both kinds among them. groups: [N] of any
    kind, or None where each sample stands for itself. With samples of one kind in a single group nothing is
    known of the variance, and where all say the same there is none: interval and p-value are NaN.
    DeLong, DeLong & Clarke-Pearson, Biometrics 44, 1988, by the midranks of Sun & Xu, IEEE Signal Processing
    Letters 21, 2014; of groups with the variance of Obuchowski, Biometrics 53, 1997, which is DeLong's where
    samples are single.
    """
    from scipy.special import ndtr

    positive = np.asarray(targets) > 0.5
    parts = [_structural_components(np.asarray(scores), positive) for scores in (scores_a, scores_b)]
    auc_a, auc_b = (float(of_positives.mean()) for of_positives, _ in parts)
    difference = auc_a - auc_b
    of_positives, of_negatives = (parts[0][side] - parts[1][side] - difference for side in (0, 1))
    numbers = np.arange(len(positive)) if groups is None else group_numbers(groups)
    error = math.sqrt(_variance_by_group(of_positives, of_negatives, numbers, positive))
    if error == 0 and difference != 0:
        return DeLong(auc_a, auc_b, difference, math.nan, math.nan, math.nan)
    p_value = float(2 * ndtr(-abs(difference) / error)) if error else 1.0
    half = _NORMAL_975 * error
    return DeLong(auc_a, auc_b, difference, difference - half, difference + half, p_value)


def _variance_by_group(of_positives: Array, of_negatives: Array, numbers: Array, positive: Array) -> float:
    """Of the mean of structural components, both less their mean (Obuchowski 1997)."""
    count = int(numbers.max()) + 1
    sides, having = [], []
    for values, chosen in ((of_positives, positive), (of_negatives, ~positive)):
        sides.append(np.bincount(numbers[chosen], weights=values, minlength=count) / len(values))
        having.append(len(np.unique(numbers[chosen])))
    if min(having) < 2:
        return math.nan
    own = sum(n / (n - 1) * float(side @ side) for n, side in zip(having, sides, strict=True))
    return max(0.0, own + 2 * count / (count - 1) * float(sides[0] @ sides[1]))


def _structural_components(scores: Array, positive: Array) -> tuple[Array, Array]:
    """For each positive the share of negatives below it, ties half; for each negative, positives above."""
    from scipy.stats import rankdata

    ones, zeros = scores[positive], scores[~positive]
    joint = rankdata(np.concatenate([ones, zeros]))
    below = (joint[: len(ones)] - rankdata(ones)) / len(zeros)
    above = 1 - (joint[len(ones) :] - rankdata(zeros)) / len(ones)
    return below, above


def _variance_of_mean(values: Array) -> float:
    return float(values.var(ddof=1)) / len(values)


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

    scores_a, scores_b: one score a seed, at least two each; variances may differ. Where the scores of
    each side are all the same, there is no spread to judge by: interval and p-value are NaN.
    """
    from scipy.special import stdtr, stdtrit

    a, b = np.asarray(scores_a, np.float64), np.asarray(scores_b, np.float64)
    means = float(a.mean()), float(b.mean())
    difference = means[0] - means[1]
    if np.ptp(a) == np.ptp(b) == 0:  # the variance of equal scores may be a rounding error above 0
        return SeedDifference(*means, difference, math.nan, math.nan, math.nan)
    parts = np.array([_variance_of_mean(a), _variance_of_mean(b)])
    variance = float(parts.sum())
    freedom = variance**2 / float((parts**2 / [len(a) - 1, len(b) - 1]).sum())
    error = math.sqrt(variance)
    half = float(stdtrit(freedom, 0.975)) * error
    p_value = float(2 * stdtr(freedom, -abs(difference) / error))
    return SeedDifference(*means, difference, difference - half, difference + half, p_value)
