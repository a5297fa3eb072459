"""Every image file opened once: what is broken, what is odd, and what its picture looks like."""

from __future__ import annotations

import hashlib
import io
import os
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from epochal.console import Console
from epochal.data.check.findings import Finding, Subject
from epochal.data.check.recalled import faults_of, place_of, recall, remember
from epochal.data.filling import fill_rows
from epochal.data.images import PIXEL_LIMIT, read_image, to_array
from epochal.data.jpeg import ORIENTATION
from epochal.data.manifest import Array
from epochal.data.members import read_bytes
from epochal.data.problems import counted
from epochal.errors import DataError

THUMBNAIL = 16
"""Pixels of a thumbnail's side: enough to tell pictures apart, 768 bytes each."""

_REVISION = "1"  # part of a cached file's name: to be changed with what is looked at
_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
_FORMAT_OF = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".webp": "WEBP",
}
_PIXELS = {
    "1": "1-bit gray",
    "L": "8-bit gray",
    "LA": "gray with transparency",
    "P": "colour",  # a palette
    "RGB": "colour",
    "RGBA": "colour with transparency",
    "CMYK": "CMYK colour",
    "I": "16-bit gray",
    "F": "floating-point gray",
}
_LONGEST = 6.0
"""The ratio of two sides from which an image is looked at twice."""


@dataclass(frozen=True)
class FileFacts:
    """What was seen of N files; where ``fault`` is not empty, only that and ``mend`` count.

    digest: uint64 [N, 2] of the bytes. thumbnail: uint8 [N, 16, 16, 3]. size: int32 [N, 2], height, width.
    mode: Pillow's. format: ``PNG``, ... fault, mend: texts. kind: of the fault, ``missing_file``, ...
    """

    digest: Array
    thumbnail: Array
    size: Array
    mode: Array
    format: Array
    fault: Array
    mend: Array
    kind: Array

    def __getitem__(self, rows: Array) -> FileFacts:
        """The facts of some files."""
        return FileFacts(*(getattr(self, field.name)[rows] for field in fields(self)))

    def is_gray(self) -> Array:
        """bool [N]: whether a file is gray by its header."""
        return np.array(
            [mode in ("1", "L", "LA", "La", "I", "F") or mode[:4] == "I;16" for mode in self.mode]
        )


def scan_files(paths: Sequence[str], cache: Path, console: Console) -> FileFacts:
    """Open every file, by a thread for each core, or recall what was seen of files that did not change.

    cache: the folder of what is recalled, by path, size and time of change. Raises nothing of what is wrong.
    """
    path = place_of(cache, paths, _REVISION)
    if (known := recall(FileFacts, path)) is not None:
        return known
    count = len(paths)
    facts = FileFacts(
        digest=np.zeros((count, 2), np.uint64),
        thumbnail=np.zeros((count, THUMBNAIL, THUMBNAIL, 3), np.uint8),
        size=np.ones((count, 2), np.int32),
        mode=np.full(count, "", object),
        format=np.full(count, "", object),
        fault=np.full(count, "", object),
        mend=np.full(count, "", object),
        kind=np.full(count, "", object),
    )
    with console.progress("checking files", count) as advance, warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # told as an error, with its path
        fill_rows(lambda row: _look(paths[row], row, facts), np.zeros(count, np.bool_), advance)
    return remember(facts, path)


def _look(path: str, row: int, facts: FileFacts) -> None:
    """Write into a row what one file shows."""
    data = b""
    try:
        data = read_bytes(path)
        facts.digest[row] = np.frombuffer(hashlib.blake2b(data, digest_size=16).digest(), np.uint64)
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            facts.size[row] = image.height, image.width
            facts.mode[row] = image.mode
            facts.format[row] = "JPEG" if image.format == "MPO" else image.format
            if image.width * image.height > PIXEL_LIMIT:
                raise Image.DecompressionBombError
            facts.thumbnail[row] = _thumbnail(image)
    except Exception as error:  # Pillow's decoders raise many kinds on broken files
        facts.kind[row] = _kind(error, data)
        facts.fault[row] = f"the image can't be read: {error}"
        facts.mend[row] = "copy or save it again, or leave it out"
        try:
            read_image(path)
        except DataError as refused:
            facts.fault[row], facts.mend[row] = refused.problems[0].what, refused.problems[0].mend


def _kind(error: Exception, data: bytes) -> str:
    if isinstance(error, FileNotFoundError):
        return "missing_file"
    if isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning):
        return "too_many_pixels"
    if not data and not isinstance(error, PermissionError):
        return "empty_file"
    if "truncated" in str(error):
        return "truncated_file"
    return "unreadable_file"


def _thumbnail(image: Image.Image) -> Array:
    """The whole picture, upright, as 16×16 RGB; all of the file is decoded on the way."""
    image.draft(image.mode, (4 * THUMBNAIL, 4 * THUMBNAIL))  # JPEG: decoded smaller, but to its end
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = Image.fromarray((to_array(image)[0] * 255).astype(np.uint8))
    elif image.getexif().get(ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode != "RGB":
        image.info.pop("transparency", None)
        image = image.convert("RGB")
    return np.asarray(image.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR, reducing_gap=4.0))


_FAULTS = {
    "missing_file": "not there",
    "empty_file": "empty",
    "truncated_file": "cut off",
    "too_many_pixels": f"of more than {PIXEL_LIMIT:,} pixels, as a decompression bomb",
    "unreadable_file": "that can't be read as an image",
}


def file_faults(subject: Subject, facts: FileFacts) -> list[Finding]:
    """An error for each kind of file that can't be used."""
    return faults_of(subject, facts, _FAULTS)


def file_oddities(subject: Subject, facts: FileFacts) -> list[Finding]:
    """Warnings about files that can be read: another type, other channels or bits, an extreme shape."""
    named = np.array([_FORMAT_OF[os.path.splitext(name)[1].lower()] for name in _names(subject)])
    found = []
    rows = np.flatnonzero(facts.format != named)
    if len(rows):
        notes = [f"its name says {named[row]}, it is {facts.format[row]}" for row in rows]
        what = f"{counted(len(rows), 'file')} of another type than the name says"
        found.append(subject.finding("other_type", "warning", what, "rename them", rows, notes))

    pixels = np.array([_PIXELS.get(mode, _PIXELS["I"] if mode[:1] == "I" else mode) for mode in facts.mode])
    usual = Counter(pixels.tolist()).most_common(1)[0][0]
    rows = np.flatnonzero(pixels != usual)
    if len(rows):
        notes = [f"is {pixels[row]}, most are {usual}" for row in rows]
        kinds = ", ".join(sorted(set(pixels[rows].tolist())))
        what = f"{counted(len(rows), 'file')} of {kinds}; most are {usual}"
        mend = "convert them to one kind, unless that is meant"
        found.append(subject.finding("other_pixels", "warning", what, mend, rows, notes))

    aspect = facts.size.max(axis=1) / facts.size.min(axis=1)
    rows = np.flatnonzero((aspect > _LONGEST) & (aspect > 2 * np.median(aspect)))
    if len(rows):
        notes = [f"is {facts.size[row, 0]} pixels high and {facts.size[row, 1]} wide" for row in rows]
        what = f"{counted(len(rows), 'image')} over {_LONGEST:.0f} times as long as wide"
        mend = "look whether they were cut or joined by mistake"
        found.append(subject.finding("extreme_aspect", "warning", what, mend, rows, notes))
    return found


def _names(subject: Subject) -> list[str]:
    return [str(name) for name in subject.source.manifest.filenames]
