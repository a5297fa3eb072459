"""Prepared samples, once each: in memory, or in a memory-mapped file shared by runs.

All are prepared before the first step and not as training meets them: a broken file or an odd shape then
shows in the first minute and not in the last epoch, the statistics of the training split need all of its
samples anyway, and reading in order by every core makes up for the time. An interrupted build is continued.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from epochal.console import Console, log
from epochal.data import sounds
from epochal.data.cache_file import building, open_cached
from epochal.data.draws import key_integer
from epochal.data.filling import fill_rows
from epochal.data.foreign import forked_generators
from epochal.data.images import ImageFiles, fitted
from epochal.data.jpeg import decoder_mark
from epochal.data.manifest import Array, Source
from epochal.data.prepare import Prepare
from epochal.data.sounds import SoundFiles
from epochal.errors import DataError, EpochalError, Problem

CacheMode = Literal["auto", "memory", "disk", "none"]


@dataclass(frozen=True)
class Samples:
    """The samples of a source after ``prepare``.

    shape: of one sample, C×H×W or F. dtype: uint8 (image values, 255 means 1) or float32.
    array: [N, *shape] in memory or memory-mapped; None where samples are made anew each time.
    read: the row number -> one prepared sample; DataError where its shape is another.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[np.generic]
    array: Array | None
    read: Callable[[int], Array]

    def read_keyed(self, row: int, *key: int) -> Array:
        """One prepared sample; what is random in it depends on the key and the row alone.

        The global generators, which such code draws from, are left as they were.
        """
        with forked_generators() as seed:
            seed(key_integer(*key, row))
            return self.read(row)


def prepare_samples(
    source: Source, prepare: Prepare, mode: CacheMode, folder: Path, console: Console
) -> Samples:
    """Prepare every sample of a source once, or find that this was done before.

    folder: where cached files live; a file is keyed by the digests of source and pipeline. Of several
        processes one builds it and the others wait; any file may be deleted.
    Raises DataError naming the samples that can't be read, or whose shape differs from the others'. The
    global generators are left as they were.
    """
    if source.masks is None:  # an image with a mask keeps its size, which the mask has too
        source = replace(source, read=fitted(source.read, prepare.target))
    with forked_generators():  # a Dataset or a step of the user's may draw from them
        raw = _raw(source, 0)
        first = prepare(raw)
        prepare.check_repeatable(raw)
        return _prepared(source, prepare, first, mode, folder, console)


def _prepared(
    source: Source, prepare: Prepare, first: Array, mode: CacheMode, folder: Path, console: Console
) -> Samples:
    filenames = source.manifest.filenames

    def read(row: int) -> Array:
        sample = prepare(_raw(source, row))
        if sample.shape != first.shape:
            raise DataError(_other_shape(filenames[row], sample, filenames[0], first))
        return sample

    if source.item is not None or mode == "none":
        return Samples(first.shape, first.dtype, None, read)
    if source.array is not None and not prepare.steps and mode != "disk":
        return Samples(first.shape, first.dtype, source.array, read)
    shape = _stored((len(source.manifest), *first.shape))
    path = folder / "prepared" / f"{_key(source, prepare)}.npy"
    array = open_cached(path, shape)
    if array is None:
        place = _place(mode, shape[0] * first.nbytes, source, folder)
        if place == "none":
            return Samples(first.shape, first.dtype, None, read)
        if place == "disk":
            array = _on_disk(read, shape, first, path, console)
        else:
            array = _in_memory(read, shape, first, console)
    return Samples(first.shape, array.dtype, _seen(array, first.shape), read)


