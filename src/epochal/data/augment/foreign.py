"""Augmentations that are not ours, drawing from the global generators under a key of the batch's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from epochal.data.batch import Batch
from epochal.data.draws import Draws, key_integer
from epochal.data.foreign import forked_generators
from epochal.errors import DataError, Problem


@dataclass(frozen=True)
class PerSample:
    """A transform of torchvision's, which draws one set of parameters a call: called sample by sample."""

    name: str
    transform: Callable[[Tensor], Tensor]

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch transformed; DataError where the results are no tensors of one shape, with the
        channels that there were."""
        results = []
        with forked_generators(batch.inputs.device) as seed:
            for sample, row in zip(batch.inputs, batch.samples.tolist(), strict=True):
                seed(key_integer(draws.seed, draws.epoch, row, draws.stream))
                # some transforms write into their input, which is a view of the batch
                results.append(_tensor(self.name, self.transform(sample.clone())))
        if len({result.shape for result in results}) > 1:
            mend = "give it arguments that fix the size of its result"
            raise DataError(Problem(f"{self.name} returned images of different shapes", mend=mend))
        if results[0].shape[0] != batch.inputs.shape[1]:
            what = f"{self.name} gives {results[0].shape[0]} channels for {batch.inputs.shape[1]}"
            raise DataError(Problem(what, mend="keep their number in augment; change it in prepare"))
        return replace(batch, inputs=torch.stack(results))


@dataclass(frozen=True)
class WholeBatch:
    """A callable of the user's on the batch's inputs, which returns a tensor of the same shape."""

    name: str
    transform: Callable[[Tensor], Tensor]

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch transformed; DataError where the shape has changed."""
        with forked_generators(batch.inputs.device) as seed:
            seed(key_integer(draws.seed, draws.epoch, int(batch.samples[0]), draws.stream))
            # a copy: the result may be a view, or kept by the callable, and later steps write in place
            inputs = _tensor(self.name, self.transform(batch.inputs)).clone()
        if inputs.shape != batch.inputs.shape:
            what = f"{self.name} returned shape {list(inputs.shape)} for inputs {list(batch.inputs.shape)}"
            raise DataError(Problem(what, mend="an augmentation gets the whole batch and keeps its shape"))
        return replace(batch, inputs=inputs)


def _tensor(name: str, result: object) -> Tensor:
    if not isinstance(result, Tensor):
        what = f"{name} returned a {type(result).__name__}"
        raise DataError(Problem(what, mend="an augmentation returns a tensor"))
    return result
