"""Flips, and the motions of the plane: each sample is resampled once, bilinearly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from epochal.data.augment.ranges import both, check_probability, check_range, symmetric
from epochal.data.augment.resample import Motion, compose, keep_still, moved
from epochal.data.batch import Batch
from epochal.data.cores import is_large, on_cores
from epochal.data.draws import Draws


@dataclass(frozen=True)
class HorizontalFlip:
    """Mirrors left and right with probability ``p``."""

    p: float = 0.5
    takes_bytes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_probability("horizontal_flip", self.p)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, some of its images mirrored."""
        return _flip(batch, draws, self.p, axis=3)


@dataclass(frozen=True)
class VerticalFlip:
    """Mirrors top and bottom with probability ``p``."""

    p: float = 0.5
    takes_bytes: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_probability("vertical_flip", self.p)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, some of its images mirrored."""
        return _flip(batch, draws, self.p, axis=2)


def _flip(batch: Batch, draws: Draws, p: float, axis: int) -> Batch:
    chosen = draws.chance(0, p)
    targets = batch.targets
    if batch.has_masks:
        targets = _flipped_(targets[:, None], chosen, axis)[:, 0]
    return replace(batch, inputs=_flipped_(batch.inputs, chosen, axis), targets=targets)


def _flipped_(inputs: Tensor, chosen: Tensor, axis: int) -> Tensor:
    """[B, C, H, W] with those mirrored that are chosen, bool [B, 1]; may write into the inputs."""
    if is_large(inputs):
        samples, rows = inputs.unbind(), chosen.nonzero()[:, 0].tolist()

        def mirror(part: range) -> None:
            for row in rows[part.start : part.stop]:
                samples[row].copy_(samples[row].flip(axis - 1))

        on_cores(len(rows), mirror)
    elif inputs.device.type == "cpu":
        found = chosen.nonzero()[:, 0]
        inputs.index_copy_(0, found, inputs.index_select(0, found).flip(axis))
    else:  # without waiting for the device to say how many they are
        inputs = torch.where(chosen.view(-1, 1, 1, 1), inputs.flip(axis), inputs)
    return inputs


class Moving(ABC):
    """An augmentation that moves the plane; neighbouring ones are composed into one resampling."""

    fill: float

    @abstractmethod
    def maps(self, inputs: Tensor, draws: Draws) -> Tensor:
        """From a new pixel of [B, C, H, W] to its place in the old image, as of ``Motion.inverse``."""

    @property
    def some_still(self) -> bool:
        """Whether some samples may not be moved at all."""
        return False

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, each image moved in a way of its own."""
        maps = self.maps(batch.inputs, draws)
        return moved(batch, maps, self.fill, self.some_still)


@dataclass(frozen=True)
class Composed:
    """Motions one after the other, in one resampling: nothing is blurred twice or cut off in between.

    steps: of one ``fill``; each draws from the stream after that of the step before it.
    """

    steps: tuple[Moving, ...]

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, each image moved in all these ways."""
        first, *others = self.steps
        maps = first.maps(batch.inputs, draws)
        for number, step in enumerate(others, start=1):
            maps = compose(maps, step.maps(batch.inputs, draws.of(draws.stream + number)))
        some_still = all(step.some_still for step in self.steps)
        return moved(batch, maps, first.fill, some_still)


@dataclass(frozen=True)
class Rotation(Moving):
    """Turns about the centre by an angle of [-degrees, degrees], or of [low, high], counter-clockwise.

    p: the probability that a sample is turned at all. fill: the value of what comes into view.
    """

    degrees: float | tuple[float, float]
    p: float = 1.0
    fill: float = 0.0

    def __post_init__(self) -> None:
        check_probability("rotation", self.p)
        symmetric("rotation", "degrees", self.degrees)

    @property
    def some_still(self) -> bool:
        """Whether some samples may not be turned at all."""
        return self.p < 1

    def maps(self, inputs: Tensor, draws: Draws) -> Tensor:
        """Each image's turn by an angle of its own."""
        unit, chance = draws.uniform(0, count=2).unbind(1)
        angle = _span(unit, symmetric("rotation", "degrees", self.degrees))
        maps = Motion(angle=-angle).inverse(inputs)
        return keep_still(maps, chance < self.p) if self.some_still else maps


