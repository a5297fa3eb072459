"""Augmentations that are not ours, drawing from the global generators under a key of the batch's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from epochal.data.batch import Batch
from epochal.data.draws import Draws, key_integer
from epochal.data.foreign import forked_generators
from epochal.data.masks.coding import IGNORED
from epochal.errors import DataError, Problem


@dataclass(frozen=True)
class PerSample:
    """A transform of torchvision's, which draws one set of parameters a call: called sample by sample."""

    name: str
    transform: Callable[[Tensor], Tensor]

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch transformed; DataError where the results are no tensors of one shape, with the
        channels that there were."""
        results, masks = [], []
        with forked_generators(batch.inputs.device) as seed:
            for place, row in enumerate(batch.samples.tolist()):
                seed(key_integer(draws.seed, draws.epoch, row, draws.stream))
                # some transforms write into their input, which is a view of the batch
                sample = batch.inputs[place].clone()
                if batch.has_masks:
                    sample, mask = self._with_mask(sample, batch.targets[place])
                    masks.append(mask)
                else:
                    sample = self.transform(sample)
                results.append(_tensor(self.name, sample))
        if len({result.shape for result in results}) > 1:
            mend = "give it arguments that fix the size of its result"
            raise DataError(Problem(f"{self.name} returned images of different shapes", mend=mend))
        if results[0].shape[0] != batch.inputs.shape[1]:
            what = f"{self.name} gives {results[0].shape[0]} channels for {batch.inputs.shape[1]}"
            raise DataError(Problem(what, mend="keep their number in augment; change it in prepare"))
        targets = torch.stack(masks) if masks else batch.targets
        return replace(batch, inputs=torch.stack(results), targets=targets)

    def _with_mask(self, sample: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """An image and its mask [H, W], uint8, moved alike.

        torchvision fills what comes into view of a mask with a number of its own. So the mask goes beside its
        complement: where both are filled alike, they no longer add up to 255.
        """
        from torchvision import tv_tensors  # loaded with the transform already

        both = tv_tensors.Mask(torch.stack([mask, 255 - mask]))
        image, moved = self.transform(tv_tensors.Image(sample), both)  # type: ignore[call-arg]
        classes, complement = moved.as_subclass(Tensor)
        return image.as_subclass(Tensor), torch.where(classes + complement == 255, classes, IGNORED)


@dataclass(frozen=True)
class WholeBatch:
    """A callable of the user's on the batch's inputs, which returns a tensor of the same shape.

    with_masks: it has a parameter ``masks``: called with inputs and masks (uint8 [B, H, W], 255 is left out),
    it returns both.
    """

    name: str
    transform: Callable[..., Any]
    with_masks: bool = False

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch transformed; DataError where the shape has changed."""
        with forked_generators(batch.inputs.device) as seed:
            seed(key_integer(draws.seed, draws.epoch, int(batch.samples[0]), draws.stream))
            # a copy: the result may be a view, or kept by the callable, and later steps write in place
            targets = batch.targets
            if self.with_masks and batch.has_masks:
                result, masks = self.transform(batch.inputs, masks=targets)
                targets = _tensor(self.name, masks).to(targets.dtype, copy=True)
            else:
                result = self.transform(batch.inputs)
            inputs = _tensor(self.name, result).clone()
        if inputs.shape != batch.inputs.shape or targets.shape != batch.targets.shape:
            what = f"{self.name} returned shape {list(inputs.shape)} for inputs {list(batch.inputs.shape)}"
            raise DataError(Problem(what, mend="an augmentation gets the whole batch and keeps its shape"))
        return replace(batch, inputs=inputs, targets=targets)


def _tensor(name: str, result: object) -> Tensor:
    if not isinstance(result, Tensor):
        what = f"{name} returned a {type(result).__name__}"
        raise DataError(Problem(what, mend="an augmentation returns a tensor"))
    return result
