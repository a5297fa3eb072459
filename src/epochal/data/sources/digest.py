"""What two equal sources have in common: one hexadecimal digest of names, targets and samples."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl

from epochal.data.manifest import Array, Manifest
from epochal.data.members import open_bytes, size_and_time

_CONTENT_LIMIT = 1 << 30
"""Bytes of all files together up to which their content is read; above, sizes and times stand for it."""


_NAMES_AT_ONCE = 100_000


def digest_arrays(manifest: Manifest, *arrays: Array) -> str:
    """The digest of samples held in memory."""
    return _combined(manifest, (array_digest(array) for array in arrays))


def digest_frame(manifest: Manifest, frame: pl.DataFrame) -> str:
    """The digest of typed columns held in memory."""
    return _combined(manifest, (part for values in frame for part in _column_parts(values)))


def digest_files(manifest: Manifest, paths: Sequence[str]) -> str:
    """The digest of samples in files: their content up to 1 GiB in all, else path, size and time."""
    with ThreadPoolExecutor() as pool:
        marked = list(pool.map(size_and_time, paths))
        if sum(size for size, _ in marked) <= _CONTENT_LIMIT:
            return _combined(manifest, pool.map(_content, paths))
    marks = (
        f"{path}\0{size}\0{changed}\n".encode() for path, (size, changed) in zip(paths, marked, strict=True)
    )
    return _combined(manifest, marks)


def _combined(manifest: Manifest, parts: Iterable[bytes]) -> str:
    total = hashlib.blake2b(digest_size=16)
    for first in range(0, len(manifest), _NAMES_AT_ONCE):  # millions of them must not all become Python's
        names = "\0".join(manifest.filenames[first : first + _NAMES_AT_ONCE])
        total.update((names if first == 0 else "\0" + names).encode())
    total.update(b"\1" + "\0".join(manifest.names).encode())
    total.update(array_digest(manifest.targets))
    for part in parts:
        total.update(part)
    return total.hexdigest()


def _column_parts(values: pl.Series) -> Iterator[bytes]:
    yield f"{values.name}\0{values.dtype}\0".encode()
    yield array_digest(values.is_null().to_numpy())
    if values.dtype != pl.String:
        # what a truth value and 0 have in common differs from version to version of polars
        numbers = values.cast(pl.Int32) if values.dtype == pl.Boolean else values.to_physical()
        yield array_digest(numbers.fill_null(0).to_numpy())
        return
    for first in range(0, len(values), _NAMES_AT_ONCE):
        texts = values[first : first + _NAMES_AT_ONCE].fill_null("")
        yield array_digest(texts.str.len_bytes().to_numpy())
        yield "".join(texts).encode()


def array_digest(array: Array) -> bytes:
    """16 bytes of one array's type, shape and values."""
    digest = hashlib.blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return digest.digest()


def _content(path: str) -> bytes:
    with open_bytes(path) as file:
        digest = hashlib.blake2b(digest_size=16)
        while block := file.read(1 << 18):
            digest.update(block)
        return digest.digest()
