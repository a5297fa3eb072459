"""One or several real values."""

from __future__ import annotations

from typing import Any, final

import polars as pl
import torch
from torch import Tensor

from epochal.data.manifest import Array
from epochal.tasks.curves import regression_curves
from epochal.tasks.scores import Scores, regression_scores
from epochal.tasks.task import Task, TaskContext, float_columns


@final
class Regression(Task):
    """Targets are values float32 [B, T], in the units of the data; outputs are [B, T].

    With ``data.normalize_target`` the loss is taken on standardised targets, and predictions are brought
    back to the units of the data.
    """

    target = "value"
    monitor = "val/loss"

    def __init__(self, context: TaskContext) -> None:
        super().__init__(context)
        shift, scale = context.target_shift, context.target_scale
        self._plain = all(entry == 0 for entry in shift) and all(entry == 1 for entry in scale)
        self._units = torch.tensor(shift), torch.tensor(scale)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss on standardised targets where the configuration asks for it."""
        if self._plain:
            return super().loss(outputs, targets)
        shift, scale = self._units_on(outputs.device)
        return super().loss(outputs, (targets - shift) / scale)

    def running(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Mean absolute error in the units of the data."""
        return {"mae": (self.predict(outputs) - targets).abs().mean()}

    def predict(self, outputs: Tensor) -> Tensor:
        """Values [N, T] in the units of the data."""
        outputs = outputs.float()
        if self._plain:
            return outputs
        shift, scale = self._units_on(outputs.device)
        return outputs * scale + shift

    def _units_on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Shift and scale [T], copied to the device once: a copy in every step would wait for it."""
        shift, scale = self._units
        if shift.device != device:
            self._units = shift.to(device), scale.to(device)
        return self._units

    def scores(self, predictions: Array, targets: Array) -> Scores:
        """MAE, RMSE, R², overall and a target column."""
        return regression_scores(predictions, targets, self.names)

    def curves(self, predictions: Array, targets: Array) -> dict[str, pl.DataFrame]:
        """Predicted against true values."""
        return regression_curves(predictions, targets, self.names)

    def table(self, predictions: Array, targets: Array | None) -> dict[str, Any]:
        """TARGET and PREDICTION; with the column's name attached where there are several."""
        if len(self.names) > 1:
            known = {} if targets is None else float_columns("TARGET", self.names, targets)
            return known | float_columns("PREDICTION", self.names, predictions)
        columns = {} if targets is None else {"TARGET": targets[:, 0]}
        return columns | {"PREDICTION": predictions[:, 0]}
