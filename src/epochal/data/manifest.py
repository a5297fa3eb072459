"""The table of samples, and the source that reads them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
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

COLUMNS = "columns"
"""The name of columns of a table that are an input beside another."""


def row_names(rows: int | Array) -> pl.Series:
    """The FILENAME of samples that are no files: the number as text. rows: how many, or their numbers."""
    numbers = pl.int_range(rows, eager=True) if isinstance(rows, int) else pl.Series(rows)
    return numbers.cast(pl.String).alias("FILENAME")


@dataclass(frozen=True)
class Spans:
    """What part of which series each of N samples covers, its target included.

    series: int64 [N], equal for samples of one series. begin, end: float64 [N], the first and last moment.
    """

    series: Array
    begin: Array
    end: Array

    def __getitem__(self, rows: Array) -> Spans:
        """Of some of the samples."""
        return Spans(self.series[rows], self.begin[rows], self.end[rows])


@dataclass(frozen=True)
class Forecast:
    """What is known of samples whose targets are the values that follow them in their series.

    targets: the names of what is forecast. channels: of each the channel of the input that holds it, or None.
    horizon: steps ahead; the T targets are the first one's steps, then the next one's.
    naive: rule -> float32 [N, T], what it forecasts from the history alone; a score is held against them.
    from_last: whether a network forecasts changes, to which the last known value is added.
    """

    targets: tuple[str, ...]
    channels: tuple[int | None, ...]
    horizon: int
    naive: Mapping[str, Array]
    from_last: bool = True

    @property
    def anchors(self) -> tuple[int | None, ...]:
        """Of each of the T targets the channel whose last value it starts from; none at all without that."""
        each = [channel for channel in self.channels for _ in range(self.horizon)]
        return tuple(each) if self.from_last else ()

    def __getitem__(self, rows: Array) -> Forecast:
        """Of some of the samples."""
        return replace(self, naive={name: values[rows] for name, values in self.naive.items()})


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
    spans: what part of a series each sample covers, where samples are cut out of series that are longer.
    """

    filenames: pl.Series
    targets: Array
    target_kind: TargetKind
    names: tuple[str, ...]
    groups: pl.Series | None = None
    splits: pl.Series | None = None
    columns: pl.DataFrame | None = None
    spans: Spans | None = None

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
    others: inputs of their own beside ``kind``'s that are numbers already, by name: each [N, ...].
    first: what the input of ``kind`` is called where there are others; None for the kind's name.
    notes: what a user should know of how the samples were made, a line each.
    forecast: where targets are the values that follow; else None.
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
    others: Mapping[str, Array] = field(default_factory=dict)
    first: str | None = None
    notes: tuple[str, ...] = ()
    forecast: Forecast | None = None
