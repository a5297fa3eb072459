"""Sound files for tests: tones and noise, written as a user's would be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from epochal.data.manifest import Array


def tone(
    frequency: float, seconds: float = 0.5, rate: int = 8000, level: float = 0.5, seed: int = 0
) -> Array:
    """A sine with a little noise, float64 [T]."""
    time = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).normal(0, 0.01, len(time))
    return level * np.sin(2 * np.pi * frequency * time) + noise


def write(path: Path, values: Array, rate: int = 8000, subtype: str | None = None) -> None:
    """Values [T] or [T, C] as a file of the kind that its name says, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, values, rate, subtype=subtype)


def two_tones(root: Path, each: int = 20, rate: int = 8000) -> Path:
    """root/{high,low}: tones about 1,500 and 400 Hz, each another one, 0.3 to 0.6 s long."""
    draws = np.random.default_rng(5)
    for label, middle in (("high", 1500), ("low", 400)):
        for number in range(each):
            frequency, seconds = middle * draws.uniform(0.8, 1.2), draws.uniform(0.3, 0.6)
            write(root / label / f"{number:02}.wav", tone(frequency, seconds, rate, seed=number), rate)
    return root
