"""Which samples of a source are samples of another one: the same bytes, or the same values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from epochal.console import Console
from epochal.data.check.files import scan_files
from epochal.data.check.sounds import scan_sounds
from epochal.data.check.twins import equal_digests, equal_rows, is_varied
from epochal.data.images import ImageFiles
from epochal.data.manifest import Array, Source
from epochal.data.sounds import SoundFiles


def seen_in(source: Source, known: Source, rows: Array, cache: Path, console: Console) -> Array:
    """int64 [N]: for each sample of a source, the first of these rows of another that it equals, or -1.

    Images are equal by their bytes, sounds by what is heard, samples in memory by their values;
    measurements and texts only where their target is the same too, and where they vary so much that two are
    hardly equal by chance. cache: as ``scan_files`` takes it. Both sources number their targets alike.
    """
    if isinstance(source.read, ImageFiles) and isinstance(known.read, ImageFiles):
        old = scan_files(known.read.paths, cache, console).digest[rows]
        new = scan_files(source.read.paths, cache, console).digest
        return _known(equal_digests(np.concatenate([old, new])), rows)
    if isinstance(source.read, SoundFiles) and isinstance(known.read, SoundFiles):
        old = scan_sounds(known.read.paths, cache, console).digest[rows]
        new = scan_sounds(source.read.paths, cache, console).digest
        return _known(equal_digests(np.concatenate([old, new])), rows)
    nothing = np.full(len(source.manifest), -1)
    if source.frame is not None and known.frame is not None:
        first = _equal_cells(source, known, rows)
        return nothing if first is None else _known(first, rows)
    if source.array is None or known.array is None or source.array.shape[1:] != known.array.shape[1:]:
        return nothing
    old, new = known.array[rows], source.array.astype(known.array.dtype)
    if source.kind == "vector":
        if not is_varied(known.array):
            return nothing
        targets = known.manifest.targets, source.manifest.targets
        old, new = (
            np.column_stack([each.reshape(len(each), -1), own.reshape(len(own), -1)])
            for each, own in zip((old, new), (targets[0][rows], targets[1]), strict=True)
        )
    return _known(equal_rows(np.concatenate([old, new])), rows)


def _equal_cells(source: Source, known: Source, rows: Array) -> Array | None:
    """As ``equal_rows``, of columns and texts as they were read; None where nothing can be said of them."""
    assert source.frame is not None
    assert known.frame is not None
    columns = known.frame.columns
    varied = any(column.n_unique() * 2 > len(column) for column in known.frame)
    if not varied or not set(columns) <= set(source.frame.columns):
        return None
    cells = pl.concat([known.frame[rows], source.frame.select(columns)], how="vertical_relaxed")
    targets = [*known.manifest.targets[rows].tolist(), *source.manifest.targets.tolist()]
    cells = cells.insert_column(0, pl.Series("\0target", [str(target) for target in targets]))
    first = cells.with_row_index("\0row").select(pl.col("\0row").min().over(cells.columns)).to_series()
    return first.to_numpy().astype(np.int64)


def _known(first: Array, rows: Array) -> Array:
    """Of each sample behind the rows: the row that it equals, or -1; first: as ``equal_rows`` gives it."""
    place = first[len(rows) :]
    return np.where(place < len(rows), rows[np.minimum(place, len(rows) - 1)], -1)
