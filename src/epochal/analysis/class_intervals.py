"""95 % intervals of the scores of single classes, by the same resamples as those of the whole."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from epochal.analysis.bootstrap import Interval
from epochal.analysis.resample import Resampler, sums
from epochal.data.manifest import Array
from epochal.tasks.classification import Classification
from epochal.tasks.multilabel import Multilabel
from epochal.tasks.scores import Floats
from epochal.tasks.segmentation import Segmentation
from epochal.tasks.task import Task

_TAILS = (0.025, 0.975)
_WORK = 500_000_000  # samples × classes × resamples: a second or two
_FEWEST = 200  # resamples for an interval


def class_intervals(
    task: Task, chosen: Array, targets: Array, resampler: Resampler, resamples: int
) -> dict[str, dict[str, Interval]]:
    """Class or label -> precision, recall and f1, or dice and iou -> its interval.

    chosen: probabilities [N, K] that are decided by the largest, or by a half; of segmentation the counts of
    pixels [N, K, K]. Where no resample has a mistake, the bound is the binomial one of as many right ones
    (Clopper & Pearson, Biometrika 26, 1934), of f1 that of the fewer. Empty for tasks of other kinds, and
    where samples times classes are too many.
    """
    if not isinstance(task, Classification | Multilabel | Segmentation) or resampler.units < 2:
        return {}
    columns = _columns(task, chosen, targets)
    hits, called, there = columns
    resamples = min(resamples, _WORK // max(1, hits.size))
    if resamples < _FEWEST:
        return {}
    blocks = [[sums(weights, each) for each in columns] for weights in resampler.weights(resamples)]
    summed = [np.concatenate(parts) for parts in zip(*blocks, strict=True)]
    drawn = _overlap(*summed) if isinstance(task, Segmentation) else _counted(*summed)
    exact = {} if isinstance(task, Segmentation) else _exact(called, there, resampler)
    found: dict[str, dict[str, Interval]] = {}
    for k, name in enumerate(task.names):
        own = {score: _interval(values[:, k], exact.get(score, {}).get(k)) for score, values in drawn.items()}
        found[name] = {score: interval for score, interval in own.items() if interval is not None}
    return {name: scores for name, scores in found.items() if scores}


def _columns(task: Task, chosen: Array, targets: Array) -> tuple[Floats, Floats, Floats]:
    """Of each sample and class what is right, what is predicted and what is there, float32 [N, K]."""
    if isinstance(task, Segmentation):
        counts = chosen.astype(np.float32)
        return np.diagonal(counts, axis1=1, axis2=2).copy(), counts.sum(axis=1), counts.sum(axis=2)
    if isinstance(task, Multilabel):
        called, there = chosen > 0.5, targets > 0.5
    else:
        every = np.arange(len(task.names))
        called, there = chosen.argmax(axis=1)[:, None] == every, targets[:, None] == every
    hits, predicted, true = (each.astype(np.float32) for each in (called & there, called, there))
    return hits, predicted, true


def _counted(hits: Floats, called: Floats, there: Floats) -> dict[str, Floats]:
    """As the scores themselves: 0 where nothing is called so, undefined where a class is not there at all."""
    nowhere = (called + there) == 0
    found = {
        "precision": hits / np.maximum(called, 1),
        "recall": hits / np.maximum(there, 1),
        "f1": 2 * hits / np.maximum(called + there, 1),
    }
    return {name: np.where(nowhere, np.nan, values) for name, values in found.items()}


def _overlap(hits: Floats, called: Floats, there: Floats) -> dict[str, Floats]:
    both = called + there
    found = {"dice": 2 * hits / np.maximum(both, 1), "iou": hits / np.maximum(both - hits, 1)}
    return {name: np.where(both > 0, values, np.nan) for name, values in found.items()}


def _exact(called: Floats, there: Floats, resampler: Resampler) -> Mapping[str, dict[int, float]]:
    """The lower bound of each score of each class where all are right."""
    numbers = np.arange(resampler.rows) if resampler.groups is None else resampler.groups

    def bounds(columns: Floats) -> dict[int, float]:
        units = [len(np.unique(numbers[columns[:, k] > 0])) for k in range(columns.shape[1])]
        return {k: _TAILS[0] ** (1 / count) for k, count in enumerate(units) if count}

    precision, recall = bounds(called), bounds(there)
    f1 = {k: min(recall[k], precision.get(k, 1.0)) for k in recall}
    return {"precision": precision, "recall": recall, "f1": f1}


def _interval(values: Floats, exact: float | None) -> Interval | None:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return None
    low, high = np.quantile(finite, _TAILS)
    if exact is not None and low == 1:
        low = exact
    return float(low), float(high)
