"""The losses that torch.nn lacks, and the names of all."""

from __future__ import annotations

from epochal.losses.build import LOSSES, SINGLE_OUTPUT_LOSSES, accepts_probabilities, build_loss, check_loss
from epochal.losses.class_weights import balanced_weights, positive_weights
from epochal.losses.dice import DiceLoss
from epochal.losses.focal import FocalLoss, SigmoidFocalLoss
from epochal.losses.weighted_sum import WeightedSum

__all__ = [
    "LOSSES",
    "SINGLE_OUTPUT_LOSSES",
    "DiceLoss",
    "FocalLoss",
    "SigmoidFocalLoss",
    "WeightedSum",
    "accepts_probabilities",
    "balanced_weights",
    "build_loss",
    "check_loss",
    "positive_weights",
]
