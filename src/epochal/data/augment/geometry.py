"""Flips, and the motions of the plane: each sample is resampled once, bilinearly."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from epochal.data.augment.ranges import both, check_probability, check_range, symmetric
from epochal.data.augment.resample import Motion, choose_, move
from epochal.data.batch import Batch
from epochal.data.draws import Draws


@dataclass(frozen=True)
class HorizontalFlip:
    """Mirrors left and right with probability ``p``."""

    p: float = 0.5

    def __post_init__(self) -> None:
        check_probability("horizontal_flip", self.p)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, some of its images mirrored."""
        return _flip(batch, draws, self.p, axis=3)


@dataclass(frozen=True)
class VerticalFlip:
    """Mirrors top and bottom with probability ``p``."""

    p: float = 0.5

    def __post_init__(self) -> None:
        check_probability("vertical_flip", self.p)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, some of its images mirrored."""
        return _flip(batch, draws, self.p, axis=2)


def _flip(batch: Batch, draws: Draws, p: float, axis: int) -> Batch:
    mirrored = choose_(draws.chance(0, p), batch.inputs.flip(axis), batch.inputs)
    return replace(batch, inputs=mirrored)


@dataclass(frozen=True)
class Rotation:
    """Turns about the centre by an angle of [-degrees, degrees], or of [low, high], counter-clockwise.

    p: the probability that a sample is turned at all. fill: the value of what comes into view.
    """

    degrees: float | tuple[float, float]
    p: float = 1.0
    fill: float = 0.0

    def __post_init__(self) -> None:
        check_probability("rotation", self.p)
        symmetric("rotation", "degrees", self.degrees)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, each image turned by an angle of its own."""
        unit, chance = draws.uniform(0, count=2).unbind(1)
        angle = _span(unit, symmetric("rotation", "degrees", self.degrees))
        moved = move(batch.inputs, Motion(angle=-angle), self.fill)
        if self.p < 1:
            # resampling by no angle would still round; what is not chosen stays as it is
            moved = choose_(chance < self.p, moved, batch.inputs)
        return replace(batch, inputs=moved)


@dataclass(frozen=True)
class Translation:
    """Shifts by up to a fraction of the width and of the height, each way.

    fraction: one number, or [x, y]. fill: the value of what comes into view.
    """

    fraction: float | tuple[float, float] = 0.1
    fill: float = 0.0

    def __post_init__(self) -> None:
        both("translation", "fraction", self.fraction)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, each image shifted by a distance of its own."""
        x, y = both("translation", "fraction", self.fraction)
        shift_x, shift_y = _shifts(draws.uniform(0, count=2), x, y, batch.inputs)
        return replace(batch, inputs=move(batch.inputs, Motion(x=shift_x, y=shift_y), self.fill))


@dataclass(frozen=True)
class Zoom:
    """Scales about the centre by a factor of [low, high]; above 1 enlarges.

    fill: the value of what comes into view.
    """

    low: float = 0.9
    high: float = 1.1
    fill: float = 0.0

    def __post_init__(self) -> None:
        check_range("zoom", "[low, high]", (self.low, self.high))

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, each image scaled by a factor of its own."""
        factor = draws.uniform(0, self.low, self.high)[:, 0]
        return replace(batch, inputs=move(batch.inputs, Motion(scale=factor), self.fill))


@dataclass(frozen=True)
class Shear:
    """Shears along x by an angle of [-degrees, degrees]; with [x, y], along y too.

    fill: the value of what comes into view.
    """

    degrees: float | tuple[float, float]
    fill: float = 0.0

    def __post_init__(self) -> None:
        both("shear", "degrees", _shear_pair(self.degrees))

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, each image sheared by angles of its own."""
        x, y = _shear_pair(self.degrees)
        units = draws.uniform(0, count=2)
        motion = Motion(shear_x=_span(units[:, 0], (-x, x)), shear_y=_span(units[:, 1], (-y, y)))
        return replace(batch, inputs=move(batch.inputs, motion, self.fill))


@dataclass(frozen=True)
class Affine:
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

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, each image moved in a way of its own."""
        units = draws.uniform(0, count=6)
        shear_x, shear_y = _shear_pair(self.shear)
        x, y = both("affine", "translate", self.translate)
        shift_x, shift_y = _shifts(units[:, 1:3], x, y, batch.inputs)
        motion = Motion(
            angle=-_span(units[:, 0], symmetric("affine", "degrees", self.degrees)),
            x=shift_x,
            y=shift_y,
            scale=_span(units[:, 3], self.scale),
            shear_x=_span(units[:, 4], (-shear_x, shear_x)),
            shear_y=_span(units[:, 5], (-shear_y, shear_y)),
        )
        return replace(batch, inputs=move(batch.inputs, motion, self.fill))


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
