"""Scores of a whole split, overall and per class.

They are computed after every epoch, so the ranking scores share one sort a class; scikit-learn's functions,
which the tests hold these against, sort and validate anew for every score and take ten times as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Integers = npt.NDArray[np.integer[Any]]
Booleans = npt.NDArray[np.bool_]

DIRECTIONS: dict[str, Literal["max", "min"]] = {
    "loss": "min",
    "accuracy": "max",
    "balanced_accuracy": "max",
    "top5_accuracy": "max",
    "exact_match": "max",
    "precision": "max",
    "recall": "max",
    "f1": "max",
    "roc_auc": "max",
    "average_precision": "max",
    "dice": "max",
    "iou": "max",
    "pixel_accuracy": "max",
    "mae": "min",
    "mse": "min",
    "psnr": "max",
    "rmse": "min",
    "r2": "max",
}
"""Whether a score is better high or low."""


def direction(metric: str) -> Literal["max", "min"] | None:
    """The direction of a monitor such as ``val/accuracy`` or ``val/loss``; None for a name unknown here."""
    return DIRECTIONS.get(metric.rpartition("/")[2])


@dataclass(frozen=True)
class Scores:
    """The scores of one split.

    overall: score name -> value.
    per_class: class, label or target name -> score name -> value.

    A score that is undefined (the ROC AUC of a class without samples, the r2 of a constant target, the
    error of a prediction that is not finite) is absent; no value is NaN or infinite.
    """

    overall: dict[str, float]
    per_class: dict[str, dict[str, float]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The scores as plain dictionaries."""
        return {
            "overall": dict(self.overall),
            "per_class": {name: dict(scores) for name, scores in self.per_class.items()},
        }


@dataclass(frozen=True)
class OperatingPoints:
    """What a ranking of samples gives at each threshold, from the strictest to the loosest.

    thresholds: the M distinct scores, descending; a sample is called positive from the threshold on.
    true_positives, false_positives: how many are called so, int64 [M]; the last entries are the numbers of
        positive and of negative samples.
    """

    thresholds: Floats
    true_positives: Integers
    false_positives: Integers

    @property
    def roc_auc(self) -> float | None:
        """The area under the ROC curve by the trapezoidal rule; None unless both kinds of sample occur.

        It equals the Mann-Whitney statistic with ties counted half (Hanley & McNeil, Radiology 143, 1982).
        """
        pairs = int(self.true_positives[-1]) * int(self.false_positives[-1])
        if pairs == 0:
            return None
        heights = self.true_positives + np.concatenate(([0], self.true_positives[:-1]))
        return float(np.dot(np.diff(self.false_positives, prepend=0), heights)) / 2 / pairs

    @property
    def average_precision(self) -> float | None:
        """The sum over thresholds of (gain in recall) × precision; None where no sample is positive.

        The definition is scikit-learn's: nothing is interpolated.
        """
        positives = int(self.true_positives[-1])
        if positives == 0:
            return None
        precision = self.true_positives / (self.true_positives + self.false_positives)
        return float(np.dot(np.diff(self.true_positives, prepend=0), precision)) / positives


def operating_points(scores: Floats, positive: Booleans) -> OperatingPoints:
    """Rank N samples by their scores: float [N], and whether each is positive: bool [N], N > 0."""
    order = np.argsort(scores)[::-1]
    ranked = scores[order]
    last_of_ties = np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)
    true_positives = np.cumsum(positive[order])[last_of_ties]
    return OperatingPoints(ranked[last_of_ties], true_positives, last_of_ties + 1 - true_positives)


COUNTED = ("accuracy", "balanced_accuracy", "exact_match", "precision", "recall", "f1")
"""The scores that count decisions; the others rank or weigh probabilities."""

TOP_K = 5


def top_k(classes: int) -> int:
    """The k of ``top<k>_accuracy``, 5 as is the convention; 0 with so few classes that it says nothing."""
    return TOP_K if classes > TOP_K else 0


def places_of_targets(probabilities: Floats, targets: Integers) -> Integers:
    """How many classes come before a sample's own, int [N]; of equally probable ones, the first comes first.

    probabilities: float [N, K]. targets: class indices, int [N].
    """
    own = np.take_along_axis(probabilities, targets[:, None], axis=1)
    before = np.arange(probabilities.shape[1]) < targets[:, None]
    places: Integers = ((probabilities > own) | ((probabilities == own) & before)).sum(axis=1)
    return places


