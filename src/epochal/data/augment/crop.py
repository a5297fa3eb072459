"""Random parts of an image: a shifted window, and a rectangle resized."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from epochal.data.augment.ranges import check_range
from epochal.data.augment.resample import resize_boxes_, resized_like
from epochal.data.batch import Batch
from epochal.data.cores import is_large, on_cores
from epochal.data.draws import Draws
from epochal.data.masks.coding import IGNORED
from epochal.data.values import byte_of, constant
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

    @property
    def takes_bytes(self) -> bool:
        """Whether the padding's value is one that a byte stands for."""
        return byte_of(self.fill) is not None

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch of windows; DataError where they are larger than the padded images."""
        height, width = batch.inputs.shape[2:]
        rows, columns = _sides("random_crop", self.size, (height, width))
        places = height + 2 * self.padding - rows + 1, width + 2 * self.padding - columns + 1
        if min(places) < 1:
            what = f"random_crop can't cut {rows}×{columns} out of images of {height}×{width}"
            raise DataError(Problem(what, mend=f"with padding {self.padding}, give a smaller size"))
        top, left = draws.integers(0, places[0])[:, 0], draws.integers(1, places[1])[:, 0]
        fill = constant(self.fill, batch.inputs)
        inputs = _windows_(batch.inputs, top, left, self.padding, (rows, columns), fill)
        targets = batch.targets
        if batch.has_masks:
            targets = _windows_(targets[:, None], top, left, self.padding, (rows, columns), IGNORED)[:, 0]
        return replace(batch, inputs=inputs, targets=targets)


def _windows_(
    inputs: Tensor, top: Tensor, left: Tensor, padding: int, size: tuple[int, int], fill: float
) -> Tensor:
    """A window of each of [B, C, H, W], padded on all sides; may write into the inputs. top, left: [B]."""
    if is_large(inputs):
        corners = (torch.stack([top, left], dim=1) - padding).tolist()
        return _cut_(inputs, corners, size, fill)
    padded = F.pad(inputs, (padding,) * 4, value=fill)
    # a view of every window there is [B, C, places, places, rows, columns]; one gather copies B of them
    windows = padded.unfold(2, size[0], 1).unfold(3, size[1], 1)
    return windows[torch.arange(len(inputs), device=padded.device), :, top, left]


def _cut_(inputs: Tensor, corners: list[list[int]], size: tuple[int, int], fill: float) -> Tensor:
    """Windows of [B, C, H, W], in the inputs where they have their size; ``fill`` where they stand out.

    corners: top and left of each window, in pixels of the image; may be negative.
    """
    result = inputs if size == inputs.shape[2:] else resized_like(inputs, size)
    images, windows = inputs.unbind(), result.unbind()

    def cut(part: range) -> None:
        for row in part:
            (top, left), image, window = corners[row], images[row], windows[row]
            if result is inputs:
                if top == left == 0:
                    continue
                image = image.clone()
            below, right = min(image.shape[1] - top, size[0]), min(image.shape[2] - left, size[1])
            above, before = max(0, -top), max(0, -left)
            if (above, before, below, right) != (0, 0, *size):
                window.fill_(fill)
            if above < below and before < right:  # otherwise all of it is padding
                seen = image[:, top + above : top + below, left + before : left + right]
                window[:, above:below, before:right] = seen

    on_cores(len(inputs), cut)
    return result


@dataclass(frozen=True)
class RandomResizedCrop:
    """Cuts a rectangle of random area and aspect and resizes it bilinearly (Szegedy et al. 2015).

    size: of the result, ``height, width`` or one number for a square; left out, the image's own.
    scale: limits of the area, of the image's. ratio: limits of width to height, drawn on a logarithmic
    scale; a rectangle that would stand out is cut off at the image's sides.

    Rectangles are whole pixels. Where the result is smaller than the image, resizing is antialiased. Bytes
    are resized as bytes, and so rounded to whole ones, as torchvision does.
    """

    size: int | tuple[int, int] | None = None
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    takes_bytes: ClassVar[bool] = True

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
        wide = torch.sqrt(area * ratio).round_().clamp_(1, width)
        tall = torch.sqrt(area / ratio).round_().clamp_(1, height)
        # the product may round up to the number of places, so it is limited to the last of them
        top = torch.minimum((top * (height - tall + 1)).floor_(), height - tall)
        left = torch.minimum((left * (width - wide + 1)).floor_(), width - wide)
        boxes = torch.stack([top, left, tall, wide], dim=1)
        targets = _resized_masks(batch.targets, boxes, (rows, columns)) if batch.has_masks else batch.targets
        return replace(batch, inputs=_resize_(batch.inputs, boxes, (rows, columns)), targets=targets)


def _resized_masks(masks: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """The class under the centre of each new pixel of a box of [B, H, W]; boxes: as of ``_resize_``."""
    top, left, tall, wide = boxes[:, :, None].unbind(1)
    rows, columns = (
        ((torch.arange(count, device=masks.device) + 0.5) * (span / count) + first).long()
        for first, span, count in ((top, tall, size[0]), (left, wide, size[1]))
    )
    index = torch.arange(len(masks), device=masks.device)
    return masks[index[:, None, None], rows[:, :, None], columns[:, None, :]]


def _resize_(inputs: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """A box of each of [B, C, H, W], resized; may write into the inputs. boxes: as of ``resize_boxes_``."""
    if inputs.dtype == torch.uint8 and not is_large(inputs):
        return _resize_(inputs.float(), boxes, size).round_().to(torch.uint8)
    enlarges = size[0] >= inputs.shape[2] and size[1] >= inputs.shape[3]
    if enlarges and inputs.dtype != torch.uint8:
        return resize_boxes_(inputs, boxes, size)
    result, corners = resized_like(inputs, size), boxes.int().tolist()

    def resize(part: range) -> None:
        for row in part:
            top, left, tall, wide = corners[row]
            box = inputs[row : row + 1, :, top : top + tall, left : left + wide]
            result[row] = F.interpolate(box, size, mode="bilinear", antialias=True)[0]

    if is_large(inputs):
        on_cores(len(inputs), resize)
    else:
        resize(range(len(inputs)))
    return result


def _sides(name: str, size: int | tuple[int, int] | None, default: tuple[int, int]) -> tuple[int, int]:
    """A size as height and width; ConfigError unless both are positive."""
    if size is None:
        return default
    rows, columns = (size, size) if isinstance(size, int | float) else size
    if rows < 1 or columns < 1:
        raise ConfigError(Problem(f"size of {name} can't be {size}", mend="give a positive number of pixels"))
    return int(rows), int(columns)