def _stored(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape in which samples [N, ...] are kept: images of several channels pixel by pixel.

    So they are gathered, resized and convolved fastest.
    """
    return (shape[0], *shape[2:], shape[1]) if len(shape) == 4 and shape[1] > 1 else shape


def _seen(stored: Array, shape: tuple[int, ...]) -> Array:
    """What is kept as [N, *shape], without a copy."""
    return stored.transpose(0, 3, 1, 2) if len(shape) == 3 and shape[0] > 1 else stored


def to_unit(array: Array) -> Array:
    """Image values as float32 in [0, 1]; what is float already is returned as it is."""
    if array.dtype == np.uint8:
        return array.astype(np.float32) * np.float32(1 / 255)
    return array.astype(np.float32, copy=False)


def _raw(source: Source, row: int) -> Array:
    return source.read(row) if source.array is None else source.array[row]


def _key(source: Source, prepare: Prepare) -> str:
    digest = hashlib.blake2b(prepare.digest().encode(), digest_size=8)
    if isinstance(source.read, ImageFiles):
        digest.update(decoder_mark().encode())
    if isinstance(source.read, SoundFiles):
        digest.update(f"{sounds.REVISION} {source.read.channels} {source.read.rate}".encode())
    return f"{source.digest[:16]}-{digest.hexdigest()}"


def _place(mode: CacheMode, size: int, source: Source, folder: Path) -> Literal["memory", "disk", "none"]:
    """Where prepared samples go: memory for what is in memory anyway, the disk for decoded files."""
    if mode in ("memory", "disk"):
        return "memory" if mode == "memory" else "disk"
    free = _free_bytes(folder)
    memory = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if source.array is not None and size < memory // 2:
        return "memory"
    if size < free * 0.8:
        return "disk"
    if size < memory // 2:
        return "memory"
    log.warning(
        f"prepared samples need {size / 1e9:.1f} GB, more than fits in memory or in {folder}: "
        "every epoch prepares them again"
    )
    return "none"


def _free_bytes(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _in_memory(read: Callable[[int], Array], shape: tuple[int, ...], first: Array, console: Console) -> Array:
    """All prepared samples as one array."""

    def filled(dtype: np.dtype[np.generic]) -> Array:
        array = np.empty(shape, dtype)
        with console.progress("preparing samples", shape[0]) as advance:
            fill_rows(_writer(read, array), np.zeros(shape[0], np.bool_), advance)
        return array

    try:
        return filled(first.dtype)
    except _MixedTypesError:
        return filled(np.dtype(np.float32))


def _on_disk(
    read: Callable[[int], Array], shape: tuple[int, ...], first: Array, path: Path, console: Console
) -> Array:
    """All prepared samples as a memory-mapped file; what an interrupted process has done is taken over."""
    try:
        with building(path) as part:
            found = open_cached(path, shape)  # by the process that was waited for
            if found is not None:
                part.discard()
                return found

            def fill(array: Array, done: Array) -> None:
                try:
                    with console.progress("preparing samples", int((~done).sum())) as advance:
                        fill_rows(_writer(read, array), done, advance, lambda: part.save(done))
                except (EpochalError, OSError, _MixedTypesError):
                    raise
                except BaseException:  # an interruption: what is done stays done
                    part.save(done)
                    raise

            try:
                fill(*part.resume(shape, first.dtype))
            except _MixedTypesError:
                fill(*part.empty(shape, np.dtype(np.float32)))
            return part.finish(path)
    except OSError as error:
        needed = shape[0] * first.nbytes / 1e6
        raise DataError(
            Problem(
                f"can't write the cache of prepared samples ({needed:.0f} MB): {error.strerror}",
                where=str(path.parent),
                mend="free some space, name another folder as paths.cache, or use data.cache=memory",
            )
        ) from error


class _MixedTypesError(Exception):
    """A sample of another type than the first, such as a float among uint8 ones: all become float32."""


def _writer(read: Callable[[int], Array], array: Array) -> Callable[[int], None]:
    """Puts the prepared sample of a row into that row."""

    def write(row: int) -> None:
        sample = read(row)
        if sample.dtype != array.dtype and array.dtype != np.float32:
            raise _MixedTypesError
        _seen(array, sample.shape)[row] = sample if sample.dtype == array.dtype else to_unit(sample)

    return write


def _other_shape(name: str, sample: Array, first_name: str, first: Array) -> Problem:
    def words(shape: tuple[int, ...]) -> str:
        return "×".join(str(side) for side in shape)

    step = "{name: resize, size: 224}" if sample.ndim == 3 else "mono, {name: fixed_length, seconds: 2}"
    return Problem(
        f"its shape {words(sample.shape)} differs from {words(first.shape)} of '{first_name}'",
        where=name,
        mend=f"make them equal in data.prepare, such as [{step}]",
    )
