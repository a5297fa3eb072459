"""The scores of a whole split from the outputs for a few of its samples, before there are others."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from epochal.data.batch import Batch
from epochal.data.manifest import Array
from epochal.tasks.scores import Scores
from epochal.tasks.task import Task

_VALUES = 10_000_000
"""Predictions that a trial of scores takes at most: those of large splits would not fit in memory."""


def enough(targets: Tensor, outputs: int) -> Tensor:
    """The targets of a split, or where they are many some of them: spread, with the first of each class.

    targets: [N, ...]. outputs: the width of a prediction.
    """
    most = max(1000, _VALUES // max(1, outputs))
    if len(targets) <= most:
        return targets
    chosen = np.linspace(0, len(targets) - 1, most).astype(np.int64)
    if targets.ndim == 1:
        _, first = np.unique(targets.cpu().numpy(), return_index=True)
        chosen = np.union1d(chosen, first)
    return targets[torch.from_numpy(chosen)]


@final
class WholeSplit(Task):
    """A task whose loss, scores and curves are those of all targets of a split, a few outputs repeated.

    Which scores are defined depends on the targets: a few samples may lack a class that the split has.
    task: what computes them. targets: of the split, as an evaluation keeps them.
    """

    def __init__(self, task: Task, targets: Tensor) -> None:
        super().__init__(task.context)
        self._task = task
        self._targets = targets
        self._truth: Array = targets.cpu().numpy()

    @property
    def outputs(self) -> int:
        """The task's."""
        return self._task.outputs

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """The task's, of the few samples."""
        return self._task.forward(model, batch)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The task's, of the few samples."""
        return self._task.loss(outputs, targets)

    def keep(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """The task's, of the few samples."""
        return self._task.keep(outputs, targets)

    def kept_loss(self, kept: Tensor, targets: Tensor) -> Tensor:
        """Of the whole split."""
        index = torch.arange(len(self._targets), device=kept.device) % len(kept)
        return self._task.kept_loss(kept[index], self._targets.to(targets.device))

    def kept_predictions(self, kept: Tensor) -> Tensor:
        """The task's, of the few samples."""
        return self._task.kept_predictions(kept)

    def running(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """The task's, of the few samples."""
        return self._task.running(outputs, targets)

    def predict(self, outputs: Tensor) -> Tensor:
        """The task's, of the few samples."""
        return self._task.predict(outputs)

    def scores(self, predictions: Array, targets: Array) -> Scores:  # noqa: ARG002 (a task's signature)
        """Of the whole split."""
        return self._task.scores(self._repeated(predictions), self._truth)

    def all_scores(self, predictions: Array, targets: Array) -> Scores:  # noqa: ARG002 (a task's signature)
        """Of the whole split."""
        return self._task.all_scores(self._repeated(predictions), self._truth)

    def curves(self, predictions: Array, targets: Array) -> dict[str, pl.DataFrame]:  # noqa: ARG002
        """Of the whole split."""
        return self._task.curves(self._repeated(predictions), self._truth)

    def table(self, predictions: Array, targets: Array | None) -> dict[str, Any]:
        """The task's, of the few samples: a row each."""
        return self._task.table(predictions, targets)

    def _repeated(self, predictions: Array) -> Array:
        return np.resize(predictions, (len(self._truth), *predictions.shape[1:]))
