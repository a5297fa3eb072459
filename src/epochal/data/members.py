"""Files, and members of tar archives that are read as if they were files: ``DATA.tar@OFFSET+SIZE/NAME``.

A member lies in one piece in an uncompressed archive, so it is read by its place like a file: in any order,
by any worker, without the archive being unpacked.
"""

from __future__ import annotations

import io
import os
import re
from typing import BinaryIO

_MEMBER = re.compile(r"(?s)(.+\.tar)@(\d+)\+(\d+)/.+")


def member_path(archive: str, offset: int, size: int, name: str) -> str:
    """How a member of an archive is named where paths of files are expected."""
    return f"{archive}@{offset}+{size}/{name}"


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The content of a file, or of a member. Raises OSError as ``open`` does; a cut archive gives less."""
    found = _MEMBER.fullmatch(os.fspath(path))
    if found is None:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    with open(found[1], "rb", buffering=0) as file:
        return os.pread(file.fileno(), int(found[3]), int(found[2]))


def open_bytes(path: str | os.PathLike[str]) -> BinaryIO:
    """A file, or a member's content, to read from."""
    if _MEMBER.fullmatch(os.fspath(path)) is None:
        return open(path, "rb")
    return io.BytesIO(read_bytes(path))


def size_and_time(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Bytes, and the time of the last change in nanoseconds; a member has its archive's."""
    found = _MEMBER.fullmatch(os.fspath(path))
    stat = os.stat(path if found is None else found[1])
    return (stat.st_size if found is None else int(found[3])), stat.st_mtime_ns
