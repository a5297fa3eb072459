"""Weights that make rare classes and labels count as much as common ones."""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt

from epochal.data.manifest import Array, TargetKind

logger = logging.getLogger("epochal")

Weights = npt.NDArray[np.float64]


def balanced_weights(targets: Array, target_kind: TargetKind, classes: int) -> Weights:
    """n / (K n_k) for each of K classes or labels, [K]: scikit-learn's "balanced" (King & Zeng 2001).

    targets: of the training rows; class indices [N], labels [N, K] or pixels [N, K]. n_k is how often a
    class occurs, n the sum over classes. One that never occurs is weighted as if it had occurred once.
    """
    counts = _counts(targets, target_kind, classes)
    weights: Weights = counts.sum() / (classes * _at_least_one(counts))
    return weights


def positive_weights(targets: Array, target_kind: TargetKind, classes: int) -> Weights:
    """Negatives / positives, the ``pos_weight`` of binary cross-entropy.

    [K] for labels and for more than two classes (each against the rest); [1] for two classes, which are one
    yes-or-no output, positive for the second.
    """
    counts = _counts(targets, target_kind, classes)
    if target_kind == "class" and classes == 2:
        counts = counts[1:]
    weights: Weights = (len(targets) - counts) / _at_least_one(counts)
    return weights


def _counts(targets: Array, target_kind: TargetKind, classes: int) -> Weights:
    if target_kind in ("labels", "mask"):
        counts: Weights = targets.sum(axis=0, dtype=np.float64)
        return counts
    return np.bincount(targets, minlength=classes).astype(np.float64)


def _at_least_one(counts: Weights) -> Weights:
    absent = np.flatnonzero(counts == 0).tolist()
    if absent:
        logger.warning("no training sample has class or label %s; weighted as if one had", absent)
    return np.maximum(counts, 1)
