"""Predictions for samples without targets, prepared exactly as in training."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from epochal.analysis.decision import Decision
from epochal.data.batch import Batch
from epochal.data.encode.encoding import Encoding
from epochal.data.inputs import Inputs
from epochal.data.jpeg import Target
from epochal.data.lengths import trimmed
from epochal.data.manifest import Array, Kind
from epochal.data.masks.coding import IGNORED
from epochal.data.others import Others
from epochal.data.prepare import Prepare
from epochal.data.sources.readers import Reader
from epochal.data.statistics import Normalizer
from epochal.data.values import to_float
from epochal.errors import DataError, Problem
from epochal.inference.evaluate import Autocast
from epochal.tasks.task import Task

_VALUES = 1 << 26  # probabilities that are held at once


@dataclass(frozen=True)
class Part:
    """The predictions of a batch, [B, ...], and the shapes of its B samples as they were read."""

    values: Array
    shapes: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Predictor:
    """A trained model with the preprocessing it was trained with.

    kind: of the samples it takes. shape: of a prepared sample. channels: that image files are read with.
    features: names of the columns that it takes. channels_last: the layout of its batches of images.
    decision: the temperature that outputs are divided by, and the thresholds of predictions.
    target: the resize that image files were decoded for in training; None where nothing was so decoded.
    rate: samples a second, to which sound files are resampled; None where it takes no sounds.
    encoding, beside: how samples, and columns that are a second input, become numbers.
    shapes: of one sample of each input by its name, the first one's first. others: how the others, where
    there are several, become what the model takes.
    reader: how files become samples, where the run's source has a way of its own.
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
    rate: int | None = None
    encoding: Encoding | None = None
    beside: Encoding | None = None
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    others: Others | None = None
    reader: Reader | None = None
    decision: Decision = field(default_factory=Decision)

    def predict(
        self, inputs: Inputs, batch_size: int = 128, advance: Callable[[int], None] = lambda _: None
    ) -> Array:
        """Probabilities [N, K] or values [N, T], float32, in the order of the inputs; none for none.

        Of segmentation they are [N, K, H, W], of the prepared images; see ``masks`` for masks of the images.

        Raises DataError naming the input whose shape, once prepared, is not the model's.
        """
        predictions = [part.values for part in self.parts(inputs, batch_size, advance)]
        return np.concatenate(predictions) if predictions else np.empty((0, len(self.task.names)), np.float32)

    def parts(
        self, inputs: Inputs, batch_size: int = 128, advance: Callable[[int], None] = lambda _: None
    ) -> Iterator[Part]:
        """What ``predict`` gives, batch by batch."""
        self.model.eval()
        for rows in _chunks(len(inputs), batch_size):
            with torch.no_grad():  # not inference_mode: the model may be trained on
                raw = [inputs.read(row) for row in rows]
                samples = [
                    self._prepared(sample, inputs.filenames[row])
                    for sample, row in zip(raw, rows, strict=True)
                ]
                batch = self._batch(samples, rows, inputs.others)
                with self.autocast():  # as in training: not around prepare
                    outputs = self.task.forward(self.model, batch)
                predictions = self.task.predict(self.decision.scaled(outputs.float())).cpu()
            yield Part(predictions.numpy(), tuple(sample.shape for sample in raw))
            advance(len(rows))

    def masks(self, inputs: Inputs, batch_size: int = 128) -> Iterator[Array]:
        """Of segmentation, the class of each pixel of each image as it was given: uint8 [H, W].

        Resizing and padding are undone; 255 is what ``prepare`` has cut off.
        """
        return masks_of([self], inputs, batch_size)

    def table(self, predictions: Array) -> dict[str, Any]:
        """The columns of ``Task.table`` of what ``predict`` gave, with the thresholds that the run chose."""
        return self.decision.table(self.task, predictions, None)

    @property
    def temperature(self) -> float | None:
        """What outputs are divided by before they become probabilities; None where it was not fitted."""
        return self.decision.temperature

    def _prepared(self, raw: Array, name: str) -> Array:
        sample = self.prepare(raw)
        if sample.shape != self.shape:
            raise DataError(
                Problem(
                    f"its shape, prepared, is {_words(sample.shape)}; the model takes {_words(self.shape)}",
                    where=name,
                    mend="give it samples like those of training, or train with a resize in data.prepare",
                )
            )
        return sample

    def _batch(self, samples: list[Array], rows: range, given: Mapping[str, Array]) -> Batch:
        # as in training, a sample's type decides its units: bytes are 0..255, floats are what they are
        stacked = torch.stack([to_float(torch.tensor(sample)) for sample in samples])
        if self.kind == "text":
            stacked = trimmed(stacked)
        inputs = self.normalizer(stacked.to(self.device))
        if inputs.ndim == 4 and self.channels_last:  # another layout is another order of summation
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        index = torch.arange(rows.start, rows.stop)
        if self.others is None or len(self.shapes) < 2:
            return Batch(inputs, torch.empty(0), index)
        first, *names = self.shapes
        others = {
            name: self.others(name, given[name][rows.start : rows.stop]).to(self.device) for name in names
        }
        return Batch(inputs, torch.empty(0), index, first, others)


def masks_of(
    predictors: Sequence[Predictor],
    inputs: Inputs,
    batch_size: int,
    advance: Callable[[int], None] = lambda _: None,
) -> Iterator[Array]:
    """The class of each pixel by the mean probability of several models; see ``Predictor.masks``."""
    first = predictors[0]
    pixels = len(first.task.names) * first.shape[1] * first.shape[2]
    size = max(1, min(batch_size, _VALUES // pixels))
    for parts in zip(*(each.parts(inputs, size, advance) for each in predictors), strict=True):
        mean = np.mean([part.values for part in parts], axis=0)
        for probabilities, shape in zip(mean, parts[0].shapes, strict=True):
            whole = first.prepare.undo(probabilities, (shape[1], shape[2]))
            yield np.where(np.isnan(whole[0]), IGNORED, whole.argmax(axis=0)).astype(np.uint8)


def _chunks(count: int, size: int) -> Iterator[range]:
    for start in range(0, count, size):
        yield range(start, min(start + size, count))


def _words(shape: tuple[int, ...]) -> str:
    return "×".join(str(side) for side in shape) or "a number"
