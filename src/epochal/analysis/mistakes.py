"""Where a model is wrong: pairs of classes, and single samples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from epochal.data.manifest import Array
from epochal.tasks.classification import Classification
from epochal.tasks.multilabel import Multilabel
from epochal.tasks.task import Task

MOST = 12
"""Samples of a kind that are shown."""


def confused_pairs(predicted: Array, targets: Array, names: Sequence[str]) -> pl.DataFrame:
    """TARGET, PREDICTION, COUNT, SHARE (of the samples of TARGET), the most frequent confusion first.

    predicted, targets: class indices, int [N].
    """
    classes = len(names)
    support = np.bincount(targets, minlength=classes)
    wrong = predicted != targets
    pairs, counts = np.unique(targets[wrong] * classes + predicted[wrong], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    target, prediction = np.divmod(pairs[order], classes)
    texts = pl.Series(list(names), dtype=pl.String)
    return pl.DataFrame(
        {
            "TARGET": texts.gather(target),
            "PREDICTION": texts.gather(prediction),
            "COUNT": counts[order],
            "SHARE": counts[order] / support[target],
        }
    )


def worst_samples(
    task: Task, table: pl.DataFrame, predictions: Array, decided: Array, targets: Array
) -> pl.DataFrame:
    """KIND, RANK, INDEX, FILENAME, TARGET, PREDICTION and CONFIDENCE, twelve samples of a kind, worst first.

    table: of the predictions, a row a sample. predictions, decided: probabilities [N, K], and the same with
    thresholds applied. KIND is ``confidently_wrong`` or ``least_certain``; CONFIDENCE is the probability of
    what is predicted, of labels that of the worst one. Of values KIND is ``largest_error``, and ERROR stands
    for CONFIDENCE: the mean over targets of the distance, in standard deviations of the target.
    """
    named = table.select(pl.exclude("^PROBABILITY_.*$"))
    if isinstance(task, Classification):
        confidence = _of_decided(task, predictions, decided)[:, 0]
        wrong = np.where(decided.argmax(axis=1) != targets, confidence, -1.0)
    elif isinstance(task, Multilabel):
        each = _of_decided(task, predictions, decided)
        confidence = each.min(axis=1)
        wrong = np.where((decided > 0.5) != (targets > 0.5), each, -1.0).max(axis=1)
    else:
        spread = targets.std(axis=0)
        errors = (np.abs(predictions - targets) / np.where(spread > 0, spread, 1)).mean(axis=1)
        return _ranked(named, "largest_error", np.argsort(-errors, kind="stable")[:MOST], "ERROR", errors)
    order = np.argsort(-wrong, kind="stable")[:MOST]
    confident = order[wrong[order] >= 0]
    uncertain = np.argsort(confidence, kind="stable")[:MOST]
    return pl.concat(
        [
            _ranked(named, "confidently_wrong", confident, "CONFIDENCE", wrong),
            _ranked(named, "least_certain", uncertain, "CONFIDENCE", confidence),
        ]
    )


def _of_decided(task: Task, predictions: Array, decided: Array) -> Array:
    """The probability of what is decided: [N, 1] of classes, of labels [N, L], of its presence or absence."""
    if isinstance(task, Classification):
        return np.take_along_axis(predictions, decided.argmax(axis=1)[:, None], axis=1)
    return np.where(decided > 0.5, predictions, 1 - predictions)


def worst_masks(table: pl.DataFrame) -> pl.DataFrame:
    """KIND, RANK, INDEX, FILENAME, and DICE, IOU and DICE_<class> of the twelve images of the lowest Dice.

    table: of the predictions, a row an image; those whose Dice is not defined are left out.
    """
    named = table.select(pl.exclude("^(PIXELS|IOU)_.*$"))
    values = table["DICE"].fill_null(np.inf).to_numpy()
    order = np.argsort(values, kind="stable")[:MOST]
    chosen: pl.DataFrame = named[order[np.isfinite(values[order])].tolist()]
    return chosen.select(
        pl.lit("lowest_dice").alias("KIND"),
        pl.int_range(1, len(chosen) + 1).alias("RANK"),
        pl.all(),
    )


def _ranked(named: pl.DataFrame, kind: str, rows: Array, column: str, values: Array) -> pl.DataFrame:
    ranked: pl.DataFrame = named[rows.tolist()].select(
        pl.lit(kind).alias("KIND"),
        pl.Series("RANK", np.arange(1, len(rows) + 1), dtype=pl.Int64),
        pl.all(),
        pl.Series(column, values[rows], dtype=pl.Float64),
    )
    return ranked


def sorted_by_loss(
    task: Task, table: pl.DataFrame, predictions: Array, decided: Array, losses: Array
) -> pl.DataFrame:
    """The table of predictions with LOSS and, of classes and labels, CONFIDENCE; the largest loss first.

    predictions, decided, CONFIDENCE: as in ``worst_samples``.
    """
    added = [pl.Series("LOSS", losses)]
    if isinstance(task, Classification | Multilabel):
        added.append(pl.Series("CONFIDENCE", _of_decided(task, predictions, decided).min(axis=1)))
    return table.with_columns(added).sort("LOSS", descending=True, maintain_order=True)
