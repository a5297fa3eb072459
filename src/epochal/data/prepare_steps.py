"""Our deterministic steps: each a final class that is called with one sample.

An image is C×H×W: float32 in [0, 1], or uint8, which stands for the same range; amounts such as a
padding's value are on the scale of 0 to 1 for both.

A step that moves pixels is a ``Moves``: it does the same to a mask, and undoes it to what was predicted.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F

from epochal.data.manifest import Array
from epochal.data.masks.coding import IGNORED
from epochal.errors import ConfigError, DataError, Problem

Size = int | tuple[int, int]

_LUMA = np.array([0.2989, 0.587, 0.114], dtype=np.float32)
"""The weights of red, green and blue in gray: ITU-R BT.601."""


class Moves(ABC):
    """A step that moves pixels."""

    @abstractmethod
    def target(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what an image of this height and width becomes."""

    @abstractmethod
    def mask(self, mask: Array) -> Array:
        """A mask of classes [H, W] moved as its image is; no class is made up on the way."""

    @abstractmethod
    def undo(self, values: Array, size: tuple[int, int]) -> Array:
        """Numbers float32 [K, h, w] of a prepared image back at the size before; NaN where it was cut off."""


@dataclass(frozen=True)
class Resize(Moves):
    """Resizes an image, antialiased when it shrinks, as torchvision's v2 resize does.

    size: pixels, ``height, width`` or one number for a square; with ``keep_aspect`` one number, the
        shorter side.
    interpolation: ``nearest`` takes the pixel under the centre of the new one.
    """

    size: int | tuple[int, int]
    interpolation: Literal["bilinear", "bicubic", "nearest"] = "bilinear"
    keep_aspect: bool = False

    def __post_init__(self) -> None:
        _pixels("resize", self.size)
        if self.keep_aspect and not isinstance(self.size, int):
            mend = "give one number, the shorter side, or leave keep_aspect out"
            raise ConfigError(Problem("resize can't keep the aspect of a size that has two sides", mend=mend))

    def __call__(self, sample: Array) -> Array:
        """The image at the new size, of the same dtype."""
        _, height, width = _image("resize", sample).shape
        size = self.target(height, width)
        if size == (height, width):
            return sample
        # torch reads uint8 without converting it, several times as fast as Pillow; it wants to own the memory
        tensor = torch.from_numpy(sample if sample.flags.writeable else sample.copy("K"))[None]
        if self.interpolation == "nearest":
            return F.interpolate(tensor, size, mode="nearest-exact")[0].numpy()
        resized: Array = F.interpolate(tensor, size, mode=self.interpolation, antialias=True)[0].numpy()
        if self.interpolation == "bicubic" and sample.dtype == np.float32:
            # the cubic overshoots at edges; uint8 saturates by itself
            return resized.clip(sample.min(), sample.max())
        return resized

    def target(self, height: int, width: int) -> tuple[int, int]:
        """Height and width of what an image of this height and width becomes."""
        size = _pixels("resize", self.size)
        if not self.keep_aspect:
            return size
        short, long = sorted((height, width))
        longer = int(size[0] * long / short)
        return (size[0], longer) if height <= width else (longer, size[0])

    def mask(self, mask: Array) -> Array:
        """The class under the centre of each new pixel."""
        size = self.target(*mask.shape)
        rows, columns = (
            ((np.arange(new) + 0.5) * (old / new)).astype(np.int64)
            for new, old in zip(size, mask.shape, strict=True)
        )
        found: Array = mask[rows[:, None], columns]
        return found

    def undo(self, values: Array, size: tuple[int, int]) -> Array:
        """Bilinearly, which gives smoother borders than the classes themselves would."""
        back: Array = F.interpolate(torch.from_numpy(values)[None], size, mode="bilinear", antialias=True)[
            0
        ].numpy()
        return back


@dataclass(frozen=True)
class CenterCrop(Moves):
    """Cuts the middle out of an image; size: pixels, ``height, width`` or one number for a square."""

    size: int | tuple[int, int]

    def __post_init__(self) -> None:
        _pixels("center_crop", self.size)

    def __call__(self, sample: Array) -> Array:
        """The middle, a view; DataError where the image is smaller."""
        rows, columns = self._window(*_image("center_crop", sample).shape[1:])
        return sample[:, rows, columns]

    def target(self, height: int, width: int) -> tuple[int, int]:
        """The size of the middle."""
        rows, columns = self._window(height, width)
        return rows.stop - rows.start, columns.stop - columns.start

    def mask(self, mask: Array) -> Array:
        """The middle."""
        return mask[self._window(*mask.shape)]

    def undo(self, values: Array, size: tuple[int, int]) -> Array:
        """In the middle of nothing."""
        back = np.full((len(values), *size), np.nan, np.float32)
        back[:, *self._window(*size)] = values
        return back

    def _window(self, height: int, width: int) -> tuple[slice, slice]:
        rows, columns = _pixels("center_crop", self.size)
        if rows > height or columns > width:
            what = f"center_crop can't cut {rows}×{columns} out of an image of {height}×{width}"
            raise DataError(Problem(what, mend="resize or pad before it"))
        top, left = round((height - rows) / 2), round((width - columns) / 2)
        return slice(top, top + rows), slice(left, left + columns)


