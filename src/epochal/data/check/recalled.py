"""What a look at every file showed: recalled while no file changes, and told where a file can't be used."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from epochal.data.check.findings import Finding, Subject
from epochal.data.members import size_and_time
from epochal.data.problems import counted
from epochal.run.durable import write_bytes

Facts = TypeVar("Facts")
"""A dataclass of arrays, one row a file."""


def place_of(cache: Path, paths: Sequence[str], revision: str) -> Path:
    """Where the facts of these files are kept: by path, size and time of change of each."""
    digest = hashlib.blake2b(revision.encode(), digest_size=16)
    for path in paths:
        mark = "missing"
        with suppress(OSError):
            size, changed = size_and_time(path)
            mark = f"{size} {changed}"
        digest.update(f"{os.path.abspath(path)}\0{mark}\n".encode())
    return cache / "checks" / f"{digest.hexdigest()}.npz"


def recall(kind: type[Facts], path: Path) -> Facts | None:
    """The facts that were kept, or None."""
    with suppress(OSError, ValueError, KeyError), np.load(path, allow_pickle=False) as found:
        return kind(**{field.name: found[field.name] for field in fields(kind)})  # type: ignore[arg-type]
    return None


def remember(facts: Facts, path: Path) -> Facts:
    """Keep facts; returned with their texts as NumPy's own."""
    plain: dict[str, Any] = {
        name: value.astype(str) if value.dtype == object else value for name, value in vars(facts).items()
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **plain)
    with suppress(OSError):  # a cache that can't be written costs the time again, no more
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, buffer.getvalue())
    return type(facts)(**plain)


def faults_of(subject: Subject, facts: Any, words: Mapping[str, str]) -> list[Finding]:
    """An error for each kind of file that can't be used.

    facts: with ``kind``, ``fault`` and ``mend`` of each file. words: of each kind, what such files are.
    """
    found = []
    for kind, what in words.items():
        rows = np.flatnonzero(facts.kind == kind)
        if len(rows):
            text = f"{counted(len(rows), 'file')} {what}"
            notes = [str(note) for note in facts.fault[rows]]
            mend = str(facts.mend[rows[0]])
            found.append(subject.finding(kind, "error", text, mend, rows, notes, drop=rows))
    return found
