"""Every sound file decoded once: what is broken, what is odd, of which rate and length they are."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from epochal.console import Console
from epochal.data.check.findings import Finding, Subject
from epochal.data.check.recalled import faults_of, place_of, recall, remember
from epochal.data.filling import fill_rows
from epochal.data.manifest import Array
from epochal.data.members import read_bytes
from epochal.data.problems import counted
from epochal.data.sounds import REVISION, SoundError, decode, import_soundfile, unreadable
from epochal.errors import RequestError

_FORMAT_OF = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG", ".mp3": "MP3"}
_SILENT = 10 ** (-80 / 20)
"""The peak below which a sound is called silent: 80 dB below full scale, under 16 bits' dither and hum."""
_FULL = 1 - 2 / 32768
_CLIPPED = 0.001
"""The share of values at full scale from which a sound is called clipped."""
_APART = 10.0
"""How many times longer or shorter than the median a sound is looked at twice."""


@dataclass(frozen=True)
class SoundFacts:
    """What was heard of N files; where ``fault`` is not empty, only that and ``mend`` count.

    digest: uint64 [N, 2] of the decoded values and the rate, the same whatever lossless format they are
    kept in. frames: int64. rate: int32, a second. channels: int16. peak: float32, of 1. clipped: float32,
    the share of values at full scale. format: ``WAV``, ... fault, mend: texts. kind: of the fault,
    ``missing_file``, ...
    """

    digest: Array
    frames: Array
    rate: Array
    channels: Array
    peak: Array
    clipped: Array
    format: Array
    fault: Array
    mend: Array
    kind: Array

    def __getitem__(self, rows: Array) -> SoundFacts:
        """The facts of some files."""
        return SoundFacts(*(getattr(self, field.name)[rows] for field in fields(self)))

    @property
    def seconds(self) -> Array:
        """How long each sound is, float64 [N]."""
        return self.frames / np.maximum(self.rate, 1)

    @property
    def silent(self) -> Array:
        """Whether there is nothing to hear, bool [N]."""
        return self.peak < _SILENT

    def common_channels(self) -> int:
        """What all files have, or 1 where they differ."""
        return int(self.channels[0]) if (self.channels == self.channels[0]).all() else 1


def scan_sounds(paths: Sequence[str], cache: Path, console: Console) -> SoundFacts:
    """Decode every file, by a thread for each core, or recall what was heard of files that did not change.

    cache: the folder of what is recalled, by path, size and time of change. Raises nothing of what is wrong
    but that soundfile is not installed.
    """
    path = place_of(cache, paths, f"sounds {REVISION}")
    if (known := recall(SoundFacts, path)) is not None:
        return known
    import_soundfile()  # told once where it is missing, not for every file
    count = len(paths)
    types = (np.int64, np.int32, np.int16, np.float32, np.float32)
    facts = SoundFacts(
        np.zeros((count, 2), np.uint64),
        *(np.zeros(count, kind) for kind in types),
        *(np.full(count, "", object) for _ in range(4)),
    )
    with console.progress("checking files", count) as advance:
        fill_rows(lambda row: _listen(paths[row], row, facts), np.zeros(count, np.bool_), advance)
    return remember(facts, path)


def _listen(path: str, row: int, facts: SoundFacts) -> None:
    """Write into a row what one file holds."""
    data = b""
    try:
        data = read_bytes(path)
        values, rate, facts.format[row] = decode(data)
    except (RequestError, MemoryError):
        raise
    except FileNotFoundError:
        facts.kind[row], facts.fault[row], facts.mend[row] = (
            "missing_file",
            "there is no such file",
            "check the path",
        )
    except SoundError as error:
        facts.kind[row], facts.fault[row] = error.kind, str(error)
        facts.mend[row] = "copy or save it again, or leave it out"
    except Exception as error:  # libsndfile's are RuntimeErrors of many texts
        empty = not data and not isinstance(error, PermissionError)
        facts.kind[row] = "empty_file" if empty else "unreadable_file"
        facts.fault[row], facts.mend[row] = unreadable(path, error)
    else:
        digest = hashlib.blake2b(f"{rate} {values.shape}".encode(), digest_size=16)
        digest.update(values.data)
        facts.digest[row] = np.frombuffer(digest.digest(), np.uint64)
        facts.frames[row], facts.rate[row], facts.channels[row] = values.shape[1], rate, values.shape[0]
        loudness = np.abs(values)
        facts.peak[row], facts.clipped[row] = loudness.max(), (loudness >= _FULL).mean()


_FAULTS = {
    "missing_file": "not there",
    "empty_file": "empty",
    "truncated_file": "cut off",
    "no_sound": "without any sound",
    "not_finite": "with values that are NaN or infinite",
    "too_long": "too long for one sample",
    "unreadable_file": "that can't be read as a sound",
}


def sound_faults(subject: Subject, facts: SoundFacts) -> list[Finding]:
    """An error for each kind of file that can't be used."""
    return faults_of(subject, facts, _FAULTS)


def sound_oddities(subject: Subject, facts: SoundFacts) -> list[Finding]:
    """Warnings about files that can be read: silent, clipped, of another rate, length, type or channels."""
    found = []

    def warn(kind: str, odd: Array, what: str, mend: str, note: str, values: Array | None = None) -> None:
        rows = np.flatnonzero(odd)
        if len(rows):
            notes = [note if values is None else note.format(values[row]) for row in rows]
            text = f"{counted(len(rows), 'sound')} {what}"
            found.append(subject.finding(kind, "warning", text, mend, rows, notes))

    names = [str(name) for name in subject.source.manifest.filenames]
    named = np.array([_FORMAT_OF[os.path.splitext(name)[1].lower()] for name in names])
    what = "of another type than the name says"
    warn("other_type", facts.format != named, what, "rename them", "it is {}", facts.format)
    warn(
        "silent", facts.silent, "with nothing to hear", "leave them out, unless silence is a class", "silent"
    )
    clipped = (facts.clipped >= _CLIPPED) & ~facts.silent
    what, mend = "clipped", "record or convert them at a lower level, where that is possible"
    warn("clipped", clipped, what, mend, "{:.1%} of its values are at full scale", facts.clipped)
    rate = _usual(facts.rate)
    what = f"of another rate; most have {rate:,} samples a second"
    mend = "they are resampled; look whether their high frequencies say what they are"
    warn("other_rate", facts.rate != rate, what, mend, "has {:,} samples a second", facts.rate)
    channels = _usual(facts.channels)
    what = f"of another number of channels; most have {channels}"
    mend = "all become mono, the mean of their channels, unless the source says channels"
    warn("other_channels", facts.channels != channels, what, mend, "has {} channels", facts.channels)
    seconds = facts.seconds
    middle = float(np.median(seconds))
    what = f"over {_APART:.0f} times longer or shorter than the median of {middle:.2g} s"
    mend = "look whether they were cut or joined by mistake"
    odd = (seconds > _APART * middle) | (seconds * _APART < middle)
    warn("odd_duration", odd, what, mend, "lasts {:.2g} s", seconds)
    return found


def _usual(values: Array) -> int:
    return int(Counter(values.tolist()).most_common(1)[0][0])


def rates_in_words(facts: SoundFacts) -> str:
    """``1,200 files of 44,100 a second, 3 of 8,000``: what rates there are, the most frequent first."""
    first, *others = Counter(facts.rate.tolist()).most_common()
    return ", ".join(
        [f"{counted(first[1], 'file')} of {first[0]:,} a second", *(f"{n:,} of {r:,}" for r, n in others)]
    )
