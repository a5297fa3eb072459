"""One class of several."""

from __future__ import annotations

from typing import Any, final

import polars as pl
import torch
from torch import Tensor

from epochal.data.manifest import Array
from epochal.tasks.curves import classification_curves
from epochal.tasks.scores import Scores, classification_scores
from epochal.tasks.task import Task, float_columns


@final
class Classification(Task):
    """Targets are class indices; outputs are a logit a class, or one logit where the loss wants it so."""

    target = "class"
    monitor = "val/accuracy"

    @property
    def outputs(self) -> int:
        """The number of classes; 1 for two classes under a loss on a single logit."""
        return 1 if self.context.single_output else len(self.names)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Targets: class indices int64 [B], or probabilities float32 [B, K] after mixing."""
        if self.context.single_output:
            positive = targets[:, 1] if targets.ndim == 2 else targets.float()
            return super().loss(outputs[:, 0], positive)
        return super().loss(outputs, targets)

    def running(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Accuracy; against the larger share where targets are mixed."""
        hard = targets.argmax(dim=1) if targets.ndim == 2 else targets
        chosen = (outputs[:, 0] > 0).long() if self.context.single_output else outputs.argmax(dim=1)
        return {"accuracy": (chosen == hard).float().mean()}

    def predict(self, outputs: Tensor) -> Tensor:
        """Probabilities [N, K]."""
        if self.context.single_output:
            positive = torch.sigmoid(outputs.float())
            return torch.cat([1 - positive, positive], dim=1)
        return torch.softmax(outputs.float(), dim=1)

    def scores(self, predictions: Array, targets: Array) -> Scores:
        """Accuracy, balanced accuracy, precision, recall, F1, ROC-AUC, average precision."""
        return classification_scores(predictions, targets, self.names)

    def curves(self, predictions: Array, targets: Array) -> dict[str, pl.DataFrame]:
        """Confusion matrix, ROC, precision-recall."""
        return classification_curves(predictions, targets, self.names)

    def table(self, predictions: Array, targets: Array | None) -> dict[str, Any]:
        """Class names and a probability a class."""
        names = pl.Series(self.names, dtype=pl.String)
        columns: dict[str, Any] = {} if targets is None else {"TARGET": names.gather(targets)}
        columns["PREDICTION"] = names.gather(predictions.argmax(axis=1))
        return columns | float_columns("PROBABILITY", self.names, predictions)
