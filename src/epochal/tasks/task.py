"""What a task is: the meaning of a batch."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl
from torch import Tensor, nn

from epochal.data.batch import Batch
from epochal.data.manifest import Array, TargetKind
from epochal.tasks.metrics import Metric
from epochal.tasks.scores import Scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Criterion = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class TaskContext:
    """What a task is told about its data.

    names: class names, label names, or target column names.
    criterion: (outputs, targets) -> scalar mean loss; None where nothing is trained (prediction), and for a
        task without a loss.
    single_output: the loss takes one logit for two classes.
    target_shift, target_scale: of each target column: what outputs are multiplied by and shifted with to
        give values in the units of the data (0 and 1 without ``normalize_target``).
    metrics: scores of the user's own, beside the task's.
    """

    names: tuple[str, ...]
    criterion: Criterion | None
    single_output: bool = False
    target_shift: tuple[float, ...] = ()
    target_scale: tuple[float, ...] = ()
    metrics: tuple[Metric, ...] = ()


class Task(ABC):
    """From a model's outputs to loss, predictions and scores. Subclasses are final.

    target: the kind of target that the task needs from a source.
    monitor: the score that chooses the best checkpoint unless the configuration names another; None where
        the last one is the best.
    has_loss: whether outputs have a loss and predictions; else ``training.step`` trains, and nothing but
        ``plots`` and ``training.validation`` is asked after it.
    """

    target: ClassVar[TargetKind]
    monitor: ClassVar[str | None]
    has_loss: ClassVar[bool] = True

    def __init__(self, context: TaskContext) -> None:
        self.context = context

    @property
    def names(self) -> tuple[str, ...]:
        """Class names, label names, or target column names."""
        return self.context.names

    @property
    def outputs(self) -> int:
        """The width that a model's output must have; 0 for outputs [B, ...] of any shape."""
        return len(self.names)

    def forward(self, model: nn.Module, batch: Batch) -> Tensor:
        """The model's outputs [B, outputs]; a model that gives [B] for one output is understood."""
        outputs: Tensor = batch.through(model)
        return outputs[:, None] if outputs.ndim == 1 and self.outputs == 1 else outputs

    def output_shape(self, targets: Tensor) -> tuple[int, ...]:  # noqa: ARG002 (of use to some tasks)
        """The shape of the outputs for one sample, beside a batch's targets."""
        return (self.outputs,)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The scalar mean loss of a batch."""
        assert self.context.criterion is not None, "a task for prediction has no loss"
        return self.context.criterion(outputs, targets)

    def plots(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor | Figure]:  # noqa: ARG002
        """Pictures of what the model makes of the first 64 samples of validation, by name; none by default.

        Drawn after each epoch and of the best weights, in evaluation mode: ``plots/NAME.png``, TensorBoard.
        A picture is images in the inputs' normalised units, [N, C, H, W] or, laid out in a grid,
        [rows, columns, C, H, W]; or a matplotlib figure.
        """
        return {}

    @abstractmethod
    def running(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Cheap scores as scalars on the device, each a mean over samples; averaged over the epoch.

        Called with the outputs and targets of several batches joined, some steps after their ``forward``.
        """

    @abstractmethod
    def predict(self, outputs: Tensor) -> Tensor:
        """Outputs to predictions: probabilities [N, K] or values [N, T]; float32."""

    def keep(self, outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """What an evaluation keeps of a batch, [B, ...] each: outputs and targets, unless they are too large.

        Then it is what loss, predictions and scores of the whole split are made of by ``kept_loss`` and
        ``kept_predictions``; ``scores``, ``curves`` and ``table`` get the latter, and the targets kept.
        """
        return outputs, targets

    def kept_loss(self, kept: Tensor, targets: Tensor) -> Tensor:
        """The scalar loss of a split from what was kept of it."""
        return self.loss(kept, targets)

    def kept_predictions(self, kept: Tensor) -> Tensor:
        """Predictions from what was kept."""
        return self.predict(kept)

    @abstractmethod
    def scores(self, predictions: Array, targets: Array) -> Scores:
        """Every score of these predictions; the loss is added by the caller."""

    def all_scores(self, predictions: Array, targets: Array) -> Scores:
        """``scores`` and ``metrics``."""
        scores, own = self.scores(predictions, targets), self.metrics(predictions, targets)
        return Scores({**scores.overall, **own.overall}, scores.per_class)

    def metrics(self, predictions: Array, targets: Array) -> Scores:
        """The metrics that the configuration names; one that is not finite is absent."""
        values = {metric.name: metric(predictions, targets) for metric in self.context.metrics}
        return Scores({name: value for name, value in values.items() if math.isfinite(value)})

    @abstractmethod
    def curves(self, predictions: Array, targets: Array) -> dict[str, pl.DataFrame]:
        """The coordinates behind each plot, by the name of the curve."""

    @abstractmethod
    def table(self, predictions: Array, targets: Array | None) -> dict[str, Any]:
        """Columns of a table of predictions: TARGET (where known), PREDICTION, PROBABILITY_<class>..."""


def float_columns(prefix: str, names: tuple[str, ...], values: Array) -> dict[str, Any]:
    """One column a name, ``prefix_name``, from values [N, len(names)]."""
    return {f"{prefix}_{name}": np.ascontiguousarray(values[:, i]) for i, name in enumerate(names)}