@dataclass(frozen=True)
class Translation(Moving):
    """Shifts by up to a fraction of the width and of the height, each way.

    fraction: one number, or [x, y]. fill: the value of what comes into view.
    """

    fraction: float | tuple[float, float] = 0.1
    fill: float = 0.0

    def __post_init__(self) -> None:
        both("translation", "fraction", self.fraction)

    def maps(self, inputs: Tensor, draws: Draws) -> Tensor:
        """Each image's shift by a distance of its own."""
        x, y = both("translation", "fraction", self.fraction)
        shift_x, shift_y = _shifts(draws.uniform(0, count=2), x, y, inputs)
        return Motion(x=shift_x, y=shift_y).inverse(inputs)


@dataclass(frozen=True)
class Zoom(Moving):
    """Scales about the centre by a factor of [low, high]; above 1 enlarges.

    fill: the value of what comes into view.
    """

    low: float = 0.9
    high: float = 1.1
    fill: float = 0.0

    def __post_init__(self) -> None:
        check_range("zoom", "[low, high]", (self.low, self.high))

    def maps(self, inputs: Tensor, draws: Draws) -> Tensor:
        """Each image's scaling by a factor of its own."""
        factor = draws.uniform(0, self.low, self.high)[:, 0]
        return Motion(scale=factor).inverse(inputs)


@dataclass(frozen=True)
class Shear(Moving):
    """Shears along x by an angle of [-degrees, degrees]; with [x, y], along y too.

    fill: the value of what comes into view.
    """

    degrees: float | tuple[float, float]
    fill: float = 0.0

    def __post_init__(self) -> None:
        both("shear", "degrees", _shear_pair(self.degrees))

    def maps(self, inputs: Tensor, draws: Draws) -> Tensor:
        """Each image's shear by angles of its own."""
        x, y = _shear_pair(self.degrees)
        units = draws.uniform(0, count=2)
        motion = Motion(shear_x=_span(units[:, 0], (-x, x)), shear_y=_span(units[:, 1], (-y, y)))
        return motion.inverse(inputs)


@dataclass(frozen=True)
class Affine(Moving):
    """Rotation, translation, scaling and shear in one resampling, in torchvision's order.

    degrees, translate, scale, shear: as those of rotation, translation, zoom ([low, high]) and shear.
    fill: the value of what comes into view.
    """

    degrees: float | tuple[float, float] = 0.0
    translate: float | tuple[float, float] = 0.0
    scale: tuple[float, float] = (1.0, 1.0)
    shear: float | tuple[float, float] = 0.0
    fill: float = 0.0

    def __post_init__(self) -> None:
        symmetric("affine", "degrees", self.degrees)
        both("affine", "translate", self.translate)
        check_range("affine", "scale", self.scale)
        both("affine", "shear", _shear_pair(self.shear))

    def maps(self, inputs: Tensor, draws: Draws) -> Tensor:
        """Each image's motion of its own."""
        units = draws.uniform(0, count=6)
        shear_x, shear_y = _shear_pair(self.shear)
        x, y = both("affine", "translate", self.translate)
        shift_x, shift_y = _shifts(units[:, 1:3], x, y, inputs)
        motion = Motion(
            angle=-_span(units[:, 0], symmetric("affine", "degrees", self.degrees)),
            x=shift_x,
            y=shift_y,
            scale=_span(units[:, 3], self.scale),
            shear_x=_span(units[:, 4], (-shear_x, shear_x)),
            shear_y=_span(units[:, 5], (-shear_y, shear_y)),
        )
        return motion.inverse(inputs)


def _span(unit: Tensor, limits: tuple[float, float]) -> Tensor:
    """Numbers of [0, 1) as numbers of a range."""
    low, high = limits
    return unit * (high - low) + low


def _shifts(units: Tensor, x: float, y: float, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Shifts in pixels along x and y from [B, 2] numbers of [0, 1) and the largest fractions."""
    height, width = inputs.shape[2:]
    return _span(units[:, 0], (-x * width, x * width)), _span(units[:, 1], (-y * height, y * height))


def _shear_pair(degrees: float | tuple[float, float]) -> tuple[float, float]:
    x, y = (degrees, 0.0) if isinstance(degrees, int | float) else degrees
    return x, y
