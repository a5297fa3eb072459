"""Random numbers that depend on nothing but (seed, epoch, sample, stream, draw).

A counter-based generator: the key and counter are hashed by integer arithmetic, so any device, any
number of processes or workers and any cut of the run draws the same numbers. The mixing function is
the finaliser of SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014), applied once a word of the key.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def _signed(word: int) -> int:
    """A 64-bit word as the int64 that torch holds."""
    word &= _MASK
    return word - (1 << 64) if word >> 63 else word


_MIX_1 = _signed(0xBF58476D1CE4E5B9)
_MIX_2 = _signed(0x94D049BB133111EB)


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """The logical right shift of 64-bit words held as int64."""
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _mix(x: Tensor) -> Tensor:
    """SplitMix64's finaliser, elementwise on int64 words (multiplication wraps)."""
    x = (x ^ _shift_right(x, 30)) * _MIX_1
    x = (x ^ _shift_right(x, 27)) * _MIX_2
    return x ^ _shift_right(x, 31)


def key_integer(*words: int) -> int:
    """One 63-bit integer from several: a seed for a generator that is keyed by them."""
    state = 0
    for word in words:
        state = (state + _GOLDEN * ((word & _MASK) + 1)) & _MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & _MASK
        state ^= state >> 31
    return state >> 1


@dataclass(frozen=True)
class Draws:
    """The draws of one augmentation for one batch.

    seed, epoch: of the run. samples: row numbers, int64 [B], on the device of the batch.
    stream: tells augmentations of one pipeline apart. draw: tells the calls of one augmentation apart;
    every method takes its own ``draw`` so that numbers never depend on the order of calls.
    """

    seed: int
    epoch: int
    samples: Tensor
    stream: int = 0
    _keys: dict[int, Tensor] = field(default_factory=dict, repr=False, compare=False)

    def of(self, stream: int) -> Draws:
        """The same batch's draws for another augmentation."""
        return replace(self, stream=stream, _keys={})

    def words(self, draw: int, count: int = 1) -> Tensor:
        """Uniform 64-bit words as int64 [B, count]."""
        base = key_integer(self.seed, self.epoch, self.stream, draw)
        per_sample = _mix(self.samples.to(torch.int64) * _signed(_GOLDEN) + base)[:, None]
        counter = torch.arange(1, count + 1, device=self.samples.device) * _signed(_GOLDEN)
        return _mix(per_sample + counter)

    def uniform(self, draw: int, low: float = 0.0, high: float = 1.0, count: int = 1) -> Tensor:
        """Uniform in [low, high), float32 [B, count]; 24 random bits, so that float32 holds them exactly."""
        unit = _shift_right(self.words(draw, count), 40).to(torch.float32) * 2.0**-24
        return unit * (high - low) + low

    def chance(self, draw: int, probability: float) -> Tensor:
        """True with the given probability, bool [B]."""
        return self.uniform(draw)[:, 0] < probability

    def integers(self, draw: int, high: Tensor | int, count: int = 1) -> Tensor:
        """Integers in [0, high), int64 [B, count]; ``high`` may be [B, 1], a bound for each."""
        return (_shift_right(self.words(draw, count), 33) * high) >> 31

    def normal(self, draw: int, count: int = 1) -> Tensor:
        """Standard normal, float32 [B, count], by the transform of Box & Muller (1958)."""
        words = self.words(draw, count)
        radius = (_shift_right(words, 40).to(torch.float32) + 1.0) * 2.0**-24
        angle = (_shift_right(words, 16) & ((1 << 24) - 1)).to(torch.float32) * (2.0**-24 * 2 * math.pi)
        return torch.sqrt(-2.0 * torch.log(radius)) * torch.cos(angle)
