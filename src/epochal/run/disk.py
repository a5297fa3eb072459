"""The operations of the file system that everything which must survive is made of.

Each is one call of the system's, so that a process can be stopped between any two of them, and what a power
cut leaves can be worked out from their order. ``durable`` puts them together.
"""

from __future__ import annotations

import os
from pathlib import Path


def create(path: Path) -> int:
    """A new, empty file, open for writing; FileExistsError where there is one."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)


def open_to_append(path: Path) -> int:
    """A file to which every write adds at its end; made where there is none."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)


def write(handle: int, content: bytes | memoryview) -> None:
    """All of the content, which the system may take in several pieces."""
    left = memoryview(content).cast("B")
    while left:
        left = left[os.write(handle, left) :]


def truncate(handle: int, size: int) -> None:
    """Cut a file to so many bytes."""
    os.ftruncate(handle, size)


def sync(handle: int) -> None:
    """Return once what was written to a file is on the disk."""
    os.fsync(handle)


def close(handle: int) -> None:
    """Let go of an open file."""
    os.close(handle)


def replace(source: Path, target: Path) -> None:
    """Give a file another name, in place of the file that has it."""
    os.replace(source, target)


def remove(path: Path) -> None:
    """Delete a file; nothing happens where there is none."""
    path.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """A new folder in one that exists; FileExistsError where there is one."""
    path.mkdir()


def sync_folder(path: Path) -> None:
    """Return once the names in a folder are on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
