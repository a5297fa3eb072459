"""What ``predict`` is given: files, folders, arrays and tables, as samples without targets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from epochal.console import log
from epochal.data.columns import typed_columns
from epochal.data.encode.columns import ColumnEncoding
from epochal.data.encode.encoding import Encoding
from epochal.data.encode.text import TextEncoding
from epochal.data.images import ImageFiles, visible_files
from epochal.data.jpeg import Target
from epochal.data.manifest import Array, Kind
from epochal.data.problems import raise_problems
from epochal.data.sounds import SoundFiles
from epochal.data.sources.arrays import as_samples, as_series, finite, load_array
from epochal.data.sources.files import IMAGES, SOUNDS
from epochal.data.sources.readers import Reader
from epochal.data.tables import TABLE_SUFFIXES, Table, feature_matrix, numeric_columns, read_table
from epochal.data.texts import TEXT_SUFFIXES, is_text, read_text
from epochal.errors import DataError, EpochalError, Problem, RequestError

_ARRAY_SUFFIXES = (".npy", ".npz")


@dataclass(frozen=True)
class Inputs:
    """Samples to predict.

    filenames: one a sample, unique: a file as it was given, relative to the folder that was given, or the
        row's number in a table or array; with the input before it where several inputs would give it twice.
    read: the row number -> the raw sample, as a Source gives it. Safe to call from several threads.
    others: where samples are of several inputs, those beside the first, by name: each [N, ...].
    """

    filenames: list[str]
    read: Callable[[int], Array]
    others: Mapping[str, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.filenames)


@dataclass(frozen=True)
class _Part:
    """The samples of one input: their names in it, and with the input before them; how to read; others."""

    names: list[str]
    full_names: list[str]
    read: Callable[[int], Array]
    others: Mapping[str, Array] = field(default_factory=dict)


def open_inputs(
    paths: Sequence[str | Path],
    kind: Kind,
    channels: int | None,
    features: tuple[str, ...],
    target: Target | None = None,
    encoding: Encoding | None = None,
    rate: int | None = None,
    reader: Reader | None = None,
    others: Collection[str] = (),
) -> Inputs:
    """The samples in images, sounds, folders of them, .npy and .npz arrays (``x`` or the only one), tables.

    Texts are in .txt files, folders of them and tables.

    kind: of the samples that the model takes. channels: of its images or sounds; None keeps a file's own.
    features: the columns of a table in the model's order; where there are none, every numeric column.
    target: the resize that ``prepare`` begins with, so that files are decoded as for training.
    encoding: how texts or columns of other kinds than numbers became numbers in training.
    rate: samples a second, to which sounds are resampled; None where the model takes none.
    reader: how the source of the run makes samples of files, where it does so in a way of its own.
    others: the names of the inputs that the model takes beside the first.
    Raises RequestError where a path is missing, empty or of a kind that the model does not take, and
    DataError where what it holds is wrong; images are read, and found broken, only by ``read``.
    """
    parts: list[_Part] = []
    problems: list[Problem] = []
    if not paths:
        raise RequestError(Problem("there is no input", mend="name files or folders to predict"))
    for path in paths:
        try:
            part = _open(str(path), kind, channels, features, target, encoding, rate, reader)
            if lacking := [name for name in others if name not in part.others]:
                what = f"it has no {', '.join(lacking)}, which the model takes beside"
                mend = "give a table with every column that training had"
                raise RequestError(Problem(what, where=str(path), mend=mend))
            parts.append(part)
        except EpochalError as error:
            problems += error.problems
    if problems:
        raise RequestError(*problems)
    names = [name for part in parts for name in part.names]
    if len(set(names)) < len(names):
        names = [name for part in parts for name in part.full_names]
    reads = [(part.read, row) for part in parts for row in range(len(part.names))]

    def read(row: int) -> Array:
        read_part, part_row = reads[row]
        return read_part(part_row)

    inputs = {name: np.concatenate([part.others[name] for part in parts]) for name in parts[0].others}
    return Inputs(names, read, inputs)


def _open(
    given: str,
    kind: Kind,
    channels: int | None,
    features: tuple[str, ...],
    target: Target | None,
    encoding: Encoding | None,
    rate: int | None,
    reader: Reader | None,
) -> _Part:
    path = Path(given).expanduser()
    suffix = path.suffix.lower()
    if not path.exists():
        what = "there is no such file or folder"
        or_texts = ", or give texts themselves by --text or texts=[...]" if kind == "text" else ""
        raise RequestError(Problem(what, where=given, mend=f"check the path{or_texts}"))
    if isinstance(encoding, TextEncoding) and (path.is_dir() or is_text(given)):
        return _text_part(given, path, encoding)
    medium = {"image": IMAGES, "series": SOUNDS if rate else None}.get(kind)
    if medium is not None and (path.is_dir() or (suffix in medium.suffixes and path.is_file())):
        names, full_names, files = [given], [given], [str(path)]
        if path.is_dir():
            names, full_names = _files_in(given, path, medium.has, medium.suffixes, medium.noun)
            files = [str(path / name) for name in names]
        read = SoundFiles(files, channels, rate) if medium is SOUNDS else ImageFiles(files, channels, target)
        return _Part(names, full_names, read)
    if suffix in _ARRAY_SUFFIXES:
        return _array_part(given, path, kind, channels, features)
    if reader is not None and suffix in reader.suffixes:
        found = reader.read(path)
        return _Part(found.names, [f"{given}:{name}" for name in found.names], found.read, found.others)
    if suffix in TABLE_SUFFIXES and encoding is not None:
        return _row_part(given, _encoded(encoding, read_table(path), given))
    if suffix in TABLE_SUFFIXES and kind == "vector":
        return _row_part(given, _vectors(read_table(path), features))
    taken: Sequence[str] = {
        "vector": (*TABLE_SUFFIXES, *_ARRAY_SUFFIXES),
        "text": (*sorted(TEXT_SUFFIXES), *TABLE_SUFFIXES),
    }.get(kind, (*sorted(medium.suffixes if medium else ()), *_ARRAY_SUFFIXES))
    taken = taken if reader is None else (*reader.suffixes, *_ARRAY_SUFFIXES)
    what = "this is a folder" if path.is_dir() else f"'{suffix}' files are no input here"
    mend = f"the model takes samples of kind {kind}: give {', '.join(taken)}"
    folder = " or a folder" if medium or kind == "text" else ""
    raise RequestError(Problem(what, where=given, mend=mend + folder))


def _files_in(
    given: str, folder: Path, accepts: Callable[[str], bool], suffixes: Collection[str], noun: str
) -> tuple[list[str], list[str]]:
    """The files of a folder that are taken, relative to it and with the folder as it was given."""
    names = [name for name in visible_files(folder) if accepts(name)]
    if not names:
        mend = f"it needs files that end in {', '.join(sorted(suffixes))}"
        raise RequestError(Problem(f"there is no {noun} in this folder", where=given, mend=mend))
    return names, [f"{given.rstrip('/')}/{name}" for name in names]


def _text_part(given: str, path: Path, encoding: TextEncoding) -> _Part:
    """A text file, or those of a folder."""
    names, full_names, paths = [given], [given], [path]
    if path.is_dir():
        names, full_names = _files_in(given, path, is_text, TEXT_SUFFIXES, "text file")
        paths = [path / name for name in names]
    problems: list[Problem] = []
    texts = []
    for each in paths:
        try:
            texts.append(read_text(str(each)))
        except DataError as error:
            problems += error.problems
    raise_problems(problems)
    return _Part(names, full_names, encoded_texts(texts, encoding, given).__getitem__)


def encoded_texts(texts: Sequence[str], encoding: TextEncoding, given: str) -> Array:
    """Token ids of texts, int32 [N, L]; given: where they are from, for the warning of empty ones."""
    warn_of_empty(texts, given)
    return encoding.encode(pl.DataFrame({encoding.column: pl.Series(list(texts), dtype=pl.String)})).values


def warn_of_empty(texts: Sequence[str], given: str) -> None:
    """A warning where texts are empty: what is predicted for them is no more than a guess."""
    empty = sum(not text.strip() for text in texts)
    if empty:
        log.warning(f"{given}: {empty:,} of {len(texts):,} texts empty; nothing is known of them but a guess")


def _array_part(given: str, path: Path, kind: Kind, channels: int | None, features: tuple[str, ...]) -> _Part:
    values = load_array(path)
    if values.ndim == 0 or len(values) == 0:
        raise DataError(Problem("there is no sample", where=given))
    return _row_part(given, fitting_samples(values, given, kind, channels, features))


def fitting_samples(
    values: Array, given: str, kind: Kind, channels: int | None, features: tuple[str, ...]
) -> Array:
    """An array as samples [N, ...] of the kind that the model takes; DataError where they are of another."""
    if kind == "tensor":  # any shape there is
        return finite(values, given)
    if kind == "series":
        return _with_channels(as_series(values, given), given, channels)
    found, samples = as_samples(values, given)
    if found != kind:
        what = f"its array {list(values.shape)} of {values.dtype} holds samples of kind {found}"
        raise DataError(Problem(what, where=given, mend=f"the model takes samples of kind {kind}"))
    expected = {"image": channels, "vector": len(features) or None}.get(kind)
    if expected is not None and samples.shape[1] != expected:
        noun = "channels" if kind == "image" else "features"
        raise DataError(Problem(f"{samples.shape[1]} {noun}, but the model takes {expected}", where=given))
    return samples


def _with_channels(samples: Array, given: str, channels: int | None) -> Array:
    """Series [N, C, T] of floats with these channels; DataError where they are others."""
    if samples.ndim != 3 or samples.dtype.kind != "f":
        what = f"its array {list(samples.shape)} of {samples.dtype} holds no series"
        raise DataError(Problem(what, where=given, mend="give floats [N, T] or [N, C, T]"))
    if channels is not None and samples.shape[1] != channels:
        raise DataError(Problem(f"{samples.shape[1]} channels, but the model takes {channels}", where=given))
    return samples


def _vectors(table: Table, features: tuple[str, ...]) -> Array:
    """The numbers of these columns, of every numeric one where none is named."""
    raise_problems(table.missing(features))
    columns = features or tuple(numeric_columns(table))
    if not columns:
        raise DataError(Problem("no column is numeric", where=str(table.path)))
    problems: list[Problem] = []
    samples = feature_matrix(table, columns, problems)
    raise_problems(problems)
    return samples


def _encoded(encoding: Encoding, table: Table, given: str) -> Array:
    """The rows of a table as numbers; what training never saw is counted in the log."""
    frame = table.frame
    if isinstance(encoding, TextEncoding):
        raise_problems(table.missing([encoding.column]))
        warn_of_empty(frame[encoding.column].cast(pl.String).fill_null("").to_list(), given)
    if isinstance(encoding, ColumnEncoding):
        problems = table.missing(list(encoding.types))
        raise_problems(problems)
        frame = typed_columns(table, encoding.types, problems)
        raise_problems(problems)
    encoded = encoding.encode(frame)
    for name, rows in encoded.unseen.items():
        what = f"{len(rows):,} of {len(table):,} values of '{name}' are not in the training split"
        log.warning(f"{given}: {what} and are taken as missing")
    return encoded.values


def is_rows(inputs: object) -> bool:
    """Whether these are rows of a table in Python: a DataFrame of polars or pandas, dicts, or a dict."""
    first = inputs[0] if isinstance(inputs, Sequence) and len(inputs) else inputs
    return isinstance(first, pl.DataFrame | Mapping) or hasattr(inputs, "to_dict")


def rows_as_inputs(
    rows: Any, features: tuple[str, ...], encoding: Encoding | None, reader: Reader | None = None
) -> Inputs:
    """Samples given by the names of their columns; RequestError where polars makes no table of them.

    rows: as of ``is_rows``. features, encoding, reader: as of ``open_inputs``. DataError where columns are
    missing or hold something else.
    """
    if hasattr(rows, "to_dict") and not isinstance(rows, pl.DataFrame):  # of pandas, without its machinery
        rows = rows.to_dict(orient="list")
    try:
        frame = pl.DataFrame(rows, strict=False, infer_schema_length=None)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        mend = "give a file, a DataFrame, a dict of columns or a list of dicts"
        raise RequestError(Problem(f"these are no rows of a table: {error}", "inputs", mend)) from error
    table = Table(Path("inputs"), frame, np.arange(frame.height))
    if reader is not None and reader.read_rows is not None:
        found = reader.read_rows(table)
        return Inputs(found.names, found.read, found.others)
    samples = _vectors(table, features) if encoding is None else _encoded(encoding, table, "inputs")
    return Inputs([str(row) for row in range(frame.height)], samples.__getitem__)


def _row_part(given: str, samples: Array) -> _Part:
    names = [str(row) for row in range(len(samples))]
    return _Part(names, [f"{given}:{name}" for name in names], samples.__getitem__)
