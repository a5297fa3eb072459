"""Any of several labels at once."""

from __future__ import annotations

from typing import Any, final

import polars as pl
import torch
from torch import Tensor

from epochal.data.manifest import Array
from epochal.tasks.curves import multilabel_curves
from epochal.tasks.scores import Scores, multilabel_scores
from epochal.tasks.task import Task, float_columns


@final
class Multilabel(Task):
    """Targets are 0 or 1 a label, float32 [B, L]; outputs are a logit a label."""

    target = "labels"
    monitor = "val/f1"

    def running(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """The share of labels that are right."""
        return {"accuracy": ((outputs > 0) == (targets > 0.5)).float().mean()}

    def predict(self, outputs: Tensor) -> Tensor:
        """Probabilities [N, L]."""
        return torch.sigmoid(outputs.float())

    def scores(self, predictions: Array, targets: Array) -> Scores:
        """Accuracy, exact match, precision, recall, F1, ROC-AUC, average precision."""
        return multilabel_scores(predictions, targets, self.names)

    def curves(self, predictions: Array, targets: Array) -> dict[str, pl.DataFrame]:
        """ROC and precision-recall of each label."""
        return multilabel_curves(predictions, targets, self.names)

    def table(self, predictions: Array, targets: Array | None) -> dict[str, Any]:
        """Labels joined by ``;`` and a probability a label."""
        columns: dict[str, Any] = {} if targets is None else {"TARGET": self._joined(targets > 0)}
        columns["PREDICTION"] = self._joined(predictions > 0.5)
        return columns | float_columns("PROBABILITY", self.names, predictions)

    def _joined(self, chosen: Array) -> pl.Series:
        texts = [";".join(n for n, c in zip(self.names, row, strict=True) if c) for row in chosen]
        return pl.Series(texts, dtype=pl.String)
