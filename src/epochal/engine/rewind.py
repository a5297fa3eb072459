"""torch's global generators, put back to before draws that were already made."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from epochal.data.manifest import Array

_WORDS, _SHIFT = 624, 397
_MOST = 2**16
"""Generations of the CPU generator, of 624 draws each, that are gone back at most: about two seconds."""
_HEAD, _TAIL = 24, 24 + 8 * _WORDS
"""Bytes of ``torch.get_rng_state()``: the seed, how many words are left, a flag, the next word; the words."""


def generator_states(device: torch.device) -> dict[str, Tensor]:
    """The states of torch's global generators on the CPU and on ``device``, by the type of device."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_generator_states(states: dict[str, Tensor], device: torch.device) -> None:
    """Continue from what ``generator_states`` gave."""
    torch.set_rng_state(states["cpu"])
    if "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


def rewound(start: dict[str, Tensor], end: dict[str, Tensor]) -> dict[str, Tensor]:
    """The states that lie as many draws before ``start`` as ``end`` lies after it.

    So where the same work was done twice, these are the states before the first time. A generator that was
    seeded anew in between, or is too far on, stays as it is in ``start``.
    """
    states = {"cpu": _rewound_words(start["cpu"], end["cpu"])}
    if "cuda" in start:  # Philox counts: a state is its seed and its offset
        states["cuda"] = start["cuda"].clone()
        first, last = start["cuda"].view(torch.int64), end["cuda"].view(torch.int64)
        if first[0] == last[0]:
            states["cuda"].view(torch.int64)[1] -= last[1] - first[1]
    return states


def _rewound_words(start: Tensor, end: Tensor) -> Tensor:
    """The state of the CPU's Mersenne Twister; a kept half of a pair of normal numbers is forgotten."""
    goal, words = _words(start), _words(end)
    generations = 0
    while not np.array_equal(words[1:], goal[1:]):  # of word 0, one bit only is part of the state
        if generations == _MOST:
            return start
        words = _previous(words)
        generations += 1
    position = 2 * _position(start) - _position(end) - _WORDS * generations
    words = goal
    while position < 1:
        words = _previous(words)
        position += _WORDS
    state = start.clone()
    state[8:12].view(torch.int32)[0] = _WORDS + 1 - position
    state[16:24].view(torch.int64)[0] = position
    state[_HEAD:_TAIL].view(torch.int64).copy_(torch.from_numpy(words.astype(np.int64)))
    state[_TAIL:] = 0
    return state


def _words(state: Tensor) -> Array:
    return state[_HEAD:_TAIL].view(torch.int64).numpy().astype(np.uint32)


def _position(state: Tensor) -> int:
    """How many words of its generation are drawn, 1 to 624; of a fresh seed, which only makes others, all."""
    return _WORDS + 1 - int(state[8:12].view(torch.int32))


def _previous(words: Array) -> Array:
    """The generation before this one: the recurrence of MT19937 (Matsumoto and Nishimura, 1998) backwards.

    new[k] = old[k + 397] ^ twist(high bit of old[k], low bits of old[k + 1]), where words beyond the last
    one are those of the new generation.
    """
    gap = _WORDS - _SHIFT
    old = np.empty_like(words)
    late = _untwist(words[gap:] ^ words[:_SHIFT])
    old[gap:] = late & 0x80000000
    old[gap + 1 :] |= late[:-1] & 0x7FFFFFFF
    early = _untwist(words[:gap] ^ old[_SHIFT:])  # of the old words, only those before 228 lack bits now
    old[:gap] = early & 0x80000000
    old[1 : gap + 1] |= early & 0x7FFFFFFF
    first = _untwist(old[-1:] ^ old[_SHIFT - 1 : _SHIFT])  # of the generation before it
    old[0] |= first[0] & 0x7FFFFFFF
    return old


def _untwist(twisted: Array) -> Array:
    odd = twisted >> 31
    untwisted: Array = ((twisted ^ odd * np.uint32(0x9908B0DF)) << 1) | odd
    return untwisted
