"""Random numbers that depend on nothing but (seed, epoch, sample, stream, draw).

A counter-based generator: the key and counter are hashed by integer arithmetic, so any device, any
number of processes or workers and any cut of the run draws the same numbers. The mixing function is
the finaliser of SplitMix64 (Steele, Lea & Flood, "Fast splittable pseudorandom number generators",
OOPSLA 2014), applied once a word of the key.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from epochal.data.manifest import Array

GOLDEN = 0x9E3779B97F4A7C15
_MASK = (1 << 64) - 1


def signed(word: int) -> int:
    """A 64-bit word as the int64 that torch holds."""
    word &= _MASK
    return word - (1 << 64) if word >> 63 else word


_MIX_1 = signed(0xBF58476D1CE4E5B9)
_MIX_2 = signed(0x94D049BB133111EB)


def _shift_right(x: Tensor, bits: int) -> Tensor:
    """The logical right shift of 64-bit words held as int64."""
    return (x >> bits).bitwise_and_((1 << (64 - bits)) - 1)


def mix_(words: Tensor, shifted: Tensor | None = None) -> Tensor:
    """SplitMix64's finaliser, elementwise and in place on int64 words (multiplication wraps).

    shifted: memory of the same shape to work in.
    """
    shifted = torch.empty_like(words) if shifted is None else shifted
    for bits, factor in ((30, _MIX_1), (27, _MIX_2), (31, 1)):
        torch.bitwise_right_shift(words, bits, out=shifted)
        words.bitwise_xor_(shifted.bitwise_and_((1 << (64 - bits)) - 1))
        if factor != 1:
            words.mul_(factor)
    return words


def _mix_words(words: Array) -> Array:
    """The same on uint64 words; for the few of a batch on a CPU, NumPy's calls cost a third of torch's."""
    words ^= words >> np.uint64(30)
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words


def key_integer(*words: int) -> int:
    """One 63-bit integer from several: a seed for a generator that is keyed by them."""
    state = 0
    for word in words:
        state = (state + GOLDEN * ((word & _MASK) + 1)) & _MASK
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
    # what (seed, epoch, samples) come to, int64 [B, 1]: computed once for all streams of a batch
    _states: list[Tensor] = field(default_factory=list, repr=False, compare=False)

    def of(self, stream: int) -> Draws:
        """The same batch's draws for another augmentation."""
        return replace(self, stream=stream)

    def words(self, draw: int, count: int = 1) -> Tensor:
        """Uniform 64-bit words as int64 [B, count]; the first of them do not depend on ``count``."""
        start = key_integer(self.stream, draw) + GOLDEN
        if self.samples.device.type == "cpu":
            steps = np.arange(count, dtype=np.uint64) * np.uint64(GOLDEN) + np.uint64(start & _MASK)
            return torch.from_numpy(_mix_words(self._state().numpy().view(np.uint64) + steps).view(np.int64))
        counter = torch.arange(count, device=self.samples.device).mul_(signed(GOLDEN)).add_(signed(start))
        return mix_(self._state() + counter)

    def _state(self) -> Tensor:
        if not self._states:
            key = signed(key_integer(self.seed, self.epoch))
            self._states.append(mix_((self.samples.to(torch.int64) * signed(GOLDEN)).add_(key))[:, None])
        return self._states[0]

    def uniform(self, draw: int, low: float = 0.0, high: float = 1.0, count: int = 1) -> Tensor:
        """Uniform in [low, high), float32 [B, count]; 24 random bits, so that float32 holds them exactly."""
        unit = _unit(self.words(draw, count))
        return unit if (low, high) == (0.0, 1.0) else unit.mul_(high - low).add_(low)

    def chance(self, draw: int, probability: float) -> Tensor:
        """True with the given probability, bool [B]."""
        return self.uniform(draw)[:, 0] < probability

    def integers(self, draw: int, high: Tensor | int, count: int = 1) -> Tensor:
        """Integers in [0, high), int64 [B, count]; ``high`` may be [B, 1], a bound for each; under 2^31."""
        return (_shift_right(self.words(draw, count), 33) * high) >> 31


def _unit(words: Tensor) -> Tensor:
    """The words' 24 high bits as float32 in [0, 1)."""
    if words.device.type == "cpu":
        high = words.numpy().view(np.uint64) >> np.uint64(40)
        return torch.from_numpy(high.astype(np.float32) * np.float32(2.0**-24))
    return _shift_right(words, 40).to(torch.float32).mul_(2.0**-24)
