"""All that is said of a split's predictions beside their scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from epochal.analysis.bootstrap import bootstrap_intervals
from epochal.analysis.calibration import (
    brier_squares,
    class_reliability,
    expected_calibration_error,
    label_brier_squares,
    label_calibration_error,
    label_reliability,
)
from epochal.analysis.class_intervals import class_intervals
from epochal.analysis.config import EvaluationConfig
from epochal.analysis.decision import takes_temperature
from epochal.analysis.mistakes import confused_pairs, worst_masks, worst_samples
from epochal.analysis.resample import Resampler, group_numbers
from epochal.analysis.subgroups import column_texts, fairness_gaps, subgroup_scores
from epochal.data.manifest import Array
from epochal.tasks.classification import Classification
from epochal.tasks.multilabel import Multilabel
from epochal.tasks.regression import Regression
from epochal.tasks.scores import Floats
from epochal.tasks.segmentation import Segmentation
from epochal.tasks.task import Task


def assess(
    task: Task,
    predictions: Array,
    targets: Array,
    config: EvaluationConfig,
    seed: int,
    *,
    decided: Array | None = None,
    groups: Array | None = None,
    columns: pl.DataFrame | None = None,
    losses: tuple[Floats, Floats] | None = None,
) -> dict[str, Any]:
    """``intervals``, ``class_intervals``, ``calibration``, ``subgroups`` and ``gaps``, as JSON has them.

    Beside the intervals stand ``interval_units``, how many samples or groups were resampled, and where these
    are few ``interval_warning``.
    predictions: probabilities [N, K] or values [N, T], all finite. targets: [N, ...]. decided: as
    ``scores_at`` takes it. groups: [N], what is resampled together. columns: N rows; those that
    ``config.subgroups`` names. losses: as ``sample_losses`` gives them. A key that does not apply is absent.
    """
    found: dict[str, Any] = {}
    if config.resamples:
        resampler = Resampler(len(predictions), group_numbers(groups), seed)
        means = {} if losses is None else {"loss": losses}
        if takes_temperature(task):
            means["brier"] = _brier_squares(task, predictions, targets), np.ones(len(predictions))
        intervals = bootstrap_intervals(
            task, predictions, targets, resampler, config.resamples, means, decided
        )
        found |= {
            "intervals": intervals.values,
            "interval_method": intervals.method,
            "interval_units": {resampler.unit: resampler.units},
        }
        chosen = predictions if decided is None else decided
        of_classes = class_intervals(task, chosen, targets, resampler, config.resamples)
        if of_classes:
            found["class_intervals"] = of_classes
        if resampler.doubt and intervals.values:
            found["interval_warning"] = resampler.doubt
    if takes_temperature(task):
        found["calibration"] = calibration(task, predictions, targets)
    if columns is not None and config.subgroups:
        found["subgroups"] = {
            name: subgroup_scores(
                task, predictions, targets, columns[name], groups, config.resamples, seed, decided
            )
            for name in config.subgroups
        }
        chosen = predictions if decided is None else decided
        gaps = {
            name: _gaps(task, chosen, targets, columns[name], found["subgroups"][name])
            for name in config.subgroups
        }
        found |= {"gaps": {name: each for name, each in gaps.items() if each}}
    return found


def calibration(task: Task, probabilities: Array, targets: Array) -> dict[str, float]:
    """ece and brier of classes or labels."""
    error = expected_calibration_error if isinstance(task, Classification) else label_calibration_error
    brier = _brier_squares(task, probabilities, targets).mean()
    return {"ece": error(probabilities, targets), "brier": float(brier)}


def reliability(task: Task, probabilities: Array, targets: Array) -> pl.DataFrame:
    """The table ``calibration`` of classes or labels: CLASS, CONFIDENCE, FREQUENCY, COUNT."""
    table = class_reliability if isinstance(task, Classification) else label_reliability
    return table(probabilities, targets, task.names)


def mistakes(
    task: Task, table: pl.DataFrame, predictions: Array, decided: Array | None, targets: Array
) -> dict[str, pl.DataFrame]:
    """The tables ``calibration``, ``confused`` and ``errors``, where the task is one of epochal's own.

    table: of the predictions, a row a sample. predictions, decided, targets: as ``scores_at`` takes them.
    """
    if isinstance(task, Segmentation):
        return {"errors": worst_masks(table)}
    if not isinstance(task, Classification | Multilabel | Regression):
        return {}
    chosen = predictions if decided is None else decided
    found = {"errors": worst_samples(task, table, predictions, chosen, targets)}
    if takes_temperature(task):
        found["calibration"] = reliability(task, predictions, targets)
    if isinstance(task, Classification):
        found["confused"] = confused_pairs(chosen.argmax(axis=1), targets, task.names)
    return found


def _brier_squares(task: Task, probabilities: Array, targets: Array) -> Floats:
    squares = brier_squares if isinstance(task, Classification) else label_brier_squares
    return squares(probabilities, targets)


def _gaps(
    task: Task, decided: Array, targets: Array, column: pl.Series, subgroups: dict[str, Any]
) -> dict[str, float]:
    """The fairness gaps of classes or labels; none for values, or tasks of the user's.

    Between the subgroups that are large enough to judge, or all of them where these are fewer than two.
    """
    groups = column_texts(column)
    large = [value for value, found in subgroups.items() if not found["too_small"]]
    if len(large) > 1:
        judged = np.isin(groups, large)
        decided, targets, groups = decided[judged], targets[judged], groups[judged]
    if isinstance(task, Multilabel):
        return fairness_gaps(decided > 0.5, targets > 0.5, groups)
    if not isinstance(task, Classification):
        return {}
    first = 1 if len(task.names) == 2 else 0
    classes = np.arange(first, len(task.names))
    chosen = decided.argmax(axis=1)[:, None] == classes
    return fairness_gaps(chosen, targets[:, None] == classes, groups)
