"""Random changes of sounds: of the wave [B, C, T], and of its spectrogram once it is normalised."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from epochal.data.augment.noise import add_normal_
from epochal.data.augment.ranges import Amount, check_probability, symmetric
from epochal.data.batch import Batch
from epochal.data.draws import Draws
from epochal.errors import ConfigError, DataError, Problem


@dataclass(frozen=True)
class Gain:
    """Makes a sound louder or softer by up to ``db`` decibels, or by a number of [low, high]."""

    db: Amount = 6.0

    def __post_init__(self) -> None:
        symmetric("gain", "db", self.db)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, each sound times a factor of its own."""
        low, high = symmetric("gain", "db", self.db)
        batch.inputs.mul_(_factor(draws.uniform(0, low, high))[:, :, None])
        return batch


@dataclass(frozen=True)
class TimeShift:
    """Moves a sound earlier or later by up to ``share`` of its length; silence takes its place."""

    share: float = 0.1

    def __post_init__(self) -> None:
        check_probability("time_shift", self.share)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, each sound shifted by a number of steps of its own."""
        steps = batch.inputs.shape[2]
        most = int(self.share * steps)
        shift = draws.integers(0, 2 * most + 1) - most
        places = torch.arange(steps, device=batch.inputs.device) - shift
        inside = (places >= 0) & (places < steps)
        index = places.clamp_(0, steps - 1)[:, None, :].expand_as(batch.inputs)
        shifted = batch.inputs.gather(2, index).mul_(inside[:, None, :])
        batch.inputs.copy_(shifted)
        return batch


@dataclass(frozen=True)
class Noise:
    """Adds normal noise, with probability ``p`` a sound.

    snr_db: the signal's power over the noise's in decibels, a number of [low, high] for each sound. Silence
    stays silent.
    """

    snr_db: Amount = (10.0, 30.0)
    p: float = 1.0

    def __post_init__(self) -> None:
        check_probability("noise", self.p)
        self._limits()

    def _limits(self) -> tuple[float, float]:
        snr = self.snr_db
        return symmetric("noise", "snr_db", (snr, snr) if isinstance(snr, int | float) else snr)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch with noise on its sounds."""
        norm = torch.linalg.vector_norm(batch.inputs, dim=(1, 2), dtype=torch.float64)
        root = (norm / math.sqrt(batch.inputs[0].numel())).float()[:, None]
        std = root / _factor(draws.uniform(1, *self._limits()))
        if self.p < 1:
            std *= draws.chance(2, self.p)[:, None]
        add_normal_(batch.inputs, draws, 0, std)
        return batch


@dataclass(frozen=True)
class Polarity:
    """Turns a sound upside down with probability ``p``; nobody hears it."""

    p: float = 0.5

    def __post_init__(self) -> None:
        check_probability("polarity", self.p)

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, some of its sounds with the other sign."""
        batch.inputs.mul_((1 - 2.0 * draws.chance(0, self.p))[:, None, None])
        return batch


@dataclass(frozen=True)
class SpecAugment:
    """Masks bands and frames of a spectrogram (Park et al. 2019, "SpecAugment", without its warping of time).

    time, frequency: the widest mask, in frames and in bands; a width is of 0 to that, and its place anywhere.
    masks: of each kind. After normalisation, so that what is masked is 0, the mean of the training split.
    """

    time: int = 20
    frequency: int = 8
    masks: int = 2
    normalized: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("time", "frequency", "masks"):
            if getattr(self, name) < 0:
                what = f"{name} of spec_augment can't be {getattr(self, name)}"
                raise ConfigError(Problem(what, mend="give a whole number >= 0"))

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """The batch, each spectrogram [C, bands, frames] with masks of its own."""
        if batch.inputs.ndim != 4:
            what = f"spec_augment is for spectrograms, not for samples {list(batch.inputs.shape[1:])}"
            raise DataError(Problem(what, "data.augment", "set data.transform, such as [log_mel]"))
        bands, frames = batch.inputs.shape[2:]
        kept_bands = self._kept(draws, 0, bands, self.frequency)[:, None, :, None]
        kept_frames = self._kept(draws, 2, frames, self.time)[:, None, None, :]
        batch.inputs.mul_(kept_bands).mul_(kept_frames)
        return batch

    def _kept(self, draws: Draws, draw: int, size: int, widest: int) -> Tensor:
        """Which of ``size`` places no mask covers, bool [B, size]."""
        width = draws.integers(draw, min(widest, size) + 1, count=self.masks)
        first = draws.integers(draw + 1, size - width + 1, count=self.masks)
        places = torch.arange(size, device=width.device)
        covered = (places >= first[:, :, None]) & (places < (first + width)[:, :, None])
        return ~covered.any(dim=1)


def _factor(db: Tensor) -> Tensor:
    """What an amplitude is multiplied by for so many decibels.

    By float64: vectorised functions round the last bit in another way at another place of a batch.
    """
    return torch.pow(10.0, db.double() / 20).float()
