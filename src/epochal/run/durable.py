"""The one module that writes what must survive: atomic replacement, appended lines, the lock."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from epochal.errors import Problem, RequestError, RunError
from epochal.run import disk


def write_chunks(
    path: Path,
    chunks: Iterable[bytes | memoryview],
    check: Callable[[Path], None] = lambda _: None,
    previous: Path | None = None,
) -> None:
    """Replace ``path`` by the chunks in turn; a crash at any instant leaves the old file or the new one.

    The bytes go to a temporary file in the same folder, are flushed to the disk and renamed; then the
    folder itself is flushed. On an error (a full disk) the old file stands and the temporary one is removed.

    check: looks at the temporary file before it takes the place of the old one; what it raises is an error.
    previous: the name that the old file gets, in place of the file that had it. There is an instant in which
        only ``previous`` exists.
    """
    make_folders(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    handle = disk.create(temporary)
    try:
        try:
            for chunk in chunks:
                disk.write(handle, chunk)
            disk.sync(handle)
        finally:
            disk.close(handle)
        check(temporary)
        if previous is not None and path.exists():
            disk.replace(path, previous)
        disk.replace(temporary, path)
    except BaseException:
        disk.remove(temporary)
        raise
    disk.sync_folder(path.parent)


def write_bytes(path: Path, content: bytes) -> None:
    """Like ``write_chunks``, in one piece."""
    write_chunks(path, [content])


def write_text(path: Path, text: str) -> None:
    """Like ``write_bytes``, in UTF-8."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Like ``write_bytes``; indented, for people to read."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def move(source: Path, target: Path) -> None:
    """Give a file the name of another, which goes; either name stands for a whole file at any instant."""
    disk.replace(source, target)
    disk.sync_folder(target.parent)


def make_folders(path: Path) -> None:
    """A folder and those above it that are missing, all of them on the disk when this returns."""
    missing = []
    while not path.is_dir():
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        with suppress(FileExistsError):  # by another process, meanwhile
            disk.make_folder(folder)
        disk.sync_folder(folder.parent)


class LineFile:
    """A file of JSON lines that is only appended to, and cut back when a run resumes."""

    def __init__(self, path: Path) -> None:
        make_folders(path.parent)
        new = not path.exists()
        self._path = path
        self._handle = disk.open_to_append(path)
        if new:
            disk.sync_folder(path.parent)
        self.offset = os.fstat(self._handle).st_size
        """Bytes written so far; a checkpoint keeps it."""

    def append(self, value: dict[str, Any]) -> None:
        """Write one object as one line and hand it to the operating system; RunError where it takes none."""
        line = json.dumps(value, allow_nan=False).encode() + b"\n"
        try:
            disk.write(self._handle, line)
        except OSError as error:
            mend = "make room, then continue with --resume"
            raise RunError(Problem(f"can't write a line: {error.strerror}", str(self._path), mend)) from error
        self.offset += len(line)

    def flush(self) -> None:
        """Have the lines on the disk before a checkpoint that counts on them."""
        disk.sync(self._handle)

    def truncate(self, offset: int) -> None:
        """Drop what was written after ``offset``: lines that the resumed run will write again.

        A file that is shorter than that (it was deleted, say) stays as it is.
        """
        self.offset = min(offset, self.offset)
        disk.truncate(self._handle, self.offset)

    def close(self) -> None:
        """Close the file."""
        disk.close(self._handle)


_TRIES, _PAUSE = 5, 0.02  # seconds; is_locked() holds the lock too, for an instant
_held: set[int] = set()  # handles of the locks that this process holds


def _leave_to_parent() -> None:
    """A forked child, such as a worker of a DataLoader, shares a lock and may outlive a killed holder."""
    for handle in _held:
        os.close(handle)
    _held.clear()


os.register_at_fork(after_in_child=_leave_to_parent)


class Lock:
    """One process at a time in a folder: an advisory lock that ends with its holder, however that ends.

    path: of the lock file, in the folder. What a killed holder had half written is removed from the folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle = -1

    def __enter__(self) -> Self:
        self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        if not _acquire(self._handle):
            os.close(self._handle)
            holder = read_holder(self._path)
            raise RequestError(
                Problem(
                    f"another process is working on it: pid {holder.get('pid', '?')} "
                    f"on {holder.get('host', '?')} since {holder.get('since', '?')}",
                    where=str(self._path.parent),
                    mend="wait for it, or stop it first",
                )
            )
        _held.add(self._handle)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        holder = {"pid": os.getpid(), "host": socket.gethostname(), "boot": boot_id(), "since": since}
        os.truncate(self._handle, 0)
        os.pwrite(self._handle, json.dumps(holder).encode(), 0)
        for leftover in self._path.parent.rglob(".*.tmp"):  # a checkpoint can be gigabytes
            leftover.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle in _held:  # else it is the parent's
            _held.remove(self._handle)
            fcntl.flock(self._handle, fcntl.LOCK_UN)  # a child that was forked just now has it open still
            os.close(self._handle)


def _acquire(handle: int) -> bool:
    """Take the lock unless somebody holds it for longer than an instant."""
    for attempt in range(_TRIES):
        if attempt:
            time.sleep(_PAUSE)
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    return False


def is_locked(path: Path) -> bool:
    """Whether a living process holds the lock at ``path``."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def read_holder(path: Path) -> dict[str, Any]:
    """Who wrote the lock file last: pid, host, boot, since; empty when it can't be read."""
    try:
        holder = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return holder if isinstance(holder, dict) else {}


def boot_id() -> str:
    """The operating system's identifier of this boot, so that a pid of an earlier boot is not believed."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
