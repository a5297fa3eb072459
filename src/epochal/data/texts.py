"""Text files, and errors that name the file and the place in it."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from epochal.data.manifest import Array
from epochal.data.members import read_bytes
from epochal.errors import DataError, Problem

TEXT_SUFFIXES = frozenset({".txt"})
"""The endings, in lower case, of files that are read as texts."""


def is_text(name: str) -> bool:
    """Whether a file is a text by its ending."""
    return os.path.splitext(name)[1].lower() in TEXT_SUFFIXES


def read_text(path: str) -> str:
    """A file of UTF-8 text; DataError naming the file, and the line where it is something else."""
    try:
        data = read_bytes(path)
        return data.decode("utf-8-sig")
    except OSError as error:
        raise DataError(Problem(f"can't be read: {error.strerror}", where=path)) from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what, mend = f"byte {data[error.start]:#x} is not UTF-8", "save the file with the encoding UTF-8"
        raise DataError(Problem(what, where=f"{path}:{line}", mend=mend)) from None


@dataclass(frozen=True)
class TextFiles:
    """Reads the texts of a source, one file a row."""

    paths: list[str]

    def __call__(self, row: int) -> Array:
        """The text of a row as an array of one string; DataError where the file can't be read."""
        return np.array(read_text(self.paths[row]))
