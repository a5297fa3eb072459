"""Files that a table lists: each there, below the root, and of a kind that is read."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from epochal.data.masks.read import MASK_SUFFIXES
from epochal.data.sources.files import Medium, medium_of
from epochal.data.tables import Table, required_texts
from epochal.errors import ConfigError, Problem

_MASKS = Medium("image", MASK_SUFFIXES)


def file_paths(rows: Table, column: str, root: Path, problems: list[Problem]) -> tuple[list[str], list[str]]:
    """FILENAME and path of each row's file; adds a problem for each that is missing, doubled or outside."""
    written = required_texts(rows, column, problems).to_list()
    medium = medium_of(written)
    real_root = os.path.realpath(root)
    real_folder = cache(os.path.realpath)  # many files share a folder
    first: dict[str, int] = {}
    filenames = []
    for row, text in enumerate(written):
        path = os.path.join(root, text)
        filename = os.path.relpath(path, root).replace(os.sep, "/") if text else ""
        filenames.append(filename)
        if text:
            what, mend = _wrong_file(path, real_root, real_folder(os.path.dirname(path)), medium)
            if filename in first:
                what, mend = f"is listed at {rows.place(first[filename])} already", "keep one of the two rows"
            if what:
                problems.append(Problem(f"'{text}' {what}", where=rows.place(row), mend=mend))
            first.setdefault(filename, row)
    return filenames, [os.path.join(root, filename) for filename in filenames]


def mask_paths(rows: Table, columns: Sequence[str], root: Path, problems: list[Problem]) -> list[str]:
    """The path of each row's mask; adds a problem for each that is missing or outside."""
    if len(columns) != 1:
        raise ConfigError(Problem("a mask is one column", "data.source.target", "name one column"))
    real_root = os.path.realpath(root)
    real_folder = cache(os.path.realpath)
    paths = []
    for row, text in enumerate(required_texts(rows, columns[0], problems)):
        path = os.path.join(root, text)
        paths.append(path)
        if text:
            what, mend = _wrong_file(path, real_root, real_folder(os.path.dirname(path)), _MASKS)
            if what:
                problems.append(Problem(f"'{text}' {what}", where=rows.place(row), mend=mend))
    return paths


def _wrong_file(path: str, real_root: str, real_folder: str, medium: Medium) -> tuple[str, str]:
    """What is wrong with the path of a file, and the mend; both empty where nothing is."""
    outside = f"lies outside {real_root}", "set 'root' of the source to a folder that holds all files"
    inside = os.path.join(real_root, "")
    if not os.path.join(real_folder, "").startswith(inside):
        return outside
    try:
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            if not os.path.realpath(path).startswith(inside):
                return outside
            mode = os.stat(path).st_mode
    except (OSError, ValueError):  # a null byte in the path
        return "does not exist", f"looked for {path}"
    if not stat.S_ISREG(mode):
        return "is no file", f"name {medium.noun} files"
    if not medium.has(path):
        return f"is no {medium.noun} by its ending", f"use one of {', '.join(sorted(medium.suffixes))}"
    return "", ""
