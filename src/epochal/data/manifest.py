"""The table of samples, and the source that reads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy.typing as npt
import polars as pl

if TYPE_CHECKING:
    from epochal.data.masks.read import Masks

Kind = Literal["image", "vector", "tensor", "series", "text"]
"""What a sample is: C×H×W, F features, an array of any shape, C channels over T steps, or token ids."""

TargetKind = Literal["class", "labels", "value", "mask", "none"]
"""What a target is: one class of several, any of several labels, real values, a class a pixel; or none."""

Array = npt.NDArray[Any]


def row_names(rows: int | Array) -> pl.Series:
    """The FILENAME of samples that are no files: the number as text. rows: how many, or their numbers."""
    numbers = pl.int_range(rows, eager=True) if isinstance(rows, int) else pl.Series(rows)
    return numbers.cast(pl.String).alias("FILENAME")


@dataclass(frozen=True)
class Manifest:
    """One row a sample, column by column; row numbers are positions 0..N-1 in every column.

    filenames: N strings, unique; the path relative to the source's root with forward slashes, or the
        row's number as text where samples are not files.
    targets: by ``target_kind``: ``class`` int64 [N], indices into ``names``; ``labels`` uint8 [N, L],
        0 or 1 a label; ``value`` float32 [N, T]; ``mask`` int64 [N, K], the pixels of each class, while
        the masks themselves are the source's; ``none`` float32 [N, 0].
    names: class names, label names, or target column names.
    groups: N strings (patient, site, ...), or None.
    splits: N strings of ``train``, ``val``, ``test`` given with the data, or None.
    columns: N rows of what else is known of the samples, such as sex or site, or None.
    """

    filenames: pl.Series
    targets: Array
    target_kind: TargetKind
    names: tuple[str, ...]
    groups: pl.Series | None = None
    splits: pl.Series | None = None
    columns: pl.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.filenames)


@dataclass(frozen=True)
class Source:
    """Where samples come from.

    manifest: the table of samples.
    kind: ``image``: a sample is C×H×W, uint8, or float32 in [0, 1] (16-bit files are scaled to it);
        ``vector``: float32 features [F]; ``series``: float32 [C, T], a signal or a sound; ``text``: token
        ids int32 [L]; ``tensor``: any other shape and dtype.
    read: the row number -> the raw sample as an array (``image``: C×H×W), before ``prepare``. Safe to
        call from several threads. Raises DataError naming the row's file where it can't be read.
    digest: hexadecimal; equal for equal samples, targets and filenames.
    array: all raw samples [N, ...] where they are in memory anyway, else None.
    features: names of the columns of a ``vector``, where it has them.
    unused: the columns that are neither features nor anything else, each with why.
    item: for a Dataset of the user's, whose items may be random: the row number -> (input, target) as the
        Dataset gives them; else None.
    frame: N rows of columns or of one text, typed, with nulls where they are empty, which become ``array``
        only once an encoding was fitted on the training split; else None.
    beside: N rows of columns that are an input of their own beside ``kind``'s; else None.
    masks: the row number -> the class of each pixel of its image, where targets are masks; else None.
    """

    manifest: Manifest
    kind: Kind
    read: Callable[[int], Array]
    digest: str
    array: Array | None = None
    features: tuple[str, ...] = field(default=())
    unused: tuple[tuple[str, str], ...] = ()
    item: Callable[[int], Any] | None = None
    frame: pl.DataFrame | None = None
    beside: pl.DataFrame | None = None
    masks: Masks | None = None
