"""Random parts of an image: a shifted window, and a rectangle resized."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F

from epochal.data.augment.ranges import check_range
from epochal.data.augment.resample import resample
from epochal.data.batch import Batch
from epochal.data.draws import Draws
from epochal.errors import ConfigError, DataError, Problem


@dataclass(frozen=True)
class RandomCrop:
    """Pads each side, then cuts a window at a random place.

    padding: pixels. size: of the window, ``height, width`` or one number for a square; left out, the
    image's own. fill: the value of the padding.
    """

    padding: int = 0
    size: int | tuple[int, int] | None = None
    fill: float = 0.0

    def __post_init__(self) -> None:
        if self.padding < 0:
            raise ConfigError(Problem(f"padding of random_crop can't be {self.padding}", mend="give pixels"))
        if self.padding == 0 and self.size is None:
            mend = "write {name: random_crop, padding: 4}, or give a smaller size"
            raise ConfigError(Problem("random_crop without padding or size changes nothing", mend=mend))
        _sides("random_crop", self.size, (1, 1))

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch of windows; DataError where they are larger than the padded images."""
        height, width = batch.inputs.shape[2:]
        rows, columns = _sides("random_crop", self.size, (height, width))
        places = height + 2 * self.padding - rows + 1, width + 2 * self.padding - columns + 1
        if min(places) < 1:
            what = f"random_crop can't cut {rows}×{columns} out of images of {height}×{width}"
            raise DataError(Problem(what, mend=f"with padding {self.padding}, give a smaller size"))
        padded = F.pad(batch.inputs, (self.padding,) * 4, value=self.fill)
        # a view of every window there is [B, C, places, places, rows, columns]; one gather copies B of them
        windows = padded.unfold(2, rows, 1).unfold(3, columns, 1)
        top, left = draws.integers(0, places[0])[:, 0], draws.integers(1, places[1])[:, 0]
        index = torch.arange(len(batch), device=padded.device)
        return replace(batch, inputs=windows[index, :, top, left])


@dataclass(frozen=True)
class RandomResizedCrop:
    """Cuts a rectangle of random area and aspect and resizes it bilinearly (Szegedy et al. 2015).

    size: of the result, ``height, width`` or one number for a square; left out, the image's own.
    scale: limits of the area, of the image's. ratio: limits of width to height, drawn on a logarithmic
    scale; a rectangle that would stand out is cut off at the image's sides.

    It reads four pixels for each new one, without antialiasing: where the rectangles are more than about
    twice the size of the result, let ``prepare`` resize the images first.
    """

    size: int | tuple[int, int] | None = None
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)

    def __post_init__(self) -> None:
        check_range("random_resized_crop", "scale", self.scale, upper=1.0)
        check_range("random_resized_crop", "ratio", self.ratio)
        _sides("random_resized_crop", self.size, (1, 1))

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch of rectangles, all of one size."""
        height, width = batch.inputs.shape[2:]
        rows, columns = _sides("random_resized_crop", self.size, (height, width))
        area, ratio, top, left = draws.uniform(0, count=4).unbind(1)
        area = (area * (self.scale[1] - self.scale[0]) + self.scale[0]) * (height * width)
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        ratio = torch.exp(ratio * (high - low) + low)
        cut_width = torch.sqrt(area * ratio).clamp(1, width)
        cut_height = torch.sqrt(area / ratio).clamp(1, height)
        zero = torch.zeros_like(area)
        centre_x = (left - 0.5) * (width - cut_width)
        centre_y = (top - 0.5) * (height - cut_height)
        maps = torch.stack([cut_width / columns, zero, centre_x, zero, cut_height / rows, centre_y], dim=1)
        return replace(batch, inputs=resample(batch.inputs, maps, (rows, columns), fill=None))


def _sides(name: str, size: int | tuple[int, int] | None, default: tuple[int, int]) -> tuple[int, int]:
    """A size as height and width; ConfigError unless both are positive."""
    if size is None:
        return default
    rows, columns = (size, size) if isinstance(size, int | float) else size
    if rows < 1 or columns < 1:
        raise ConfigError(Problem(f"size of {name} can't be {size}", mend="give a positive number of pixels"))
    return int(rows), int(columns)
