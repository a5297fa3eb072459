"""A sound as a picture: its wave above, its log-mel spectrogram below."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch

from epochal.data.manifest import Array, Source
from epochal.data.sounds import SoundFiles
from epochal.data.spectra import LogMel

_SIDE = 96  # pixels
_WAVE = 32
_WINDOW = 0.064
_RANGE = 12.0  # of the logarithm of power that has colours: 52 dB below the loudest


def pictured(source: Source) -> Callable[[Array, int | None], Array] | None:
    """What makes a picture C×H×W of a sample, given it and its rate; None where samples have none."""
    if source.kind == "image":
        return lambda sample, _: sample
    if isinstance(source.read, SoundFiles):
        return lambda sample, rate: picture_of_sound(sample, rate or 1000)
    return None


def picture_of_sound(sound: Array, rate: int) -> Array:
    """The mean of all channels of [C, T] as uint8 [3, 96, 96], from its first step to its last.

    Wave: the least and greatest value under each pixel, as high as the loudest allows. Spectrogram: 64 bands,
    low ones at the bottom, from the loudest to 52 dB below it.
    """
    wave = sound.mean(axis=0)
    picture = np.full((_SIDE, _SIDE, 3), 255, np.uint8)
    _draw_wave(picture[:_WAVE], wave)
    picture[_WAVE:] = _spectrogram(wave, max(rate, 1000))
    return picture.transpose(2, 0, 1)


def _draw_wave(picture: Array, wave: Array) -> None:
    edges = np.linspace(0, len(wave), _SIDE + 1).astype(int).tolist()
    middle = (_WAVE - 1) / 2
    scale = 0.95 * middle / max(float(np.abs(wave).max()), 1e-6)
    for column, (first, last) in enumerate(pairwise(edges)):
        part = wave[first : max(last, first + 1)]
        top, bottom = round(middle - part.max() * scale), round(middle - part.min() * scale)
        picture[top : bottom + 1, column] = (59, 82, 139)


def _spectrogram(wave: Array, rate: int) -> Array:
    """uint8 [64, 96, 3]."""
    from matplotlib import colormaps  # a quarter of a second, for a table of colours

    rows = _SIDE - _WAVE
    hop = max(1, len(wave) // _SIDE)
    spectrum = LogMel(bands=rows, window=_WINDOW, hop=hop / rate, rate=rate, low=0.0)
    mel = spectrum(torch.from_numpy(np.ascontiguousarray(wave, np.float32))[None, None])[0, 0].numpy()
    columns = np.linspace(0, mel.shape[1] - 1, _SIDE).round().astype(int)
    levels = (mel[::-1, columns] - mel.max()) / _RANGE + 1
    colours: Array = colormaps["magma"](levels.clip(0, 1))
    return (colours[:, :, :3] * 255).round().astype(np.uint8)
