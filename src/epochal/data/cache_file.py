"""A file of prepared samples: built by one process at a time, continued after a kill, renamed when whole."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from epochal.console import log
from epochal.data.manifest import Array
from epochal.errors import EpochalError
from epochal.run.durable import write_bytes

_WEEK = 7 * 24 * 60 * 60  # seconds
_NOT_SHARED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EACCES, errno.EPERM)


def open_cached(path: Path, shape: tuple[int, ...]) -> Array | None:
    """A finished file; None where there is none, or where it is damaged and is to be built again."""
    with suppress(ValueError, OSError):
        # copy-on-write: torch asks for writable memory, and nothing here writes
        found = np.lib.format.open_memmap(path, mode="c")
        return found if found.shape == shape else None
    return None


@dataclass(frozen=True)
class Part:
    """The file while it is built.

    path: of the array. rows: of the list of rows that are in it. handle: of the array's file, which holds
    the lock.
    """

    path: Path
    rows: Path
    handle: int

    def empty(self, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> tuple[Array, Array]:
        """The array [N, ...] and, bool [N], which rows are done: none."""
        self.rows.unlink(missing_ok=True)
        array = np.lib.format.open_memmap(self.path, mode="w+", dtype=dtype, shape=shape)
        # a file with holes would end the process by SIGBUS where the disk fills up; this fails here instead
        os.posix_fallocate(self.handle, 0, os.fstat(self.handle).st_size)
        return array, np.zeros(len(array), np.bool_)

    def resume(self, shape: tuple[int, ...], dtype: np.dtype[np.generic]) -> tuple[Array, Array]:
        """What a killed process left behind, or else an empty array and no rows."""
        with suppress(ValueError, OSError):
            array = np.lib.format.open_memmap(self.path, mode="r+")
            bits = np.frombuffer(self.rows.read_bytes(), np.uint8)
            done = np.unpackbits(bits, count=shape[0]).astype(np.bool_)
            if array.shape == shape and array.dtype in (dtype, np.float32) and done.any():
                log.info(f"{done.sum():,} of {len(done):,} samples were prepared before the last run ended")
                return array, done
        return self.empty(shape, dtype)

    def save(self, done: Array) -> None:
        """Have these rows on the disk, then the list of them: a power cut leaves no row that is not there."""
        bits = np.packbits(done).tobytes()
        os.fdatasync(self.handle)
        write_bytes(self.rows, bits)

    def finish(self, path: Path) -> Array:
        """The whole file under its own name."""
        os.fdatasync(self.handle)
        finished = np.lib.format.open_memmap(self.path, mode="c")
        os.replace(self.path, path)
        self.rows.unlink(missing_ok=True)
        return finished

    def discard(self) -> None:
        """Remove it."""
        self.path.unlink(missing_ok=True)
        self.rows.unlink(missing_ok=True)


@contextmanager
def building(path: Path) -> Iterator[Part]:
    """The part of the file ``path`` that exists so far, while no other process works on it; waits for that.

    It is kept for the next process where this one is interrupted, and removed where it can't be finished.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(path.parent)
    part = path.with_name(f".{path.stem}.part.npy")
    try:
        handle = _locked(part)
    except OSError as error:
        if error.errno not in _NOT_SHARED:
            raise
        # some network file systems have no locks, and another user's file can't be written: build one's own
        part = path.with_name(f".{path.stem}.{os.getpid()}.{secrets.token_hex(4)}.part.npy")
        handle = os.open(part, os.O_RDWR | os.O_CREAT, 0o666)
    found = Part(part, part.with_suffix(".rows"), handle)
    try:
        yield found
    except (EpochalError, OSError):
        found.discard()
        raise
    finally:
        os.close(handle)


def _locked(path: Path) -> int:
    """A handle of the file, made where it is missing, with its lock, which ends with the process."""
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                log.info("waiting for another process that prepares the same samples")
                fcntl.flock(handle, fcntl.LOCK_EX)
            with suppress(FileNotFoundError):  # its holder has finished the file or removed it
                if os.path.samestat(os.fstat(handle), os.stat(path)):
                    return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _remove_leftovers(folder: Path) -> None:
    """Remove what was left unfinished for a week; a file that somebody works on changes all the time."""
    for leftover in folder.glob(".*.part.*"):
        with suppress(OSError):  # gone, or another user's
            if time.time() - leftover.stat().st_mtime > _WEEK:
                leftover.unlink()
