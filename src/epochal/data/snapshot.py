"""What files of data hold, as a small table that git can keep: path, size and SHA-256 of each."""

from __future__ import annotations

import csv
import hashlib
import io
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from epochal.console import Console
from epochal.data.problems import missing_path
from epochal.errors import DataError, Problem

_HEADER = ["PATH", "SIZE", "SHA256"]


@dataclass(frozen=True)
class FileMark:
    """size: bytes. sha256: of the content, 64 hexadecimal digits."""

    size: int
    sha256: str


@dataclass(frozen=True)
class DataChanges:
    """Paths of files, sorted: those that came, those that went, and those whose content is another."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def any(self) -> bool:
        """Whether there is any difference."""
        return bool(self.added or self.removed or self.changed)


@dataclass(frozen=True)
class DataSnapshot:
    """The files of some data at one time.

    files: path relative to the root, with forward slashes -> its mark.
    """

    files: Mapping[str, FileMark]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(mark.size for mark in self.files.values())

    def to_csv(self) -> bytes:
        """PATH,SIZE,SHA256, sorted by path: equal files give equal bytes, whatever the machine."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(_HEADER)
        writer.writerows((path, mark.size, mark.sha256) for path, mark in sorted(self.files.items()))
        return text.getvalue().encode("utf-8", "surrogateescape")  # names that are no UTF-8 stay as they are


def take_snapshot(
    root: Path, names: Iterable[str], console: Console, *, missing_ok: bool = False
) -> DataSnapshot:
    """Read these files below a folder, several at once.

    missing_ok: leave out what is not there. Raises DataError naming each that can't be read.
    """
    ordered = sorted(names)
    problems: list[Problem] = []
    files: dict[str, FileMark] = {}
    with ThreadPoolExecutor() as pool, console.progress("reading", len(ordered), "files") as advance:
        marks = pool.map(_mark, (root / name for name in ordered))
        for name, mark in zip(ordered, marks, strict=True):
            if isinstance(mark, FileMark):
                files[name] = mark
            elif not (missing_ok and isinstance(mark, FileNotFoundError)):
                problems.append(Problem(f"can't be read: {mark.strerror}", str(root / name)))
            advance(1)
    if problems:
        raise DataError(*problems)
    return DataSnapshot(files)


def _mark(path: Path) -> FileMark | OSError:
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            return FileMark(os.fstat(file.fileno()).st_size, digest)
    except OSError as error:
        return error


def read_snapshot(path: Path) -> DataSnapshot:
    """The snapshot in a CSV file; DataError where it is none."""
    if not path.is_file():
        raise DataError(missing_path(path, "file"))
    text = path.read_bytes().decode("utf-8", "surrogateescape")
    rows = csv.reader(io.StringIO(text, newline=""))
    if next(rows, []) != _HEADER:
        mend = "write one with `epochal data snapshot`"
        raise DataError(
            Problem(f"is no snapshot: it does not begin with {','.join(_HEADER)}", str(path), mend)
        )
    files = {}
    for row in rows:
        if len(row) != 3 or not row[1].isdecimal() or len(row[2]) != 64:
            what = "no path, size and SHA-256, as after a merge with conflicts"
            raise DataError(Problem(what, f"{path}:{rows.line_num}", "bring the file back from git"))
        files[row[0]] = FileMark(int(row[1]), row[2])
    return DataSnapshot(files)


def changes_between(before: DataSnapshot, now: DataSnapshot) -> DataChanges:
    """What was added, removed and changed since."""
    both = before.files.keys() & now.files.keys()
    return DataChanges(
        added=tuple(sorted(now.files.keys() - both)),
        removed=tuple(sorted(before.files.keys() - both)),
        changed=tuple(sorted(name for name in both if before.files[name] != now.files[name])),
    )
