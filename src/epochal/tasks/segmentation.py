"""A class for each pixel."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import polars as pl
import torch
from torch import Tensor

from epochal.data.manifest import Array
from epochal.data.masks.coding import IGNORED
from epochal.tasks.curves import confusion_table
from epochal.tasks.pixels import dice_table, mask_scores, mean_of, overlap
from epochal.tasks.scores import Scores
from epochal.tasks.task import Task, TaskContext

MOST_PAIRS = 20
"""Classes up to which a table of predictions has the pixels of each pair of them."""


@final
class Segmentation(Task):
    """Targets are masks int64 [B, H, W] of classes, 255 where a pixel is left out; outputs [B, K, H, W].

    background: whether the first class counts in the means of Dice and IoU.

    Of an image an evaluation keeps its pixels by true and predicted class and its loss, not its logits. The
    loss of a split is the mean over its images of the loss of each image alone; one without a labelled pixel
    is left out.
    """

    target = "mask"
    monitor = "val/dice"

    def __init__(self, context: TaskContext, background: bool = True) -> None:
        super().__init__(context)
        self.first = 0 if background else 1

    def output_shape(self, targets: Tensor) -> tuple[int, ...]:
        """[K, H, W]."""
        return (self.outputs, *targets.shape[1:])

    def running(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """The share of labelled pixels that are right, of each image."""
        labelled = targets != IGNORED
        right = ((outputs.argmax(dim=1) == targets) & labelled).flatten(1).sum(dim=1)
        return {"pixel_accuracy": (right / labelled.flatten(1).sum(dim=1).clamp(min=1)).mean()}

    def predict(self, outputs: Tensor) -> Tensor:
        """Probabilities [B, K, H, W]."""
        return torch.softmax(outputs.float(), dim=1)

    def keep(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """float64 [B, K·K + 1], pixels by true and predicted class and the loss; pixels of classes [B, K]."""
        classes, count = self.outputs, len(outputs)
        image = torch.arange(count, device=targets.device).view(-1, 1, 1)
        pairs = (image * classes + targets) * classes + outputs.argmax(dim=1)
        counts = torch.bincount(pairs[targets != IGNORED], minlength=count * classes**2)
        confusion = counts.view(count, classes, classes)
        losses = torch.full((count, 1), torch.nan, device=targets.device)
        if self.context.criterion is not None:
            each = [self.loss(outputs[row : row + 1], targets[row : row + 1]) for row in range(count)]
            labelled = (targets != IGNORED).flatten(1).any(dim=1)
            losses[:, 0] = torch.where(labelled, torch.stack(each).float(), torch.nan)
        dtype = torch.float32 if outputs.device.type == "mps" else torch.float64  # MPS has no float64
        return torch.cat([confusion.flatten(1).to(dtype), losses.to(dtype)], dim=1), confusion.sum(dim=2)

    def kept_loss(self, kept: Tensor, targets: Tensor) -> Tensor:  # noqa: ARG002 (a task's signature)
        """The mean of the images' losses."""
        return torch.nanmean(self.losses(kept))

    def losses(self, kept: Tensor) -> Tensor:
        """The loss of each image [N], NaN for one without a labelled pixel."""
        return kept[:, -1]

    def kept_predictions(self, kept: Tensor) -> Tensor:
        """Pixels by true and predicted class, int32 [N, K, K]."""
        return kept[:, :-1].to(torch.int32).view(-1, self.outputs, self.outputs)

    def scores(self, predictions: Array, targets: Array) -> Scores:  # noqa: ARG002
        """Dice, IoU and pixel accuracy of the pixels of all images, and Dice and IoU of each class."""
        return mask_scores(predictions, self.names, self.first)

    def curves(self, predictions: Array, targets: Array) -> dict[str, pl.DataFrame]:  # noqa: ARG002
        """The confusion matrix of pixels, and the Dice of each class with its spread over images."""
        whole = predictions.sum(axis=0, dtype=np.int64)
        return {"confusion": confusion_table(whole, self.names), "dice": dice_table(predictions, self.names)}

    def table(self, predictions: Array, targets: Array | None) -> dict[str, Any]:  # noqa: ARG002
        """DICE and IOU of each image and class, empty where it is not defined; and its pixels by class.

        predictions: pixels by true and predicted class, [N, K, K].
        """
        dice, iou = overlap(predictions)
        columns: dict[str, Any] = {
            "DICE": _filled(mean_of(dice, self.first)),
            "IOU": _filled(mean_of(iou, self.first)),
        }
        for word, values in (("DICE", dice), ("IOU", iou)):
            columns |= {f"{word}_{name}": _filled(values[:, k]) for k, name in enumerate(self.names)}
        if len(self.names) <= MOST_PAIRS:
            columns |= {
                pair_column(true, predicted): np.ascontiguousarray(predictions[:, i, j])
                for i, true in enumerate(self.names)
                for j, predicted in enumerate(self.names)
            }
        return columns


def pair_column(true: str, predicted: str) -> str:
    """The column of how many pixels of one class are predicted as another."""
    return f"PIXELS_{true}_AS_{predicted}"


def _filled(values: Array) -> pl.Series:
    return pl.Series(values, dtype=pl.Float64).fill_nan(None)
