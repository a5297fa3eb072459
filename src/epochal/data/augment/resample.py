"""Reading images at new places, bilinearly: what every geometric augmentation comes down to.

Masks are read at the same places, where the nearest pixel counts: classes have no mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from epochal.data.batch import Batch
from epochal.data.cores import in_blocks, is_large
from epochal.data.masks.coding import IGNORED
from epochal.data.values import is_channels_last

_STILL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)


@dataclass(frozen=True)
class Motion:
    """How each of B samples moves about its centre; every field is a number for all, or float32 [B].

    angle, shear_x, shear_y: degrees, clockwise. x, y: pixels to the right and down. scale: a factor.
    """

    angle: Tensor | float = 0.0
    x: Tensor | float = 0.0
    y: Tensor | float = 0.0
    scale: Tensor | float = 1.0
    shear_x: Tensor | float = 0.0
    shear_y: Tensor | float = 0.0

    def inverse(self, samples: Tensor) -> Tensor:
        """The maps from a new pixel to its place in the old image, float32 [B, 6], rows of [2, 3] matrices.

        In pixels from the centre; the inverse of T·R·Shear·Scale as in torchvision's
        ``_get_inverse_affine_matrix``. samples: [B] of the batch, for its length and device.
        """
        like = torch.zeros(len(samples), device=samples.device)
        turn, tilt_x, tilt_y = (
            torch.deg2rad(like + angle) for angle in (self.angle, self.shear_x, self.shear_y)
        )
        cosine = torch.cos(turn - tilt_y) / torch.cos(tilt_y)
        sine = torch.sin(turn - tilt_y) / torch.cos(tilt_y)
        slant = torch.tan(tilt_x)
        a, b = (torch.cos(turn) - sine * slant) / self.scale, (torch.sin(turn) + cosine * slant) / self.scale
        c, d = -sine / self.scale, cosine / self.scale
        return torch.stack([a, b, -a * self.x - b * self.y, c, d, -c * self.x - d * self.y], dim=1)


def compose(first: Tensor, second: Tensor) -> Tensor:
    """The maps of two motions, one after the other, as one; each float32 [B, 6] as of ``Motion.inverse``."""
    matrices, shifts = first.view(-1, 2, 3)[..., :2, None], first.view(-1, 2, 3)[..., 2]
    # sums of products, as a matrix product may run in TensorFloat-32 on a GPU
    composed = (matrices * second.view(-1, 1, 2, 3)).sum(2)
    composed[..., 2] += shifts
    return composed.flatten(1)


def keep_still(maps: Tensor, moving: Tensor) -> Tensor:
    """Maps [B, 6] where ``moving``, bool [B], and elsewhere those that leave an image where it is."""
    return torch.where(moving[:, None], maps, maps.new_tensor(_STILL))


def moved(batch: Batch, maps: Tensor, fill: float, some_still: bool = False) -> Batch:
    """A batch whose images, and masks, are moved by ``move_``; what comes into view of a mask is left out."""
    targets = batch.targets
    if batch.has_masks:
        classes = move_(targets[:, None].float(), maps, IGNORED, some_still, nearest=True)
        targets = classes[:, 0].round().to(targets.dtype)
    return replace(batch, inputs=move_(batch.inputs, maps, fill, some_still), targets=targets)


def move_(
    inputs: Tensor, maps: Tensor, fill: float, some_still: bool = False, *, nearest: bool = False
) -> Tensor:
    """[B, C, H, W] resampled bilinearly, each sample by its map, float32 [B, 6]; outside lies ``fill``.

    nearest: take the nearest pixel instead. May write into the inputs. some_still: samples with the map of
    ``keep_still`` stay exactly as they are.
    """
    height, width = inputs.shape[2:]
    x, y = _places(width, inputs), _places(height, inputs)
    a, b, c, d, e, f = maps[:, :, None].unbind(1)
    across = torch.stack([x * (a * (2 / width)), x * (d * (2 / height))], dim=2)
    down = torch.stack([(y * b + c) * (2 / width), (y * e + f) * (2 / height)], dim=2)
    still = (maps == maps.new_tensor(_STILL)).all(1) if some_still else None
    return _read(inputs, across, down, fill, still, "nearest" if nearest else "bilinear")


def resize_boxes_(inputs: Tensor, boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """A box of each of [B, C, H, W] enlarged bilinearly to ``size``; may write into the inputs.

    boxes: top, left, height and width, whole pixels, [B, 4].
    """
    height, width = inputs.shape[2:]
    rows, columns = size
    top, left, tall, wide = boxes.to(torch.float32)[:, :, None].unbind(1)
    x = ((_places(columns, inputs) + columns / 2) * (wide / columns) - 0.5).clamp_(min=0)
    y = ((_places(rows, inputs) + rows / 2) * (tall / rows) - 0.5).clamp_(min=0)
    # from pixels to grid_sample's [-1, 1]
    x = (torch.minimum(x, wide - 1) + left + 0.5) * (2 / width) - 1
    y = (torch.minimum(y, tall - 1) + top + 0.5) * (2 / height) - 1
    across = torch.stack([x, torch.zeros_like(x)], dim=2)
    return _read(inputs, across, torch.stack([torch.zeros_like(y), y], dim=2), None)


def _places(count: int, inputs: Tensor) -> Tensor:
    """The places of so many pixels, counted from their centre."""
    return torch.arange(count, device=inputs.device) - (count - 1) / 2


def _read(
    inputs: Tensor,
    across: Tensor,
    down: Tensor,
    fill: float | None,
    still: Tensor | None = None,
    mode: str = "bilinear",
) -> Tensor:
    """[B, C, H, W] read at the sums of two places, x and y in [-1, 1]: [B, columns, 2] and [B, rows, 2].

    fill: the value outside, or None where the pixels at the edge go on. still: bool [B], what is not read.
    """
    # a complex number is a place; adding rows to columns of them is one pass that vectorises
    across, down = torch.view_as_complex(across)[:, None, :], torch.view_as_complex(down)[:, :, None]
    padding = "border" if fill is None else "zeros"

    def read(some: slice) -> Tensor:
        grid = torch.view_as_real(across[some] + down[some])
        # what grid_sample pads with is zero, so the values are shifted for it to mean ``fill``
        shifted = inputs[some] - fill if fill else inputs[some]
        found = F.grid_sample(shifted, grid, mode=mode, padding_mode=padding, align_corners=False)
        if fill:
            found.add_(fill)
        if still is not None:
            # lerp is exact at 0 and 1, and several times as fast on a CPU as a broadcast torch.where
            found.lerp_(inputs[some], still[some].float().view(-1, 1, 1, 1))
        return found

    if not is_large(inputs):
        return read(slice(None))
    size = down.shape[1], across.shape[2]
    result = inputs if size == inputs.shape[2:] else resized_like(inputs, size)

    def write(some: slice) -> None:
        result[some].copy_(read(some))

    in_blocks(inputs, write)
    return result


def resized_like(inputs: Tensor, size: tuple[int, int]) -> Tensor:
    """Memory for images of another size, in the inputs' type and memory format."""
    memory_format = torch.channels_last if is_channels_last(inputs) else torch.contiguous_format
    shape = (*inputs.shape[:2], *size)
    return torch.empty(shape, dtype=inputs.dtype, device=inputs.device, memory_format=memory_format)
