"""A split that a table lists."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from epochal.data.manifest import Manifest
from epochal.data.problems import raise_problems
from epochal.data.split import Split, from_places
from epochal.data.tables import Table, read_table, split_words, texts
from epochal.errors import DataError, Problem


def file(manifest: Manifest, seed: int, *, path: str | Path, partial: bool = False) -> Split:  # noqa: ARG001
    """A table with the columns SPLIT, and FILENAME or INDEX; FILENAME counts where it has both.

    path: of the table.
    partial: rows of the data that the file does not list are left out; otherwise they are an error.
    """
    table = read_table(path)
    columns = {name.upper(): name for name in table.frame.columns}
    key = "FILENAME" if "FILENAME" in columns else "INDEX"
    if "SPLIT" not in columns or key not in columns:
        what = f"it needs the columns SPLIT, and FILENAME or INDEX; it has {', '.join(table.frame.columns)}"
        raise DataError(Problem(what, where=str(table.path)))
    problems: list[Problem] = []
    places = split_words(table, columns["SPLIT"], problems)
    keys = manifest.filenames.to_list() if key == "FILENAME" else [str(row) for row in range(len(manifest))]
    rows = _listed_rows(table, columns[key], {text: row for row, text in enumerate(keys)}, problems)
    placed = np.full(len(manifest), "", dtype=object)
    for row, place in zip(rows, places, strict=True):
        if row >= 0:
            placed[row] = place
    left = [] if partial else sorted(set(range(len(manifest))) - set(rows))
    mend = "list it, or set partial: true to leave such rows out"
    problems += [Problem(f"'{keys[row]}' is not listed", where=str(table.path), mend=mend) for row in left]
    raise_problems(problems)
    return from_places(placed, f"file {path}")


def _listed_rows(
    table: Table, column_name: str, known: Mapping[str, int], problems: list[Problem]
) -> list[int]:
    """The data's row of each row of a split file; adds a problem where there is none or it came before."""
    rows: list[int] = []
    first: dict[int, int] = {}
    for line, text in enumerate(texts(table, column_name)):
        row = known.get(text, -1)
        if row < 0:
            what = f"'{column_name}' is empty" if text is None else f"the data has no '{text}'"
            problems.append(Problem(what, where=table.place(line), mend="take the row out, or mend its name"))
        elif row in first:
            what = f"'{text}' is listed at {table.place(first[row])} already"
            problems.append(Problem(what, where=table.place(line), mend="keep one of the two rows"))
        first.setdefault(row, line)
        rows.append(row)
    return rows
