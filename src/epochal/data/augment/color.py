"""Brightness and contrast, of images in [0, 1] with any number of channels."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from epochal.data.augment.ranges import factors
from epochal.data.batch import Batch
from epochal.data.cores import in_blocks
from epochal.data.draws import Draws

_LUMA = (0.2989, 0.587, 0.114)
"""The weights of red, green and blue in gray, as torchvision rounds those of ITU-R BT.601."""


@dataclass(frozen=True)
class Brightness:
    """Multiplies an image by a factor of [1 - amount, 1 + amount]."""

    amount: float

    def __post_init__(self) -> None:
        factors("brightness", "amount", self.amount)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, each image multiplied by a factor of its own."""
        low, high = factors("brightness", "amount", self.amount)
        factor = draws.uniform(0, low, high)[:, :, None, None]

        def change(some: slice) -> None:
            batch.inputs[some].mul_(factor[some]).clamp_(0, 1)

        in_blocks(batch.inputs, change)
        return batch


@dataclass(frozen=True)
class Contrast:
    """Spreads an image about its gray mean by a factor of [1 - amount, 1 + amount]."""

    amount: float

    def __post_init__(self) -> None:
        factors("contrast", "amount", self.amount)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, each image spread by a factor of its own."""
        low, high = factors("contrast", "amount", self.amount)
        factor = draws.uniform(0, low, high)[:, :, None, None]
        return _spread_(batch, factor, 1 - factor)


@dataclass(frozen=True)
class BrightnessContrast:
    """Brightness, then contrast, in one pass over the images; only the result is limited to [0, 1].

    brightness, contrast: amounts; each factor is of [1 - amount, 1 + amount].
    """

    brightness: float = 0.2
    contrast: float = 0.2

    def __post_init__(self) -> None:
        factors("brightness_contrast", "brightness", self.brightness)
        factors("brightness_contrast", "contrast", self.contrast)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, each image changed by two factors of its own."""
        units = draws.uniform(0, count=2)[:, :, None, None, None]
        low, high = factors("brightness_contrast", "brightness", self.brightness)
        brightness = units[:, 0] * (high - low) + low
        low, high = factors("brightness_contrast", "contrast", self.contrast)
        contrast = units[:, 1] * (high - low) + low
        return _spread_(batch, brightness * contrast, (1 - contrast) * brightness)


def _spread_(batch: Batch, factor: Tensor, rest: Tensor) -> Batch:
    """Each image times its factor, plus the rest of its gray mean, within [0, 1]; both [B, 1, 1, 1]."""

    def change(some: slice) -> None:
        inputs = batch.inputs[some]
        gray = gray_mean(inputs).mul_(rest[some])
        inputs.mul_(factor[some]).add_(gray).clamp_(0, 1)

    in_blocks(batch.inputs, change)
    return batch


def gray_mean(inputs: Tensor) -> Tensor:
    """The mean gray level of each image [B, 1, 1, 1]; unless there are 3, the channels count alike."""
    means = inputs.mean((2, 3), keepdim=True)
    if inputs.shape[1] != 3:
        return means.mean(1, keepdim=True)
    red, green, blue = _LUMA
    return means[:, :1] * red + means[:, 1:2] * green + means[:, 2:] * blue
