"""Tables and series without targets, read as the source of a run read its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from epochal.config.component import Component
from epochal.data.columns import typed_columns
from epochal.data.encode.columns import ColumnEncoding
from epochal.data.encode.encoding import Encoding
from epochal.data.images import ImageFiles
from epochal.data.jpeg import Target
from epochal.data.manifest import COLUMNS, Array
from epochal.data.problems import raise_problems
from epochal.data.sources.forecast import Cut, read_histories
from epochal.data.sources.listed_files import file_paths
from epochal.data.sources.series import read_series
from epochal.data.sources.ts import read_ts
from epochal.data.tables import TABLE_SUFFIXES, Table, read_table
from epochal.errors import Problem


@dataclass(frozen=True)
class Read:
    """Samples of a file: FILENAME of each, row -> raw sample, and their other inputs by name, [N, ...]."""

    names: list[str]
    read: Callable[[int], Array]
    others: Mapping[str, Array] = field(default_factory=dict)


@dataclass(frozen=True)
class Reader:
    """Reads files with one of these endings; where they are tables, rows of one as well."""

    suffixes: tuple[str, ...]
    read: Callable[[Path], Read]
    read_rows: Callable[[Table], Read] | None = None


def reader_of(
    source: Component,
    features: tuple[str, ...],
    shape: tuple[int, ...],
    channels: int | None = None,
    target: Target | None = None,
    beside: Encoding | None = None,
) -> Reader | None:
    """How a source makes samples of files; None where nothing but its kind of sample says it.

    features: the channels of series that the run has read. shape: of its samples. channels, target: as
    ``ImageFiles`` takes them. beside: how columns beside images became numbers.
    """
    given = source.arguments
    of_series: Callable[[Table], tuple[list[str], Array]]
    if isinstance(beside, ColumnEncoding):
        return _of_tables(
            partial(_read_images, source=source, channels=channels, target=target, beside=beside)
        )
    if source.name == "series":
        of_series = partial(
            read_series,
            id=given["id"],
            time=given.get("time"),
            channels=features,
            length=shape[1],
            missing=given.get("missing", "refuse"),
        )
    elif source.name in ("forecast", "glucose"):
        time = "datetime" if source.name == "glucose" else given.get("time")
        of_series = partial(read_histories, cut=Cut((), features, shape[1], 1, time, given.get("id")))
    elif source.name in ("ts", "ucr"):
        of_files = partial(read_ts, length=shape[1], missing=given.get("missing", "refuse"))
        return Reader((".ts",), lambda path: _named(*of_files(path)))
    else:
        return None
    return _of_tables(lambda rows: _named(*of_series(rows)))


def _of_tables(read_rows: Callable[[Table], Read]) -> Reader:
    return Reader(TABLE_SUFFIXES, lambda path: read_rows(read_table(path)), read_rows)


def _named(names: list[str], samples: Array) -> Read:
    return Read(names, samples.__getitem__)


def _read_images(
    rows: Table, source: Component, channels: int | None, target: Target | None, beside: ColumnEncoding
) -> Read:
    """Images of a table with the columns beside them; paths are below ``root``, or the table's folder."""
    given = source.arguments
    raise_problems(rows.missing([given["file"], *beside.types]))
    root = Path(given["root"]).expanduser() if given.get("root") else rows.path.parent
    problems: list[Problem] = []
    names, paths = file_paths(rows, given["file"], root, problems)
    columns = typed_columns(rows, beside.types, problems)
    raise_problems(problems)
    return Read(names, ImageFiles(paths, channels, target), {COLUMNS: beside.encode(columns).values})
