"""Reading images at new places, bilinearly: what every geometric augmentation comes down to."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


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


def move(inputs: Tensor, motion: Motion, fill: float) -> Tensor:
    """[B, C, H, W] resampled bilinearly, each sample by its motion; outside of the image lies ``fill``."""
    return resample(inputs, motion.inverse(inputs[:, 0, 0, 0]), inputs.shape[2:], fill)


def resample(inputs: Tensor, maps: Tensor, size: torch.Size | tuple[int, int], fill: float | None) -> Tensor:
    """[B, C, H, W] read bilinearly at places of their own, float32 [B, C, height, width].

    maps: float32 [B, 6], from a new pixel's (x, y, 1) to its place in the input, both counted in pixels
        from the centre. size: height and width of the result. fill: the value outside, or None where the
        pixels at the edge go on.
    """
    height, width = inputs.shape[2:]
    rows, columns = size
    x = torch.arange(columns, device=inputs.device) - (columns - 1) / 2
    y = torch.arange(rows, device=inputs.device) - (rows - 1) / 2
    a, b, c, d, e, f = maps[:, :, None, None].unbind(1)
    # elementwise rather than by affine_grid, whose matrix product may run in TensorFloat-32 on a GPU
    grid = torch.empty(len(inputs), rows, columns, 2, device=inputs.device)
    torch.add(x * (a * (2 / width)), (y[:, None] * b + c) * (2 / width), out=grid[..., 0])
    torch.add(x * (d * (2 / height)), (y[:, None] * e + f) * (2 / height), out=grid[..., 1])
    # what grid_sample pads with is zero, so the values are shifted for it to mean ``fill``
    shifted = inputs - fill if fill else inputs
    padding = "border" if fill is None else "zeros"
    moved = F.grid_sample(shifted, grid, mode="bilinear", padding_mode=padding, align_corners=False)
    return moved.add_(fill) if fill else moved


def choose_(chosen: Tensor, changed: Tensor, inputs: Tensor) -> Tensor:
    """``changed``, [B, ...], written over with ``inputs`` where ``chosen``, bool [B], is false."""
    # lerp is exact at 0 and 1, and several times as fast on a CPU as a broadcast torch.where
    return changed.lerp_(inputs, (~chosen).float().view(-1, *[1] * (inputs.ndim - 1)))