def classification_scores(probabilities: Floats, targets: Integers, names: Sequence[str]) -> Scores:
    """Scores of one class of several.

    probabilities: float [N, K]; the prediction is the most probable class, the first of equals.
    targets: class indices, int [N]. names: the K class names.

    top5_accuracy, the share of samples whose class is among the five most probable, is there where K > 5.
    precision, recall and f1 are averaged over the classes that occur among targets or predictions;
    balanced_accuracy is the mean recall of the classes among targets. roc_auc and average_precision are
    those of the second class where K = 2, else the mean of each class against the rest.
    """
    classes = len(names)
    predictions = probabilities.argmax(axis=1)
    support = np.bincount(targets, minlength=classes)
    predicted = np.bincount(predictions, minlength=classes)
    correct = np.bincount(targets[predictions == targets], minlength=classes)
    counted = _counted_scores(correct, predicted, support)
    occurs = (support > 0) | (predicted > 0)
    per_class = _per_class(probabilities, lambda k: targets == k, counted, support, names)
    ranked = [per_class[names[1]]] if classes == 2 else per_class.values()
    overall = {
        "accuracy": float(correct.sum() / len(targets)),
        **_top_accuracy(probabilities, targets),
        "balanced_accuracy": float(counted["recall"][support > 0].mean()),
        **{name: float(values[occurs].mean()) for name, values in counted.items()},
        **_means(("roc_auc", "average_precision"), ranked),
    }
    return Scores(overall, per_class)


def multilabel_scores(probabilities: Floats, targets: npt.NDArray[Any], names: Sequence[str]) -> Scores:
    """Scores of any of several labels.

    probabilities: float [N, L]; a label is predicted where its probability is above 0.5.
    targets: 0 or 1, [N, L]. names: the L label names.

    accuracy is the share of right (sample, label) pairs, exact_match the share of samples with every label
    right; the others are means over the labels.
    """
    positive = targets > 0.5
    predicted = probabilities > 0.5
    right = predicted == positive
    support = positive.sum(axis=0)
    counted = _counted_scores((predicted & positive).sum(axis=0), predicted.sum(axis=0), support)
    per_class = _per_class(probabilities, lambda k: positive[:, k], counted, support, names)
    overall = {
        "accuracy": float(right.mean()),
        "exact_match": float(right.all(axis=1).mean()),
        **{name: float(values.mean()) for name, values in counted.items()},
        **_means(("roc_auc", "average_precision"), per_class.values()),
    }
    return Scores(overall, per_class)


def regression_scores(predictions: Floats, targets: Floats, names: Sequence[str]) -> Scores:
    """mae, rmse and r2 of real values, in the units of the targets; overall, the means over the targets.

    predictions, targets: float [N, T]. names: the T target names.
    """
    predictions, targets = predictions.astype(np.float64), targets.astype(np.float64)
    per_class = {
        name: _errors(predictions[:, column], targets[:, column]) for column, name in enumerate(names)
    }
    return Scores(_means(("mae", "rmse", "r2"), per_class.values()), per_class)


def _top_accuracy(probabilities: Floats, targets: Integers) -> dict[str, float]:
    k = top_k(probabilities.shape[1])
    return {f"top{k}_accuracy": float((places_of_targets(probabilities, targets) < k).mean())} if k else {}


def _counted_scores(correct: Integers, predicted: Integers, support: Integers) -> dict[str, Floats]:
    """precision, recall and f1 of each class from counts [K]; 0 where nothing was predicted or there."""
    return {
        "precision": correct / np.maximum(predicted, 1),
        "recall": correct / np.maximum(support, 1),
        "f1": 2 * correct / np.maximum(predicted + support, 1),
    }


def _per_class(
    probabilities: Floats,
    positive: Any,
    counted: Mapping[str, Floats],
    support: Integers,
    names: Sequence[str],
) -> dict[str, dict[str, float]]:
    """All scores of each class; ``positive`` maps a column to the samples [N] of that class."""
    columns = np.ascontiguousarray(probabilities.T)
    per_class = {}
    for k, name in enumerate(names):
        points = operating_points(columns[k], positive(k))
        ranked = {"roc_auc": points.roc_auc, "average_precision": points.average_precision}
        per_class[name] = {
            **{score: float(values[k]) for score, values in counted.items()},
            **{score: value for score, value in ranked.items() if value is not None},
            "support": float(support[k]),
        }
    return per_class


def _errors(predictions: Floats, targets: Floats) -> dict[str, float]:
    """mae, rmse and r2 of one target [N]; only what is defined."""
    residuals = predictions - targets
    if not np.isfinite(residuals).all():
        return {}
    squares = float(np.dot(residuals, residuals))
    scores = {"mae": float(np.abs(residuals).mean()), "rmse": float(np.sqrt(squares / len(targets)))}
    if np.ptp(targets) > 0:
        deviations = targets - targets.mean()
        scores["r2"] = 1 - squares / float(np.dot(deviations, deviations))
    return scores


def _means(wanted: Iterable[str], each: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each wanted score over those that have it; absent where none has."""
    each = list(each)
    values = {score: [scores[score] for scores in each if score in scores] for score in wanted}
    return {score: float(np.mean(found)) for score, found in values.items() if found}
