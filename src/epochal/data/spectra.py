"""Sounds as pictures of their spectra, in torch on the device: power, log-mel, cepstrum."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from epochal.data.augment.ranges import check_positive
from epochal.data.prepare_sound import known_rate
from epochal.errors import ConfigError, DataError, Problem

_FLOOR = 1e-6
"""Added to powers before their logarithm, so that silence has one."""


@dataclass(frozen=True)
class Spectrogram:
    """The natural logarithm of the power of each frequency over time.

    window: seconds under a periodic Hann window, zero-padded to a power of two. hop: seconds from one window
    to the next; the first is centred on the first sample, and silence lies around the sound.
    rate: samples a second; of sound files it is known.
    """

    window: float = 0.025
    hop: float = 0.01
    rate: int | None = None

    def __post_init__(self) -> None:
        check_positive("spectrogram", "window", self.window)
        check_positive("spectrogram", "hop", self.hop)

    def __call__(self, waves: Tensor) -> Tensor:
        """[B, C, T] -> [B, C, N / 2 + 1, 1 + T // hop], with N the length of the FFT."""
        return (_power("spectrogram", waves, self.window, self.hop, self.rate) + _FLOOR).log()


@dataclass(frozen=True)
class LogMel:
    """The natural logarithm of the power in bands that are equally wide on the mel scale.

    The scale is HTK's, mel = 2595 · log10(1 + f / 700) (O'Shaughnessy 1987); the bands are triangles of
    height 1 that overlap by half, as in HTK and torchaudio's default. 1e-6 is added before the logarithm.
    bands: how many, from ``low`` to ``high`` Hz, by default half the rate. window, hop, rate: as of
    ``spectrogram``.
    """

    bands: int = 40
    window: float = 0.025
    hop: float = 0.01
    low: float = 20.0
    high: float | None = None
    rate: int | None = None

    def __post_init__(self) -> None:
        for name in ("bands", "window", "hop"):
            check_positive("log_mel", name, getattr(self, name))

    def __call__(self, waves: Tensor) -> Tensor:
        """[B, C, T] -> [B, C, bands, 1 + T // hop]."""
        power = _power("log_mel", waves, self.window, self.hop, self.rate)
        rate = known_rate("log_mel", "rate", self.rate)
        high = self.high or rate / 2
        bank = _mel_bank(rate, 2 * (power.shape[2] - 1), self.bands, self.low, high, waves.device)
        return (torch.einsum("mf,bcft->bcmt", bank, power) + _FLOOR).log()


@dataclass(frozen=True)
class Mfcc:
    """Mel-frequency cepstral coefficients: the first of ``log_mel``'s orthonormal DCT-II over its bands.

    coefficients: how many. bands, window, hop, low, high, rate: as of ``log_mel``.
    """

    coefficients: int = 13
    bands: int = 40
    window: float = 0.025
    hop: float = 0.01
    low: float = 20.0
    high: float | None = None
    rate: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.coefficients <= self.bands:
            what = f"coefficients of mfcc can't be {self.coefficients}"
            raise ConfigError(Problem(what, mend=f"give 1 to {self.bands}, the number of bands"))

    def __call__(self, waves: Tensor) -> Tensor:
        """[B, C, T] -> [B, C, coefficients, 1 + T // hop]."""
        mel = LogMel(self.bands, self.window, self.hop, self.low, self.high, self.rate)(waves)
        return torch.einsum("km,bcmt->bckt", _cosines(self.coefficients, self.bands, waves.device), mel)


def _power(name: str, waves: Tensor, window: float, hop: float, rate: int | None) -> Tensor:
    """Power spectra [B, C, N / 2 + 1, frames] of waves [B, C, T]."""
    if waves.ndim != 3:
        what = f"{name} is for sounds C×T, not for samples {list(waves.shape[1:])}"
        raise DataError(Problem(what, "data.transform", "leave it out"))
    known = known_rate(name, "rate", rate)
    size, step = max(2, round(window * known)), max(1, round(hop * known))
    spectra = torch.stft(
        waves.reshape(-1, waves.shape[2]),
        n_fft=1 << (size - 1).bit_length(),
        hop_length=step,
        win_length=size,
        window=_hann(size, waves.device),
        pad_mode="constant",
        return_complex=True,
    )
    power = spectra.real.square() + spectra.imag.square()
    return power.view(*waves.shape[:2], *power.shape[1:])


@functools.lru_cache(maxsize=8)
def _hann(size: int, device: torch.device) -> Tensor:
    return torch.hann_window(size, device=device)


@functools.lru_cache(maxsize=8)
def _mel_bank(rate: int, size: int, bands: int, low: float, high: float, device: torch.device) -> Tensor:
    """The share of each of ``size / 2 + 1`` frequencies in each band, [bands, size / 2 + 1]."""
    if not 0 <= low < high <= rate / 2:
        what = f"bands can't lie between {low:g} and {high:g} Hz at {rate:,} samples a second"
        raise ConfigError(Problem(what, "data.transform", f"0 <= low < high <= {rate / 2:g}"))
    frequencies = torch.linspace(0, rate / 2, size // 2 + 1, dtype=torch.float64)
    first, last = (2595 * math.log10(1 + frequency / 700) for frequency in (low, high))
    mels = torch.linspace(first, last, bands + 2, dtype=torch.float64)
    edges = (700 * (10 ** (mels / 2595) - 1))[:, None]
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    bank = torch.minimum(rising, falling).clamp(min=0)
    empty = int((bank.sum(dim=1) == 0).sum())
    if empty:
        what = f"{empty} of {bands} bands are narrower than the window can tell apart"
        raise ConfigError(Problem(what, "data.transform", "use fewer bands, or a longer window"))
    return bank.float().to(device)


@functools.lru_cache(maxsize=8)
def _cosines(count: int, bands: int, device: torch.device) -> Tensor:
    """The first rows of the orthonormal DCT-II, [count, bands]."""
    places = torch.arange(bands, dtype=torch.float64) + 0.5
    waves = torch.cos(math.pi / bands * torch.arange(count, dtype=torch.float64)[:, None] * places)
    waves *= math.sqrt(2 / bands)
    waves[0] /= math.sqrt(2)
    return waves.float().to(device)
