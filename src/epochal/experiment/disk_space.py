"""Room for a run, looked at before it starts."""

from __future__ import annotations

import errno
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from epochal.errors import EpochalError, Problem, RequestError
from epochal.run.durable import make_folders

_PREFIX = ".preflight-"
_FORGOTTEN = 3600.0  # seconds after which no living process still works in a scratch folder
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MEND = "make room, or name a folder on another disk as paths.runs"


@contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A folder inside ``parent`` for as long as the block lasts; ``parent`` is made where it is missing.

    What was made is removed where the block fails. RequestError where nothing can be written there.
    """
    made: list[Path] = []
    try:
        try:
            made = [folder for folder in (parent, *parent.parents) if not folder.exists()]
            make_folders(parent)  # which stays, and is the first of the run's that must survive
            _remove_forgotten(parent)
            scratch = tempfile.TemporaryDirectory(prefix=_PREFIX, dir=parent, ignore_cleanup_errors=True)
        except OSError as error:
            what = f"the run's folder can't be made here: {error.strerror}"
            mend = "make the place writable, or name another folder as paths.runs"
            raise RequestError(Problem(what, str(parent), mend)) from error
        with scratch as path:
            yield Path(path)
    except BaseException:
        for folder in made:
            with suppress(OSError):  # not made after all, or used by another process meanwhile
                folder.rmdir()
        raise


def _remove_forgotten(parent: Path) -> None:
    """What a process left that was killed here; it may hold gigabytes."""
    for folder in parent.glob(f"{_PREFIX}*"):
        with suppress(FileNotFoundError):  # another process is removing it
            if time.time() - folder.stat().st_mtime > _FORGOTTEN:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def room(folder: Path, needed: int) -> Iterator[None]:
    """RequestError where ``folder`` has less than ``needed`` bytes, or fills up inside the block."""
    check_room(folder, needed)
    try:
        yield
    except (OSError, EpochalError) as error:
        origin = error if isinstance(error, OSError) else error.__cause__
        if isinstance(origin, OSError) and origin.errno in _FULL:
            what = f"can't write here: {origin.strerror}; {_words(folder, needed)}"
            raise RequestError(Problem(what, str(folder.parent), _MEND)) from error
        raise


def check_room(folder: Path, needed: int, used: int = 0) -> None:
    """RequestError where less than ``needed`` bytes are free in the file system of ``folder``.

    used: bytes of it that are taken already.
    """
    if shutil.disk_usage(folder).free + used < needed:
        raise RequestError(Problem(_words(folder, needed, used), str(folder.parent), _MEND))


def _words(folder: Path, needed: int, used: int = 0) -> str:
    free = shutil.disk_usage(folder).free + used
    return f"the run needs about {_size(needed)} and {_size(free)} are free"


def _size(count: int) -> str:
    """Bytes in words."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count / 1e3:.0f} kB"
