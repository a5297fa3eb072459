"""Scores of masks from counts of pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from epochal.data.manifest import Array
from epochal.tasks.scores import Floats, Scores

_QUARTILES = (0.25, 0.5, 0.75)


def overlap(confusion: Array) -> tuple[Floats, Floats]:
    """Dice and IoU of each class, [..., K]; NaN for a class that is neither there nor predicted.

    confusion: pixels by true and predicted class, [..., K, K]. Dice is 2·|A∩B| / (|A| + |B|) (Dice 1945,
    Sørensen 1948), IoU is the part that both have of what either has (Jaccard 1912).
    """
    counts = confusion.astype(np.float64)
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    both = counts.sum(axis=-1) + counts.sum(axis=-2)
    there = both > 0
    dice: Floats = np.where(there, 2 * right / np.maximum(both, 1), np.nan)
    iou: Floats = np.where(there, right / np.maximum(both - right, 1), np.nan)
    return dice, iou


def mean_of(values: Floats, first: int) -> Floats:
    """The mean of [..., K] over the classes from ``first`` on that are defined; NaN where none is."""
    counted = values[..., first:]
    there = np.isfinite(counted)
    number = there.sum(axis=-1)
    mean: Floats = np.where(there, counted, 0).sum(axis=-1) / np.where(number > 0, number, np.nan)
    return mean


def overall(confusion: Array, first: int) -> dict[str, Floats]:
    """dice, iou and pixel_accuracy of confusions [..., K, K]; means are over classes from ``first`` on."""
    dice, iou = overlap(confusion)
    total = confusion.sum(axis=(-2, -1), dtype=np.float64)
    right = np.trace(confusion, axis1=-2, axis2=-1).astype(np.float64)
    accuracy = right / np.where(total > 0, total, np.nan)
    return {"dice": mean_of(dice, first), "iou": mean_of(iou, first), "pixel_accuracy": accuracy}


def mask_scores(confusions: Array, names: Sequence[str], first: int) -> Scores:
    """The scores of N images, [N, K, K], from the pixels of all of them together."""
    whole = confusions.sum(axis=0, dtype=np.int64)
    found = {name: float(value) for name, value in overall(whole, first).items() if np.isfinite(value)}
    dice, iou = overlap(whole)
    per_class = {
        name: {"dice": float(dice[k]), "iou": float(iou[k])}
        for k, name in enumerate(names)
        if np.isfinite(dice[k])
    }
    return Scores(found, per_class)


def dice_table(confusions: Array, names: Sequence[str]) -> pl.DataFrame:
    """CLASS, DICE and IOU of all pixels; and of images that have the class, IMAGES, and quartiles of Dice.

    A row a class that is there or predicted; LOW, MEDIAN and HIGH are empty where no image has the class.
    """
    dice, iou = overlap(confusions.sum(axis=0, dtype=np.int64))
    each, _ = overlap(confusions)
    has = confusions.sum(axis=2) > 0
    rows = []
    for k, name in enumerate(names):
        if np.isfinite(dice[k]):
            own = each[has[:, k], k]
            spread = np.quantile(own, _QUARTILES).tolist() if len(own) else [None] * len(_QUARTILES)
            rows.append((name, float(dice[k]), float(iou[k]), len(own), *spread))
    columns = ("CLASS", "DICE", "IOU", "IMAGES", "LOW", "MEDIAN", "HIGH")
    schema = dict.fromkeys(columns, pl.Float64) | {"CLASS": pl.String, "IMAGES": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")
