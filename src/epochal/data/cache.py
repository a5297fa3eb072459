"""Prepared samples, once each: in memory, or in a memory-mapped file shared by runs."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from epochal.console import Console, log
from epochal.data.draws import key_integer
from epochal.data.foreign import forked_generators
from epochal.data.manifest import Array, Source
from epochal.data.prepare import Prepare
from epochal.data.problems import raise_problems
from epochal.errors import DataError, EpochalError, Problem

CacheMode = Literal["auto", "memory", "disk", "none"]

_CHUNK = 256
_TEMPORARY = ".tmp.npy"
_DAY = 24 * 60 * 60  # seconds


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

    folder: where cached files live; a file is keyed by the digests of source and pipeline, written under
        another name and renamed, so several processes may build the same one, and any may be deleted.
    Raises DataError naming the samples that can't be read, or whose shape differs from the others'.
    """
    with forked_generators():  # a Dataset of the user's may draw from them
        raw = _raw(source, 0)
        first = prepare(raw)
        prepare.check_repeatable(raw)
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
    path = folder / "prepared" / f"{_key(source, prepare)}.npy"
    found = _open(path, (len(source.manifest), *first.shape))
    if found is not None:
        return Samples(first.shape, found.dtype, found, read)
    size = len(source.manifest) * first.nbytes
    place = _place(mode, size, source, folder)
    if place == "none":
        return Samples(first.shape, first.dtype, None, read)
    array = _build(read, source, first, path if place == "disk" else None, console)
    return Samples(array.shape[1:], array.dtype, array, read)


def to_unit(array: Array) -> Array:
    """Image values as float32 in [0, 1]; what is float already is returned as it is."""
    if array.dtype == np.uint8:
        return array.astype(np.float32) * np.float32(1 / 255)
    return array.astype(np.float32, copy=False)


def _open(path: Path, shape: tuple[int, ...]) -> Array | None:
    """A cached file; None where there is none, or where it is damaged and is to be built again."""
    with suppress(ValueError, OSError):
        # copy-on-write: torch asks for writable memory, and nothing here writes
        found = np.lib.format.open_memmap(path, mode="c")
        return found if found.shape == shape else None
    return None


def _raw(source: Source, row: int) -> Array:
    return source.read(row) if source.array is None else source.array[row]


def _key(source: Source, prepare: Prepare) -> str:
    return f"{source.digest[:16]}-{prepare.digest()[:16]}"


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


def _build(
    read: Callable[[int], Array], source: Source, first: Array, path: Path | None, console: Console
) -> Array:
    """All prepared samples as one array, made by as many threads as there are cores."""
    count = len(source.manifest)
    temporary: Path | None = None
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(path.parent)
            temporary = path.with_name(f".{path.stem}.{os.getpid()}.{secrets.token_hex(4)}{_TEMPORARY}")
        with console.progress("preparing samples", count) as advance:
            try:
                array = _fill(read, source, _empty(temporary, (count, *first.shape), first.dtype), advance)
            except _MixedTypesError:
                array = _empty(temporary, (count, *first.shape), np.dtype(np.float32))
                array = _fill(read, source, array, advance)
        if path is None or temporary is None:
            return array
        assert isinstance(array, np.memmap)
        array.flush()
        finished = np.lib.format.open_memmap(temporary, mode="c")
        os.replace(temporary, path)
        return finished
    except OSError as error:
        if path is None:
            raise
        needed = count * first.nbytes / 1e6
        raise DataError(
            Problem(
                f"can't write the cache of prepared samples ({needed:.0f} MB): {error.strerror}",
                where=str(path.parent),
                mend="free some space, name another folder as paths.cache, or use data.cache=memory",
            )
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed processes had half written; a file that somebody works on changes all the time."""
    for leftover in folder.glob(f".*{_TEMPORARY}"):
        with suppress(FileNotFoundError):
            if time.time() - leftover.stat().st_mtime > _DAY:
                leftover.unlink()


def _empty(path: Path | None, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> Array:
    if path is None:
        return np.empty(shape, dtype)
    array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    # a file with holes would end the process by SIGBUS where the disk fills up; this fails here instead
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


class _MixedTypesError(Exception):
    """A sample of another type than the first, such as a float among uint8 ones: all become float32."""


def _fill(
    read: Callable[[int], Array], source: Source, array: Array, advance: Callable[[int], None]
) -> Array:
    """Write every prepared sample into its row; collects what is wrong before it raises."""

    def fill(rows: range) -> list[Problem]:
        problems: list[Problem] = []
        for row in rows:
            try:
                sample = read(row)
            except EpochalError as error:
                problems += error.problems
                continue
            if sample.dtype != array.dtype and array.dtype != np.float32:
                raise _MixedTypesError
            array[row] = sample if sample.dtype == array.dtype else to_unit(sample)
        return problems

    problems: list[Problem] = []
    chunks = list(_chunks(len(source.manifest)))
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for rows, found in zip(chunks, pool.map(fill, chunks), strict=True):
            problems += found
            advance(len(rows))
    raise_problems(problems)
    return array


def _chunks(count: int) -> Iterator[range]:
    size = min(_CHUNK, max(1, count // (4 * (os.cpu_count() or 1))))
    for start in range(0, count, size):
        yield range(start, min(start + size, count))


def _other_shape(name: str, sample: Array, first_name: str, first: Array) -> Problem:
    def words(shape: tuple[int, ...]) -> str:
        return "×".join(str(side) for side in shape)

    return Problem(
        f"its shape {words(sample.shape)} differs from {words(first.shape)} of '{first_name}'",
        where=name,
        mend="make them equal in data.prepare, such as [{name: resize, size: 224}]",
    )
