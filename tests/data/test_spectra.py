from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.fft import dct
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann

from epochal.config.component import Component
from epochal.data.manifest import Array
from epochal.data.spectra import LogMel, Mfcc, Spectrogram
from epochal.data.transform import build_transform
from epochal.errors import ConfigError, DataError

RATE = 8000
WAVES = np.random.default_rng(0).normal(0, 0.2, (3, 2, 4001)).astype(np.float32)


def power(wave: Array) -> Array:
    """By SciPy, in float64: 200 samples under the window, an FFT of 256, hops of 80."""
    window = np.zeros(256)
    window[28:228] = hann(200, sym=False)
    transform = ShortTimeFFT(window, hop=80, fs=RATE, mfft=256, fft_mode="onesided")
    frames = 1 + len(wave) // 80
    found: Array = np.abs(transform.stft(wave.astype(np.float64), p0=0, p1=frames)) ** 2
    return found


def mel_bands(count: int, low: float, high: float) -> Array:
    """Band by band and frequency by frequency, from the definition."""
    edges = 700 * (10 ** (np.linspace(mel(low), mel(high), count + 2) / 2595) - 1)
    bands = np.zeros((count, 129))
    for band in range(count):
        left, middle, right = edges[band : band + 3]
        for place in range(129):
            frequency = place * RATE / 256
            if left < frequency <= middle:
                bands[band, place] = (frequency - left) / (middle - left)
            elif middle < frequency < right:
                bands[band, place] = (right - frequency) / (right - middle)
    return bands


def mel(frequency: float) -> float:
    return float(2595 * np.log10(1 + frequency / 700))


def test_log_mel_is_what_scipy_and_the_definition_give() -> None:
    found = LogMel(bands=20, low=60, high=3500, rate=RATE)(torch.from_numpy(WAVES)).numpy()
    assert found.shape == (3, 2, 20, 51)
    expected = [[np.log(mel_bands(20, 60, 3500) @ power(wave) + 1e-6) for wave in each] for each in WAVES]
    np.testing.assert_allclose(found, np.array(expected), rtol=0, atol=1e-4)


def test_spectrogram_and_mfcc_are_what_scipy_gives() -> None:
    waves = torch.from_numpy(WAVES)
    spectra = Spectrogram(rate=RATE)(waves).numpy()
    np.testing.assert_allclose(spectra[1, 0], np.log(power(WAVES[1, 0]) + 1e-6), rtol=0, atol=2e-3)
    cepstra = Mfcc(coefficients=5, bands=20, rate=RATE)(waves).numpy()
    mel_spectra = LogMel(bands=20, rate=RATE)(waves).numpy()
    expected = dct(mel_spectra, axis=2, norm="ortho")[:, :, :5]
    np.testing.assert_allclose(cepstra, expected, rtol=0, atol=1e-4)


def test_a_tone_lies_in_its_band_and_silence_is_finite() -> None:
    time = np.arange(RATE) / RATE
    tone = torch.from_numpy(np.sin(2 * np.pi * 1000 * time).astype(np.float32))[None, None]
    found = LogMel(bands=20, low=0, rate=RATE)(torch.cat([tone, torch.zeros_like(tone)]))
    centres = 700 * (10 ** (np.linspace(0, mel(RATE / 2), 22)[1:-1] / 2595) - 1)
    assert abs(centres[int(found[0, 0, :, 50].argmax())] - 1000) < 100
    np.testing.assert_allclose(found[1].numpy(), np.log(1e-6), rtol=0, atol=1e-4)


def test_the_transform_is_told_the_rate_and_says_when_it_is_not() -> None:
    component = Component.model_validate({"name": "log_mel", "bands": 20})
    assert build_transform([component], RATE).shape((1, 800)) == (1, 20, 11)
    with pytest.raises(ConfigError, match="log_mel must know how many samples a second"):
        build_transform([component])(torch.zeros(1, 1, 800))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bands": 500}, r"of 500 bands are narrower than the window can tell apart"),
        ({"high": 5000}, r"between 20 and 5000 Hz at 8,000"),
    ],
)
def test_bands_that_cannot_be_are_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        LogMel(rate=RATE, **settings)(torch.zeros(1, 1, 800))


def test_pictures_are_refused() -> None:
    with pytest.raises(DataError, match="log_mel is for sounds"):
        LogMel(rate=RATE)(torch.zeros(2, 3, 8, 8))
