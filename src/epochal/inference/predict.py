"""Predictions for samples without targets, prepared exactly as in training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from epochal.analysis.decision import Decision
from epochal.data.batch import Batch
from epochal.data.encode.encoding import Encoding
from epochal.data.inputs import Inputs
from epochal.data.jpeg import Target
from epochal.data.manifest import Array, Kind
from epochal.data.prepare import Prepare
from epochal.data.statistics import Normalizer
from epochal.data.values import to_float
from epochal.errors import DataError, Problem
from epochal.inference.evaluate import Autocast
from epochal.tasks.task import Task


@dataclass(frozen=True)
class Predictor:
    """A trained model with the preprocessing it was trained with.

    kind: of the samples it takes. shape: of a prepared sample. channels: that image files are read with.
    features: names of the columns that it takes. channels_last: the layout of its batches of images.
    decision: the temperature that outputs are divided by, and the thresholds of predictions.
    target: the resize that image files were decoded for in training; None where nothing was so decoded.
    encoding, beside: how samples, and columns that are a second input, become numbers.
    """

    model: nn.Module
    task: Task
    prepare: Prepare
    normalizer: Normalizer
    device: torch.device
    autocast: Autocast
    channels_last: bool
    kind: Kind
    shape: tuple[int, ...]
    channels: int | None
    features: tuple[str, ...]
    target: Target | None = None
    encoding: Encoding | None = None
    beside: Encoding | None = None
    decision: Decision = field(default_factory=Decision)

    def predict(
        self, inputs: Inputs, batch_size: int = 128, advance: Callable[[int], None] = lambda _: None
    ) -> Array:
        """Probabilities [N, K] or values [N, T], float32, in the order of the inputs; none for none.

        Raises DataError naming the input whose shape, once prepared, is not the model's.
        """
        predictions = []
        self.model.eval()
        with torch.no_grad():  # not inference_mode: the model may be trained on
            for rows in _chunks(len(inputs), batch_size):
                batch = self._batch([self._sample(inputs, row) for row in rows], rows)
                with self.autocast():  # as in training: not around prepare
                    outputs = self.task.forward(self.model, batch)
                predictions.append(self.task.predict(self.decision.scaled(outputs.float())).cpu())
                advance(len(rows))
        result: Array = (
            torch.cat(predictions) if predictions else torch.empty(0, len(self.task.names))
        ).numpy()
        return result

    def table(self, predictions: Array) -> dict[str, Any]:
        """The columns of ``Task.table`` of what ``predict`` gave, with the thresholds that the run chose."""
        return self.decision.table(self.task, predictions, None)

    @property
    def temperature(self) -> float | None:
        """What outputs are divided by before they become probabilities; None where it was not fitted."""
        return self.decision.temperature

    def _sample(self, inputs: Inputs, row: int) -> Array:
        sample = self.prepare(inputs.read(row))
        if sample.shape != self.shape:
            raise DataError(
                Problem(
                    f"its shape, prepared, is {_words(sample.shape)}; the model takes {_words(self.shape)}",
                    where=inputs.filenames[row],
                    mend="give it samples like those of training, or train with a resize in data.prepare",
                )
            )
        return sample

    def _batch(self, samples: list[Array], rows: range) -> Batch:
        # as in training, a sample's type decides its units: bytes are 0..255, floats are what they are
        stacked = torch.stack([to_float(torch.tensor(sample)) for sample in samples])
        inputs = self.normalizer(stacked.to(self.device))
        if inputs.ndim == 4 and self.channels_last:  # another layout is another order of summation
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return Batch(inputs, torch.empty(0), torch.arange(rows.start, rows.stop))


def _chunks(count: int, size: int) -> Iterator[range]:
    for start in range(0, count, size):
        yield range(start, min(start + size, count))


def _words(shape: tuple[int, ...]) -> str:
    return "×".join(str(side) for side in shape) or "a number"
