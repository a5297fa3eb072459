"""Memory for batches, used again: fresh memory costs more than what is written into it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_WORTH = 2**20  # bytes below which the allocator has a block at hand
_KEPT = 3  # of each shape: the batch that is made, the one that trains, and one somebody looks at


class Buffers:
    """Tensors on the CPU whose memory is given out again once nothing refers to it any more.

    What is given out is a view. Whoever keeps it, or a graph that was built on it, keeps the memory.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[object, ...], list[Tensor]] = {}

    def take(
        self,
        shape: tuple[int, ...],
        dtype: torch.dtype,
        layout: torch.memory_format = torch.contiguous_format,
    ) -> Tensor:
        """A tensor of this shape, dtype and memory format, whose values are anything."""
        if math.prod(shape) * dtype.itemsize < _WORTH:
            return torch.empty(shape, dtype=dtype, memory_format=layout)
        kept = self._kept.setdefault((shape[1:], dtype, layout), [])
        for buffer in kept:
            if len(buffer) >= shape[0] and _references(buffer) == 1:
                return buffer[: shape[0]]
        buffer = torch.empty(shape, dtype=dtype, memory_format=layout)
        kept.append(buffer)
        del kept[:-_KEPT]
        return buffer[:]


def _references(buffer: Tensor) -> int:
    """Tensors, here or in a graph, that share the buffer's memory; itself among them."""
    storage = buffer.untyped_storage()
    return int(torch._C._storage_Use_Count(storage._cdata)) - 1  # without this handle
