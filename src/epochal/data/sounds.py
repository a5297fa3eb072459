"""Sound files as arrays: explicit formats, one rate and one number of channels, errors that name the file."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np

from epochal.data.manifest import Array, Source
from epochal.data.members import read_bytes
from epochal.errors import DataError, Problem, RequestError
from epochal.optional import is_installed, missing

SOUND_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3"})
"""The endings, in lower case, of files that are read as sounds."""

VALUE_LIMIT = 1 << 28
"""The most values of one sound, frames times channels: a GiB, more than four hours at 16 kHz."""

REVISION = "1"  # to be changed with what reading or resampling returns: prepared samples are kept by it

_FORMATS = frozenset({"WAV", "WAVEX", "RF64", "FLAC", "OGG", "MP3"})
_UNKNOWN_SIZE = 0x7FFFF000  # programs that write into a pipe leave a size from here up


class SoundError(ValueError):
    """What is wrong with a sound that libsndfile reads without complaint.

    kind: ``truncated_file``, ``no_sound``, ``not_finite`` or ``too_long``.
    """

    def __init__(self, kind: str, what: str) -> None:
        super().__init__(what)
        self.kind = kind


@dataclass(frozen=True)
class SoundFiles:
    """Reads the sound of a row, float32 [C, T] in [-1, 1].

    channels: 1 takes the mean of a file's, more repeat one channel; None keeps a file's own. rate: samples a
    second, to which files of another rate are resampled; None keeps each file's own.
    """

    paths: Sequence[str]
    channels: int | None = None
    rate: int | None = None

    def __call__(self, row: int) -> Array:
        """One sound, [C, T]."""
        return read_sound(self.paths[row], self.channels, self.rate)


def sound_rate(source: Source) -> int | None:
    """Samples a second of the sounds that a source reads; None where it reads none."""
    return source.read.rate if isinstance(source.read, SoundFiles) else None


def read_sound(path: str | os.PathLike[str], channels: int | None = None, rate: int | None = None) -> Array:
    """One sound file, float32 [C, T]; whole numbers of 8 to 32 bits become [-1, 1).

    channels, rate: as ``SoundFiles`` has them. Raises DataError naming the file where it is missing, empty,
    cut off, broken, too long or has no number of channels that these can be made of.
    """
    try:
        values, own = decode(read_bytes(path))[:2]
    except (RequestError, MemoryError):
        raise
    except FileNotFoundError:
        what, mend = "there is no such file", "check the path"
    except SoundError as error:
        what, mend = str(error), "copy or save it again, or leave it out"
    except Exception as error:  # libsndfile's are RuntimeErrors of many texts
        what, mend = unreadable(path, error)
    else:
        return resampled(_with_channels(values, channels, path), own, rate or own)
    raise DataError(Problem(what, where=os.fspath(path), mend=mend))


def unreadable(path: str | os.PathLike[str], error: Exception) -> tuple[str, str]:
    """What is wrong with a file that can't be decoded, and the mend."""
    if os.path.isfile(path) and os.path.getsize(path) == 0:
        return "the file is empty", "copy it again, or leave it out"
    text = str(getattr(error, "error_string", error)) or type(error).__name__
    kinds = ", ".join(sorted(suffix[1:] for suffix in SOUND_SUFFIXES))
    return f"the sound can't be read: {text}", f"convert it to {kinds}, copy it again, or leave it out"


def decode(data: bytes) -> tuple[Array, int, str]:
    """The bytes of a sound file as (float32 [C, T], samples a second, ``WAV``, ``FLAC``, ``OGG`` or ``MP3``).

    Raises SoundError, or what soundfile raises.
    """
    with import_soundfile().SoundFile(io.BytesIO(data)) as file:
        if file.format not in _FORMATS:
            raise ValueError(f"a {file.format} file is not read")
        if file.frames * file.channels > VALUE_LIMIT:
            raise SoundError("too_long", f"the sound has more than {VALUE_LIMIT:,} values")
        values = file.read(dtype="float32", always_2d=True)
        rate, kind = int(file.samplerate), "WAV" if file.format in ("WAVEX", "RF64") else str(file.format)
        missing = _missing_bytes(data) or file.frames - len(values)
    if missing > 0:
        raise SoundError("truncated_file", "the file is cut off: its header promises more than there is")
    if not len(values):
        raise SoundError("no_sound", "the file holds no sound, only a header")
    if not np.isfinite(values).all():
        raise SoundError("not_finite", "the sound has values that are NaN or infinite")
    return np.ascontiguousarray(values.T), rate, kind


def _missing_bytes(data: bytes) -> int:
    """How many bytes of samples a RIFF file's header promises and it has not; libsndfile overlooks them."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return 0
    place = 12
    while place + 8 <= len(data):
        size = int.from_bytes(data[place + 4 : place + 8], "little")
        if data[place : place + 4] == b"data":
            return place + 8 + size - len(data) if size < _UNKNOWN_SIZE else 0
        place += 8 + size + size % 2
    return 0


def _with_channels(values: Array, channels: int | None, path: str | os.PathLike[str]) -> Array:
    if channels is None or len(values) == channels:
        return values
    if channels == 1:
        mean: Array = values.mean(axis=0, keepdims=True)
        return mean
    if len(values) == 1:
        return np.repeat(values, channels, axis=0)
    what = f"it has {len(values)} channels, where {channels} are taken"
    raise DataError(Problem(what, where=os.fspath(path), mend="set channels: 1 of the source, or convert it"))


def resampled(values: Array, rate: int, to: int) -> Array:
    """Sounds [C, T] of one rate as they are at another, float32 [C, ceil(T · to / rate)].

    By scipy.signal's polyphase filter: a sinc windowed by Kaiser's (β = 5), cut off at the lower of the two
    rates' Nyquist frequencies, 10 of its zero crossings long on each side.
    """
    if rate == to:
        return values
    from scipy.signal import resample_poly  # a third of a second to import

    common = gcd(rate, to)
    result: Array = resample_poly(values, to // common, rate // common, axis=1)
    return result.astype(np.float32, copy=False)


def import_soundfile() -> Any:
    """The package soundfile; RequestError that says how to install it."""
    try:
        import soundfile  # an extra: only who has sounds needs it
    except (ImportError, OSError) as error:  # OSError: its library is not found
        reason = str(error) if is_installed("soundfile") else ""
        raise missing("soundfile", "reading sound files", reason=reason) from error
    return soundfile
