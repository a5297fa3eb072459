"""Normal noise from a generator of the sample's own: as many numbers as an image has, so speed counts.

Each sample seeds SplitMix64 (Steele, Lea & Flood, OOPSLA 2014) with a word of its keyed draws. Each 16 bits
of its words choose one of 65,536 equally likely quantiles of the normal distribution, the largest of them
4.3 standard deviations: by integers and a table alone, the same numbers on every device.
"""

from __future__ import annotations

import functools

import torch
from torch import Tensor

from epochal.data.cores import on_cores
from epochal.data.draws import GOLDEN, Draws, mix_, signed

_BLOCK = 1 << 16  # words that give their numbers together, few enough for a core's cache


def add_normal_(inputs: Tensor, draws: Draws, draw: int, std: Tensor) -> None:
    """Adds normal noise to inputs [B, ...], in place; std: of each sample, float32 [B, 1]."""
    on_cpu, contiguous = inputs.device.type == "cpu", inputs.is_contiguous()
    flat = (inputs if contiguous else inputs.new_zeros(inputs.shape)).view(len(inputs), -1)
    states, quantiles = draws.words(draw), _quantiles(inputs.device)
    count = -(-flat.shape[1] // 4)
    columns = min(count, _BLOCK)
    rows = max(1, _BLOCK // columns) if on_cpu else len(flat)
    steps = torch.arange(columns, device=inputs.device).mul_(signed(GOLDEN))

    def add(part: range) -> None:
        memory = torch.empty(2, rows * columns, dtype=torch.int64, device=inputs.device)
        for row in range(part.start, part.stop, rows):
            some = slice(row, min(row + rows, part.stop))
            for first in range(0, count, columns):
                size = some.stop - row, min(columns, count - first)
                words, shifted = memory[:, : size[0] * size[1]].view(2, *size)
                torch.add(states[some] + signed(GOLDEN * first), steps[: size[1]], out=words)
                places = mix_(words, shifted).view(torch.int16).to(torch.int32).add_(1 << 15)
                noise = quantiles.index_select(0, places.view(-1)).view(places.shape).mul_(std[some])
                target = flat[some, 4 * first : 4 * (first + size[1])]
                target.add_(noise[:, : target.shape[1]])

    if on_cpu and flat.numel() > _BLOCK:
        on_cores(len(flat), add)
    else:
        add(range(len(flat)))
    if not contiguous:
        inputs.add_(flat.view(inputs.shape))


@functools.cache
def _quantiles(device: torch.device) -> Tensor:
    """The middles of 65,536 equally likely parts of the normal distribution, scaled to variance 1."""
    shares = (torch.arange(1 << 16, dtype=torch.float64) + 0.5) / (1 << 16)
    quantiles: Tensor = torch.special.ndtri(shares)
    return (quantiles / quantiles.square().mean().sqrt()).to(torch.float32).to(device)
