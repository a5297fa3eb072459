"""Samples to leave out: named by a table of the user's, and taken out of a source."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from epochal.console import log
from epochal.data.images import ImageFiles
from epochal.data.manifest import Array, Source
from epochal.data.sounds import SoundFiles
from epochal.data.tables import read_table, texts
from epochal.data.texts import TextFiles
from epochal.errors import DataError, Problem


def excluded_rows(path: str, filenames: Sequence[str]) -> Array:
    """bool [N]: the samples that a table names by its column FILENAME, or INDEX where it has no such.

    INDEX also tells apart samples of one FILENAME. Names that are not in the data are only logged: their
    files may be gone. Raises DataError where the table can't be read, or has neither column.
    """
    table = read_table(path)
    columns = {name.upper(): name for name in table.frame.columns}
    key = "FILENAME" if "FILENAME" in columns else "INDEX"
    if key not in columns:
        what = f"it needs a column FILENAME or INDEX; it has {', '.join(table.frame.columns)}"
        raise DataError(Problem(what, where=path, mend="write it with `epochal inspect CONFIG -o FOLDER`"))
    by_name: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(filenames if key == "FILENAME" else map(str, range(len(filenames)))):
        by_name[name].append(row)
    numbers = texts(table, columns["INDEX"]) if "INDEX" in columns else pl.Series([None] * len(table))
    left_out = np.zeros(len(filenames), np.bool_)
    unknown = []
    for name, number in zip(texts(table, columns[key]), numbers, strict=True):
        rows = by_name.get(name or "", [])
        exact = [row for row in rows if str(row) == number]
        left_out[exact if len(rows) > 1 and exact else rows] = True
        if not rows:
            unknown.append(name)
    if unknown:
        log.warning(f"{path} names {len(unknown):,} samples that the data does not have, as '{unknown[0]}'")
    return left_out


def subset(source: Source, rows: Array) -> Source:
    """A source of these rows alone; classes that none of them has are gone."""
    manifest = source.manifest
    targets, names = manifest.targets[rows], manifest.names
    if manifest.target_kind == "class":
        present, targets = np.unique(targets, return_inverse=True)
        names = tuple(names[index] for index in present)
    kept = replace(
        manifest,
        filenames=manifest.filenames.gather(rows),
        targets=targets,
        names=names,
        groups=None if manifest.groups is None else manifest.groups.gather(rows),
        splits=None if manifest.splits is None else manifest.splits.gather(rows),
        columns=None if manifest.columns is None else manifest.columns[rows],
        spans=None if manifest.spans is None else manifest.spans[rows],
    )
    others = {name: values[rows] for name, values in source.others.items()}
    digest = hashlib.blake2b(source.digest.encode() + rows.tobytes(), digest_size=16).hexdigest()
    read, item = source.read, source.item
    return replace(
        source,
        manifest=kept,
        digest=digest,
        read=_read_of(read, rows),
        array=None if source.array is None else source.array[rows],
        item=None if item is None else lambda row: item(int(rows[row])),
        frame=None if source.frame is None else source.frame[rows],
        beside=None if source.beside is None else source.beside[rows],
        masks=None if source.masks is None else source.masks[rows],
        others=others,
        forecast=None if source.forecast is None else source.forecast[rows],
    )


def _read_of(read: Callable[[int], Array], rows: Array) -> Callable[[int], Array]:
    if isinstance(read, ImageFiles | SoundFiles | TextFiles):
        return replace(read, paths=[read.paths[row] for row in rows])
    return lambda row: read(int(rows[row]))