@dataclass(frozen=True)
class Pad(Moves):
    """Pads an image evenly to at least a size; an odd pixel goes to the bottom or the right.

    size: pixels, ``height, width`` or one number for a square. value: 0 is black, 1 is white.
    """

    size: int | tuple[int, int]
    value: float = 0.0

    def __post_init__(self) -> None:
        _pixels("pad", self.size)
        if not 0 <= self.value <= 1:
            raise ConfigError(Problem(f"pad's value can't be {self.value}", mend="0 is black and 1 is white"))

    def __call__(self, sample: Array) -> Array:
        """The image, at least of the size."""
        _, height, width = _image("pad", sample).shape
        value = round(self.value * 255) if sample.dtype == np.uint8 else self.value
        return np.pad(sample, ((0, 0), *self._margins(height, width)), constant_values=value)

    def target(self, height: int, width: int) -> tuple[int, int]:
        """At least the size."""
        rows, columns = _pixels("pad", self.size)
        return max(rows, height), max(columns, width)

    def mask(self, mask: Array) -> Array:
        """The mask with its margins left out of loss and scores."""
        return np.pad(mask, self._margins(*mask.shape), constant_values=IGNORED)

    def undo(self, values: Array, size: tuple[int, int]) -> Array:
        """Without the margins."""
        (top, _), (left, _) = self._margins(*size)
        return values[:, top : top + size[0], left : left + size[1]]

    def _margins(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        rows, columns = self.target(height, width)
        down, right = rows - height, columns - width
        return (down // 2, down - down // 2), (right // 2, right - right // 2)


@dataclass(frozen=True)
class Channels:
    """Gives an image 1 or 3 channels: gray is repeated, colour becomes gray."""

    count: Literal[1, 3]

    def __call__(self, sample: Array) -> Array:
        """The image with ``count`` channels; DataError where it has neither 1 nor 3."""
        channels = len(_image("channels", sample))
        if channels == self.count:
            return sample
        if channels == 1:
            return np.repeat(sample, 3, axis=0)
        return _gray("channels", sample)


@dataclass(frozen=True)
class Grayscale:
    """Makes one channel of red, green and blue, weighted as in ITU-R BT.601."""

    def __call__(self, sample: Array) -> Array:
        """The image with 1 channel; DataError where it has neither 1 nor 3."""
        return sample if len(_image("grayscale", sample)) == 1 else _gray("grayscale", sample)


@dataclass(frozen=True)
class Rescale:
    """Maps each sample's own smallest and largest value to ``low`` and ``high``: float32.

    A sample that is the same everywhere becomes ``low``.
    """

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        _ordered("rescale", self.low, self.high)

    def __call__(self, sample: Array) -> Array:
        """The sample as float32 in [low, high]."""
        values = sample.astype(np.float32)
        smallest, largest = values.min(), values.max()
        if smallest == largest:
            return np.full_like(values, self.low)
        values -= smallest
        values *= np.float32((self.high - self.low) / (float(largest) - float(smallest)))
        values += np.float32(self.low)
        return np.clip(values, self.low, self.high, out=values)


@dataclass(frozen=True)
class Clip:
    """Limits values to [low, high]; for uint8, which stands for 0 to 1, the limits lie in that range."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _ordered("clip", self.low, self.high)

    def __call__(self, sample: Array) -> Array:
        """The sample limited, of the same dtype."""
        if sample.dtype != np.uint8:
            return np.clip(sample, self.low, self.high).astype(sample.dtype)
        if self.low < 0 or self.high > 1:
            what = f"clip can't limit uint8 samples to {self.low} and {self.high}"
            raise DataError(Problem(what, mend="0 is black and 1 is white; divide levels of 0 to 255 by 255"))
        return np.clip(sample, round(self.low * 255), round(self.high * 255))


def _pixels(step: str, size: Size) -> tuple[int, int]:
    """A size as height and width; ConfigError unless both are positive."""
    height, width = (size, size) if isinstance(size, int | float) else size
    if height < 1 or width < 1:
        raise ConfigError(
            Problem(f"the size of {step} can't be {size}", mend="give a positive number of pixels")
        )
    return int(height), int(width)


def _ordered(step: str, low: float, high: float) -> None:
    if not low < high:
        raise ConfigError(Problem(f"{step} needs low < high, not {low} and {high}"))


def _image(step: str, sample: Array) -> Array:
    """The sample, which must be an image."""
    if sample.ndim != 3 or sample.dtype not in (np.uint8, np.float32):
        shape = "×".join(str(side) for side in sample.shape)
        what = (
            f"{step} is for images (C×H×W, uint8 or float32); the sample is {sample.dtype} of shape {shape}"
        )
        raise DataError(Problem(what, mend=f"leave {step} out of data.prepare"))
    return sample


def _gray(step: str, sample: Array) -> Array:
    """An image of 3 channels as one of 1, of the same dtype."""
    if len(sample) != 3:
        what = f"{step} makes gray of 3 channels; the image has {len(sample)}"
        raise DataError(Problem(what, mend=f"leave {step} out of data.prepare, or name a step of your own"))
    gray = np.tensordot(_LUMA / _LUMA.sum(), sample.astype(np.float32), axes=1)[None]
    return np.rint(gray).astype(np.uint8) if sample.dtype == np.uint8 else gray
