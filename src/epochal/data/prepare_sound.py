"""Our deterministic steps for sounds, float32 [C, T]: each a final class that is called with one of them.

The rate, samples a second, is that of the files, or what ``resample`` before it made of it; only where
samples are no files is it to be given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from epochal.data.augment.ranges import check_positive
from epochal.data.manifest import Array
from epochal.data.sounds import resampled
from epochal.errors import ConfigError, DataError, Problem


@dataclass(frozen=True)
class Resample:
    """Brings sounds to ``rate`` samples a second, by scipy.signal's polyphase filter.

    As the first step it does so with files of any rates, while they are read. from_rate: of samples that are
    no files.
    """

    rate: int
    from_rate: int | None = None

    def __post_init__(self) -> None:
        check_positive("resample", "rate", self.rate)

    def __call__(self, sample: Array) -> Array:
        """[C, T] -> [C, ceil(T · rate / from_rate)]."""
        _check("resample", sample)
        return resampled(sample, known_rate("resample", "from_rate", self.from_rate), self.rate)


@dataclass(frozen=True)
class Mono:
    """The mean of all channels."""

    def __call__(self, sample: Array) -> Array:
        """[C, T] -> [1, T]."""
        _check("mono", sample)
        mean: Array = sample.mean(axis=0, keepdims=True)
        return mean


@dataclass(frozen=True)
class FixedLength:
    """Makes every sound ``seconds`` long.

    pad: a shorter one is followed by silence (``end``), played again (``repeat``), or has silence on both
    sides (``center``). crop: the part that stays of a longer one.
    """

    seconds: float
    pad: Literal["end", "repeat", "center"] = "end"
    crop: Literal["start", "center", "end"] = "center"
    rate: int | None = None

    def __post_init__(self) -> None:
        check_positive("fixed_length", "seconds", self.seconds)

    def __call__(self, sample: Array) -> Array:
        """[C, T] -> [C, round(seconds · rate)], at least one."""
        _check("fixed_length", sample)
        length = max(1, round(self.seconds * known_rate("fixed_length", "rate", self.rate)))
        spare = length - sample.shape[1]
        if spare <= 0:
            first = {"start": 0, "center": -spare // 2, "end": -spare}[self.crop]
            return sample[:, first : first + length]
        if self.pad == "repeat":
            return np.tile(sample, (1, -(-length // sample.shape[1])))[:, :length]
        before = spare // 2 if self.pad == "center" else 0
        return np.pad(sample, ((0, 0), (before, spare - before)))


@dataclass(frozen=True)
class TrimSilence:
    """Cuts off what is silent before the first sound and after the last.

    Silent is a window of ``window`` seconds whose power is more than ``db`` decibels below the loudest one's.
    A sound that is silence alone stays as it is.
    """

    db: float = 40.0
    window: float = 0.02
    rate: int | None = None

    def __post_init__(self) -> None:
        check_positive("trim_silence", "db", self.db)
        check_positive("trim_silence", "window", self.window)

    def __call__(self, sample: Array) -> Array:
        """[C, T] -> [C, at most T], whole windows."""
        _check("trim_silence", sample)
        size = max(1, round(self.window * known_rate("trim_silence", "rate", self.rate)))
        power = (sample.astype(np.float64) ** 2).mean(axis=0)
        starts = np.arange(0, len(power), size)
        means = np.add.reduceat(power, starts) / np.diff(np.append(starts, len(power)))
        loud = np.flatnonzero(means > means.max() * 10 ** (-self.db / 10))
        return sample[:, loud[0] * size : (loud[-1] + 1) * size] if len(loud) else sample


def known_rate(name: str, argument: str, rate: int | None) -> int:
    """The rate; ConfigError naming the step and its argument where it is unknown."""
    if rate is None:
        what = f"{name} must know how many samples a second there are"
        raise ConfigError(Problem(what, mend=f"give it as {argument}: these samples are no sound files"))
    return rate


def _check(name: str, sample: Array) -> None:
    if sample.ndim != 2 or sample.dtype.kind != "f":
        what = f"{name} is for sounds and series C×T, not for samples {list(sample.shape)} of {sample.dtype}"
        raise DataError(Problem(what, mend="leave it out"))
