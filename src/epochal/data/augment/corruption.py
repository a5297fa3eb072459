"""Damage that a model should bear: an erased rectangle, noise."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from epochal.data.augment.noise import add_normal_
from epochal.data.augment.ranges import check_positive, check_probability, check_range
from epochal.data.batch import Batch
from epochal.data.cores import is_large, on_cores
from epochal.data.draws import Draws
from epochal.data.values import byte_of, constant


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

    @property
    def takes_bytes(self) -> bool:
        """Whether the value written is one that a byte stands for."""
        return byte_of(self.value) is not None

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
        edges = torch.stack([top, top + rows, left, left + columns], dim=1)
        value = constant(self.value, batch.inputs)
        if is_large(batch.inputs):
            _erase_(batch.inputs, edges.int().tolist(), value)
            return batch
        erased = rectangle(edges, height, width, batch.inputs.dtype)
        batch.inputs.mul_(1 - erased)
        if value:
            batch.inputs.add_(erased.mul_(value))
        return batch


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
        std = torch.full((len(batch), 1), self.std, device=batch.inputs.device)
        if self.p < 1:
            std *= draws.chance(1, self.p)[:, None]
        add_normal_(batch.inputs, draws, 0, std)
        return batch


def _erase_(inputs: Tensor, edges: list[list[int]], value: float) -> None:
    """Writes a value over a rectangle of each image: top, bottom, left and right of each."""
    samples = inputs.unbind()

    def erase(part: range) -> None:
        for row in part:
            top, bottom, left, right = edges[row]
            if top < bottom:
                samples[row][:, top:bottom, left:right] = value

    on_cores(len(samples), erase, light=True)


def rectangle(edges: Tensor, height: int, width: int, dtype: torch.dtype) -> Tensor:
    """1 inside of each sample's rectangle and 0 elsewhere, [B, 1, height, width].

    edges: top, bottom, left and right, [B, 4]; bottom and right are outside. In the type of what it is
    multiplied with, which is several times as fast as a mask.
    """
    rows = torch.arange(height, device=edges.device)
    columns = torch.arange(width, device=edges.device)
    top, bottom, left, right = edges[:, :, None].unbind(1)
    vertical = ((rows >= top) & (rows < bottom)).to(dtype)
    horizontal = ((columns >= left) & (columns < right)).to(dtype)
    return (vertical[:, :, None] * horizontal[:, None, :])[:, None]
