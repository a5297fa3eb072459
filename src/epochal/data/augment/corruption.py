"""Damage that a model should bear: an erased rectangle, noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from epochal.data.augment.ranges import check_positive, check_probability, check_range
from epochal.data.batch import Batch
from epochal.data.draws import Draws


@dataclass(frozen=True)
class Erasing:
    """Overwrites a random rectangle (Zhong et al. 2017, "Random erasing data augmentation").

    p: the probability that a sample loses one. scale: limits of its area, of the image's. ratio: limits
    of its width to height, drawn on a logarithmic scale; it is cut off at the image's sides. value: what
    is written.
    """

    p: float = 0.5
    scale: tuple[float, float] = (0.02, 0.33)
    ratio: tuple[float, float] = (0.3, 3.3)
    value: float = 0.0

    def __post_init__(self) -> None:
        check_probability("erasing", self.p)
        check_range("erasing", "scale", self.scale, upper=1.0)
        check_range("erasing", "ratio", self.ratio)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, some of its images without a rectangle."""
        height, width = batch.inputs.shape[2:]
        area, ratio, top, left, chance = draws.uniform(0, count=5).unbind(1)
        area = (area * (self.scale[1] - self.scale[0]) + self.scale[0]) * (height * width)
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        ratio = torch.exp(ratio * (high - low) + low)
        rows = torch.sqrt(area / ratio).round_().clamp_(1, height)
        columns = torch.sqrt(area * ratio).round_().clamp_(1, width)
        rows *= chance < self.p  # a rectangle of no rows erases nothing
        # the product may round up to the number of places, so it is limited to the last of them
        top = torch.minimum((top * (height - rows + 1)).floor_(), height - rows)
        left = torch.minimum((left * (width - columns + 1)).floor_(), width - columns)
        erased = rectangle(top, top + rows, left, left + columns, height, width)
        value = batch.inputs.new_full((), self.value)
        return replace(batch, inputs=torch.lerp(batch.inputs, value, erased))


@dataclass(frozen=True)
class GaussianNoise:
    """Adds normal noise of standard deviation ``std`` to each value, with probability ``p`` a sample.

    For inputs of any shape. The result is not limited to [0, 1], so that the noise has no bias.
    """

    std: float = 0.05
    p: float = 1.0

    def __post_init__(self) -> None:
        check_probability("gaussian_noise", self.p)
        check_positive("gaussian_noise", "std", self.std)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch with noise on its inputs."""
        noise = draws.normal(0, count=batch.inputs[0].numel())
        if self.p < 1:
            noise = noise * draws.chance(1, self.p)[:, None]
        return replace(batch, inputs=batch.inputs.add(noise.reshape(batch.inputs.shape), alpha=self.std))


def rectangle(top: Tensor, bottom: Tensor, left: Tensor, right: Tensor, height: int, width: int) -> Tensor:
    """1 inside of each sample's rectangle and 0 elsewhere, float32 [B, 1, height, width].

    Bottom and right are outside. As weights of ``torch.lerp``, which is exact at 0 and 1, these choose
    several times as fast as a mask does.
    """
    rows = torch.arange(height, device=top.device)
    columns = torch.arange(width, device=top.device)
    vertical = (rows >= top[:, None]) & (rows < bottom[:, None])
    horizontal = (columns >= left[:, None]) & (columns < right[:, None])
    return (vertical.float()[:, :, None] * horizontal.float()[:, None, :])[:, None]
