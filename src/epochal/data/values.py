"""Inputs as bytes, as numbers in [0, 1], and normalised."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from epochal.data.buffers import Buffers
from epochal.data.cores import in_blocks

_STEP = float(np.float32(1 / 255))


def to_float(inputs: Tensor) -> Tensor:
    """Image bytes to float32 in [0, 1]; the same numbers as ``cache.to_unit`` gives."""
    if inputs.dtype == torch.uint8:
        return inputs.to(torch.float32).mul_(_STEP)
    if inputs.is_floating_point():
        return inputs.float()
    return inputs


def is_channels_last(inputs: Tensor) -> bool:
    """Whether images [B, C, H, W] lie in memory pixel by pixel; never where there is one channel."""
    return (
        inputs.ndim == 4
        and inputs.is_contiguous(memory_format=torch.channels_last)
        and not inputs.is_contiguous()
    )


def normalize_(inputs: Tensor, shift: Tensor, scale: Tensor, buffers: Buffers | None = None) -> Tensor:
    """(``to_float`` of the inputs - shift) / scale, float32 [B, ...] in the inputs' memory format.

    inputs: bytes, or float32, which is written into. shift, scale: float32 [C, 1, 1], [F] or [1]. buffers:
    where the result of bytes on a CPU lies. The same numbers as three passes over the batch give, in one:
    part by part while it is in a core's cache.
    """
    last = is_channels_last(inputs)
    if inputs.dtype != torch.uint8:
        result = inputs
    elif buffers is None or inputs.device.type != "cpu":
        result = torch.empty_like(inputs, dtype=torch.float32)
    else:
        layout = torch.channels_last if last else torch.contiguous_format
        result = buffers.take(tuple(inputs.shape), torch.float32, layout)
    source, target = inputs, result
    if last:
        # row by row, with the channels' numbers repeated: three at a time, a core would work on scalars
        source, target = (images.permute(0, 2, 3, 1).flatten(2) for images in (inputs, result))
        size = inputs.shape[1], inputs.shape[3]
        shift, scale = (values.reshape(-1, 1).expand(size).t().flatten() for values in (shift, scale))

    def normalize(some: slice) -> None:
        part = target[some]
        if inputs is not result:
            part.copy_(source[some]).mul_(_STEP)
        part.sub_(shift).div_(scale)

    in_blocks(result, normalize)
    return result


def byte_of(value: float) -> int | None:
    """The byte that becomes exactly this value, as float32, or None."""
    byte = round(value * 255)
    same = 0 <= byte <= 255 and np.float32(byte) * np.float32(_STEP) == np.float32(value)
    return byte if same else None


def constant(value: float, inputs: Tensor) -> float:
    """A value as it stands in these inputs; a step takes bytes only where there is such a byte."""
    byte = byte_of(value) if inputs.dtype == torch.uint8 else None
    return value if byte is None else byte
