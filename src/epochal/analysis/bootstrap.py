"""95 % intervals of scores by the bootstrap: each score of many resamples, computed for all at once.

Resamples are weights of the samples: counts are sums of weights, and ranking scores need one sort for all
of them. The percentile interval is that of Efron & Tibshirani, An Introduction to the Bootstrap, 1993,
chapter 13.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from epochal.analysis.ranking import Ranking
from epochal.analysis.resample import Resampler, Weights, sums
from epochal.data.manifest import Array
from epochal.tasks.classification import Classification
from epochal.tasks.multilabel import Multilabel
from epochal.tasks.pixels import overall
from epochal.tasks.regression import Regression
from epochal.tasks.scores import Floats, Scores, places_of_targets, top_k
from epochal.tasks.segmentation import Segmentation
from epochal.tasks.task import Task

Interval = tuple[float, float]
Resampled = Callable[[Weights], dict[str, Floats]]
"""Weights [R, N] -> score name -> its values [R], NaN where it is undefined."""

_TAIL = 0.025
_METHOD = "percentile bootstrap of {} resamples of {}, 95 %"
_WORK = 200_000_000  # samples × resamples; some seconds
_RANKING_WORK = 1_500_000_000  # samples × classes × resamples; some seconds
_FEWEST = 200  # resamples for an interval
_OWN_TASKS = 200  # resamples through a task of the user's, one by one


@dataclass(frozen=True)
class Intervals:
    """values: score -> its 95 % interval, of those scores that have one. method: in words."""

    values: dict[str, Interval]
    method: str


def bootstrap_intervals(
    task: Task,
    predictions: Array,
    targets: Array,
    resampler: Resampler,
    resamples: int,
    means: Mapping[str, tuple[Floats, Floats]] | None = None,
    decided: Array | None = None,
) -> Intervals:
    """The interval of every overall score of these predictions.

    means: scores that are means, such as ``loss``: of each sample its value and what it counts, both [N].
    decided: as ``scores_at`` takes it.
    Above 200,000 samples fewer resamples do, of which ``method`` says the number. roc_auc and
    average_precision have no interval where samples times classes are more than 7.5 million.
    Nothing has an interval where all samples are of one group: how groups differ is unknown.
    A task or a metric of the user's is asked one resample at a time, 200 times; where it fails on a resample,
    which may lack a class, that one is left out.
    """
    unit = resampler.unit
    if resampler.groups is not None and resampler.units < 2:
        return Intervals({}, "all samples are of one group")
    if not isinstance(task, Classification | Multilabel | Regression | Segmentation):
        resamples = min(resamples, _OWN_TASKS)
        own = _one_by_one(task.all_scores, predictions, targets, resampler, resamples)
        return Intervals(_percentiles(own), f"percentile bootstrap of {resamples} resamples of {unit}, 95 %")
    resamples = min(resamples, max(_FEWEST, _WORK // len(predictions)))
    parts = [_counts_of(task, predictions if decided is None else decided, targets)]
    parts += [_weighted_mean(name, *columns) for name, columns in (means or {}).items()]
    drawn = _collect(parts, resampler, resamples)
    if isinstance(task, Classification | Multilabel):
        columns = range(1, 2) if isinstance(task, Classification) and len(task.names) == 2 else None
        work = len(predictions) * len(columns or task.names)
        ranked = min(resamples, _RANKING_WORK // work)
        if ranked >= min(resamples, _FEWEST):
            ranking = _rankings(predictions, _positives(task, targets), columns or range(len(task.names)))
            drawn |= _collect([ranking], resampler, ranked)
    if task.context.metrics:
        drawn |= _one_by_one(task.metrics, predictions, targets, resampler, min(resamples, _OWN_TASKS))
    intervals = _percentiles(drawn)
    method = _METHOD.format(resamples, unit)
    if isinstance(task, Classification | Multilabel):
        intervals = _with_exact_bounds(intervals, task, targets, resampler)
        method += "; the exact binomial bound where no resample has a mistake"
    return Intervals(intervals, method)


def _collect(parts: Sequence[Resampled], resampler: Resampler, resamples: int) -> dict[str, Floats]:
    """Every score of each resample, [resamples]."""
    blocks = [
        {name: values for part in parts for name, values in part(weights).items()}
        for weights in resampler.weights(resamples)
    ]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def _percentiles(drawn: dict[str, Floats]) -> dict[str, Interval]:
    found = {}
    for name, values in drawn.items():
        finite = values[np.isfinite(values)]
        if len(finite):
            low, high = np.quantile(finite, [_TAIL, 1 - _TAIL])
            found[name] = float(low), float(high)
    return found


def _counts_of(task: Task, predictions: Array, targets: Array) -> Resampled:
    if isinstance(task, Classification):
        return _class_counts(predictions, targets, len(task.names))
    if isinstance(task, Multilabel):
        return _label_counts(predictions > 0.5, targets > 0.5)
    if isinstance(task, Segmentation):
        return _pixel_counts(predictions, task.first)
    return _errors(predictions.astype(np.float64), targets.astype(np.float64))


def _class_counts(probabilities: Array, targets: Array, classes: int) -> Resampled:
    predictions = probabilities.argmax(axis=1)
    right = predictions == targets
    correct = _SumsBy(np.where(right, targets, classes), classes)  # the wrong ones in a class beyond
    predicted, support = _SumsBy(predictions, classes), _SumsBy(targets, classes)
    places = places_of_targets(probabilities, targets) if top_k(classes) else None

    def scores(weights: Weights) -> dict[str, Floats]:
        total = weights.sum(axis=1, dtype=np.float64)
        hits, called, there = correct(weights), predicted(weights), support(weights)
        recall = hits / np.maximum(there, 1)
        occurs = (there > 0) | (called > 0)
        found = {
            "accuracy": hits.sum(axis=1) / total,
            "balanced_accuracy": _mean(recall, there > 0),
            "precision": _mean(hits / np.maximum(called, 1), occurs),
            "recall": _mean(recall, occurs),
            "f1": _mean(2 * hits / np.maximum(called + there, 1), occurs),
        }
        if places is not None:
            found[f"top{top_k(classes)}_accuracy"] = weights[:, places < top_k(classes)].sum(axis=1) / total
        return found

    return scores


def _label_counts(predicted: Array, positive: Array) -> Resampled:
    columns = [each.astype(np.float32) for each in (predicted & positive, predicted, positive)]
    right = predicted == positive
    whole = np.stack([right.mean(axis=1), right.all(axis=1)], axis=1).astype(np.float32)

    def scores(weights: Weights) -> dict[str, Floats]:
        hits, called, there = ((weights @ each).astype(np.float64) for each in columns)
        shares = sums(weights, whole) / weights.sum(axis=1, keepdims=True)
        return {
            "accuracy": shares[:, 0],
            "exact_match": shares[:, 1],
            "precision": (hits / np.maximum(called, 1)).mean(axis=1),
            "recall": (hits / np.maximum(there, 1)).mean(axis=1),
            "f1": (2 * hits / np.maximum(called + there, 1)).mean(axis=1),
        }

    return scores


def _pixel_counts(confusions: Array, first: int) -> Resampled:
    """confusions: [N, K, K]."""
    classes = confusions.shape[1]
    flat = confusions.reshape(len(confusions), -1).astype(np.float32)

    def scores(weights: Weights) -> dict[str, Floats]:
        return overall(sums(weights, flat).reshape(-1, classes, classes), first)

    return scores


def _errors(predictions: Array, targets: Array) -> Resampled:
    residuals = predictions - targets
    if not np.isfinite(residuals).all():
        return lambda _: {}
    centred = targets - targets.mean(axis=0)  # so that their squares lose no digits

    def scores(weights: Weights) -> dict[str, Floats]:
        total = weights.sum(axis=1, keepdims=True, dtype=np.float64)
        squares, mean = sums(weights, residuals**2), sums(weights, centred) / total
        deviations = sums(weights, centred**2) - total * mean**2
        varies = deviations > 1e-12 * total * (centred**2).mean(axis=0)
        return {
            "mae": (sums(weights, np.abs(residuals)) / total).mean(axis=1),
            "rmse": np.sqrt(squares / total).mean(axis=1),
            "r2": _mean(1 - squares / np.where(varies, deviations, 1), varies),
        }

    return scores


def _weighted_mean(name: str, values: Floats, counts: Floats) -> Resampled:
    columns = np.stack([values * counts, counts], axis=1)

    def scores(weights: Weights) -> dict[str, Floats]:
        value, count = sums(weights, columns).T
        return {name: value / count}

    return scores


def _positives(task: Task, targets: Array) -> Callable[[int], Array]:
    """The samples [N] of a class or label."""
    return (lambda k: targets == k) if isinstance(task, Classification) else (lambda k: targets[:, k] > 0.5)


def _rankings(probabilities: Array, positive: Callable[[int], Array], columns: range) -> Resampled:
    rankings = [Ranking.of(probabilities[:, k], positive(k)) for k in columns]

    def scores(weights: Weights) -> dict[str, Floats]:
        areas, precisions = zip(*(ranking.scores(weights) for ranking in rankings), strict=True)
        stacked = np.stack(areas, axis=1), np.stack(precisions, axis=1)
        area, precision = (_mean(np.nan_to_num(each), np.isfinite(each)) for each in stacked)
        return {"roc_auc": area, "average_precision": precision}

    return scores


def _one_by_one(
    scores: Callable[[Array, Array], Scores],
    predictions: Array,
    targets: Array,
    resampler: Resampler,
    resamples: int,
) -> dict[str, Floats]:
    rows = []
    with warnings.catch_warnings(action="ignore"):
        for index in resampler.indices(resamples):
            try:
                rows.append(scores(predictions[index], targets[index]).overall)
            except Exception:  # noqa: S112 (a score may be undefined on a resample in any way)
                continue
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}


def _with_exact_bounds(
    intervals: dict[str, Interval], task: Task, targets: Array, resampler: Resampler
) -> dict[str, Interval]:
    """Where every resample is perfect, the lower bound that so many right ones allow.

    n right of n are compatible with a share of 0.025^(1/n) (Clopper & Pearson, Biometrika 26, 1934). Of a
    mean over classes, the class with the fewest samples may be that much lower; groups count as one.
    """
    low_is_good = ("loss", "brier")
    perfect = [name for name, each in intervals.items() if name not in low_is_good and each == (1.0, 1.0)]
    if not perfect:
        return intervals
    numbers = np.arange(resampler.rows) if resampler.groups is None else resampler.groups
    positive = _positives(task, targets)
    units = [len(np.unique(numbers[positive(k)])) for k in range(len(task.names))]
    present = [count for count in units if count]
    found = dict(intervals)
    for name in perfect:
        if name in ("accuracy", "exact_match") or name.startswith("top"):
            count, terms = resampler.units, 1
        else:
            binary = len(task.names) == 2 and name in ("roc_auc", "average_precision")
            count, terms = min(present), 1 if binary else len(present)
        found[name] = 1 - (1 - _TAIL ** (1 / count)) / terms, 1.0
    return found


class _SumsBy:
    """Sums of weights [R, N] over samples by class, float64 [R, K]; labels beyond K are left out."""

    def __init__(self, labels: Array, classes: int) -> None:
        self._classes = classes
        inside = np.flatnonzero(labels < classes)
        self._order = inside[np.argsort(labels[inside], kind="stable")]
        self._present, self._starts = np.unique(labels[self._order], return_index=True)

    def __call__(self, weights: Weights) -> Floats:
        sums = np.zeros((len(weights), self._classes))
        if len(self._present):
            ordered = weights.take(self._order, axis=1)
            sums[:, self._present] = np.add.reduceat(ordered, self._starts, axis=1)
        return sums


def _mean(values: Floats, counted: Array) -> Floats:
    """The mean of [R, K] over the entries that count; NaN where none does."""
    number = counted.sum(axis=1)
    with np.errstate(invalid="ignore"):
        mean: Floats = np.where(counted, values, 0).sum(axis=1) / np.where(number > 0, number, np.nan)
    return mean
