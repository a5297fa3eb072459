"""Tables from CSV, Parquet, JSON and Excel files, whose rows know their line in the file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from epochal.data.manifest import Array
from epochal.data.problems import missing_path
from epochal.errors import ConfigError, DataError, Problem, did_you_mean

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet", ".json", ".jsonl", ".ndjson", ".xlsx")
"""The endings, in lower case, of files that are read as tables."""

SPLIT_WORDS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}
"""How a split may be written (in any case) -> its name."""

_SEPARATORS = (",", ";", "\t")


@dataclass(frozen=True)
class Table:
    """Rows of a file.

    frame: N rows; every column of a CSV file is text, stripped, null where it is empty.
    lines: where each row stands, int64 [N], counted from 1 as an editor or a spreadsheet does.
    """

    path: Path
    frame: pl.DataFrame
    lines: Array

    def __len__(self) -> int:
        return self.frame.height

    def place(self, row: int) -> str:
        """A row as a user finds it: ``file:line``, or the row of a file that has no lines."""
        text = self.path.suffix.lower() not in (".parquet", ".json", ".xlsx")
        return f"{self.path}:{self.lines[row]}" if text else f"{self.path}, row {self.lines[row]}"

    def missing(self, columns: Sequence[str]) -> list[Problem]:
        """A problem for each of these columns that the table lacks."""
        return [
            Problem(
                f"no column is called '{name}'",
                where=str(self.path),
                mend=did_you_mean(name, self.frame.columns),
            )
            for name in columns
            if name not in self.frame.columns
        ]


def read_table(path: str | Path, sheet: str | None = None) -> Table:
    """The table in a file, by its suffix; ``sheet`` names one of an Excel file, by default the first.

    Every cell of a CSV file stays text, so that ``001`` keeps its zeros. Its separator is the comma, or
    the semicolon or tab where the header has no comma. Empty rows are left out.
    Raises DataError where the file is missing, broken or empty.
    """
    path = Path(path).expanduser()
    suffix = path.suffix.lower()
    if sheet is not None and suffix != ".xlsx":
        raise ConfigError(Problem("'sheet' is for .xlsx files", where=str(path), mend="leave it out"))
    if path.is_dir():
        mend = f"name a file that ends in one of {', '.join(TABLE_SUFFIXES)}"
        raise DataError(Problem("this is a folder, not a table", where=str(path), mend=mend))
    if suffix not in TABLE_SUFFIXES:
        mend = f"use one of {', '.join(TABLE_SUFFIXES)}"
        raise DataError(Problem(f"tables are not read from '{suffix}' files", where=str(path), mend=mend))
    try:
        if suffix == ".parquet":
            frame = pl.read_parquet(path, glob=False)
            lines = np.arange(1, frame.height + 1)
        elif suffix == ".json":
            frame = pl.read_json(path, infer_schema_length=None)
            lines = np.arange(1, frame.height + 1)
        elif suffix == ".xlsx":
            frame = pl.read_excel(path, sheet_name=sheet, drop_empty_rows=False)
            lines = np.arange(2, frame.height + 2)
        elif suffix in (".jsonl", ".ndjson"):
            data = path.read_bytes()
            frame = pl.read_ndjson(io.BytesIO(data), infer_schema_length=None)
            lines = np.array(
                [line for line, text in enumerate(data.split(b"\n"), 1) if text.strip()], np.int64
            )
        else:
            frame, lines = _read_csv(path)
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(missing_path(path, "file")) from None
    except Exception as error:  # five readers raise many kinds
        raise DataError(Problem(f"can't be read as a table: {error}", where=str(path))) from error
    filled = ~frame.select(empty=pl.all_horizontal(pl.all().is_null()))["empty"]
    if not filled.any():
        raise DataError(Problem("the table has no rows", where=str(path)))
    return Table(path, frame.filter(filled), lines[filled.to_numpy()])


def _read_csv(path: Path) -> tuple[pl.DataFrame, Array]:
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"byte {data[error.start]:#x} is not UTF-8"
        mend = "save the file with the encoding UTF-8"
        raise DataError(Problem(what, where=f"{path}:{line}", mend=mend)) from None
    header = text.partition("\n")[0]
    separator = next((mark for mark in _SEPARATORS if mark in header), ",")
    try:
        frame = pl.read_csv(io.BytesIO(text.encode()), infer_schema=False, separator=separator)
    except pl.exceptions.NoDataError:
        raise DataError(Problem("the file is empty", where=str(path))) from None
    except pl.exceptions.ComputeError as error:
        raise DataError(*_ragged(path, text, separator)) from error
    doubled = [name for name in frame.columns if name.endswith("_duplicated_0")]
    if doubled:
        names = ", ".join(f"'{name.removesuffix('_duplicated_0')}'" for name in doubled)
        raise DataError(Problem(f"several columns are called {names}", where=f"{path}:1", mend="rename them"))
    frame = frame.rename({name: name.strip() for name in frame.columns})
    newlines = np.zeros(frame.height, np.int64)
    if text.count("\n") > frame.height + 1:
        counts = frame.select(pl.sum_horizontal(pl.all().str.count_matches("\n", literal=True).fill_null(0)))
        newlines = counts.to_series().to_numpy().astype(np.int64)
    lines = 2 + np.arange(frame.height) + np.cumsum(newlines) - newlines
    stripped = frame.with_columns(pl.all().str.strip_chars())
    return stripped.with_columns(pl.all().replace("", None)), lines


def _ragged(path: Path, text: str, separator: str) -> list[Problem]:
    """What polars found wrong, with the lines where it is."""
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    width = len(next(reader))
    mend = "quote values that hold the separator"
    return [
        Problem(f"{len(cells)} values under {width} columns", where=f"{path}:{reader.line_num}", mend=mend)
        for cells in reader
        if len(cells) > width
    ][:20] or [Problem("is no table of separated values", where=str(path), mend="look for an unclosed quote")]


def texts(table: Table, column: str) -> pl.Series:
    """A column as text; whole numbers that a file holds as floats lose their ``.0``."""
    values = table.frame[column]
    if values.dtype.is_nested():
        raise DataError(Problem(f"column '{column}' holds lists, not single values", where=str(table.path)))
    if values.dtype.is_float() and values.drop_nulls().is_finite().all():
        whole = values.cast(pl.Int64, strict=False)
        if (whole == values).all():
            values = whole
    return values.cast(pl.String)


def required_texts(table: Table, column: str, problems: list[Problem]) -> pl.Series:
    """A column as text; adds a problem for each row where it is empty, which becomes ``""``."""
    values = texts(table, column)
    empty = values.is_null().arg_true().to_list() if values.null_count() else []
    problems += [Problem(f"'{column}' is empty", where=table.place(row)) for row in empty]
    return values.fill_null("")


def split_words(table: Table, column: str, problems: list[Problem]) -> pl.Series:
    """A column of splits as ``train``, ``val`` and ``test``; adds a problem for each row that names none."""
    words = texts(table, column)
    splits = words.str.to_lowercase().replace_strict(SPLIT_WORDS, default=None, return_dtype=pl.String)
    for row in splits.is_null().arg_true().to_list():
        what = f"'{column}' is empty" if words[row] is None else f"'{words[row]}' is no split"
        problems.append(Problem(what, where=table.place(row), mend="write train, val or test"))
    return splits.fill_null("")


def numeric_columns(table: Table) -> list[str]:
    """The columns with a name whose values are all numbers where they are given, and given at least once."""
    return [name for name in table.frame.columns if name and is_numeric(table.frame[name])]


def numbers(table: Table, column: str, problems: list[Problem]) -> Array:
    """A column as float64 [N]; adds a problem for each row that is empty or not finite as float32."""
    values = table.frame[column]
    parsed = _parsed(values)
    if parsed is None or (values.dtype == pl.String and not is_numeric(values)):
        shown = next((value for value in values if value is not None), None)
        bad = (
            [] if parsed is None else [row for row in parsed.is_null().arg_true() if values[row] is not None]
        )
        if parsed is None or len(bad) > len(values) // 2:
            what = f"column '{column}' is not numeric: it holds {shown!r}"
            problems.append(Problem(what, where=str(table.path)))
            return np.zeros(len(values))
    floats = parsed.to_numpy().astype(np.float64)
    with np.errstate(over="ignore"):
        finite = np.isfinite(floats.astype(np.float32))
    for row in np.flatnonzero(~finite).tolist():
        cell = values[row]
        what = f"'{column}' is empty" if cell is None else f"'{column}' is {cell!r}, not a finite number"
        problems.append(Problem(what, where=table.place(row), mend="fill it in or leave the row out"))
    return floats


def feature_matrix(table: Table, columns: Sequence[str], problems: list[Problem]) -> Array:
    """Columns as features, float32 [N, F]; adds the problems of ``numbers``."""
    matrix = np.empty((len(table), len(columns)), np.float32)
    with np.errstate(over="ignore"):
        for index, name in enumerate(columns):
            matrix[:, index] = numbers(table, name, problems)
    return matrix


def is_numeric(values: pl.Series) -> bool:
    """Whether all cells that are given are numbers, and at least one is given."""
    parsed = _parsed(values)
    return parsed is not None and parsed.null_count() == values.null_count() < len(values)


def _parsed(values: pl.Series) -> pl.Series | None:
    """Values as float64, null where they are no numbers; None for a type that never is."""
    dtype = values.dtype
    if dtype.is_numeric() or dtype in (pl.Boolean, pl.String, pl.Null):
        return values.cast(pl.Float64, strict=False)
    return None
