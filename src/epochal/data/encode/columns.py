"""Columns of a table as numbers: what fills gaps, days since the first date, codes of categories."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar, final

import numpy as np
import polars as pl

from epochal.data.column_types import ColumnType
from epochal.data.columns import types_of
from epochal.data.encode.encoding import Encoded, Encoding
from epochal.data.manifest import Array
from epochal.errors import ConfigError, Problem

_OFTEN = 0.01
"""The share of rows from which on gaps have a column of their own; of a few, it would be an outlier."""
_PARTS = ("month", "weekday", "hour")
_DAY = 24 * 60 * 60 * 1_000_000  # of microseconds


def columns(
    train: pl.DataFrame, *, min_count: int = 1, indicators: bool = True, date_parts: bool = True
) -> ColumnEncoding:
    """Columns of a table as numbers, by what the training split has.

    A number's gaps are filled with the median. A date becomes the days since the first one, gaps filled
    likewise, and its month, weekday and hour as far as they vary. A category becomes
    its code from 1 on, in the order of names; 0 is missing, unseen or too rare.

    min_count: categories of fewer rows have no code of their own. indicators: a number or date that is
    missing in 1 % of the rows or more has a further column, 1 where it is missing.
    date_parts: of dates, also month, weekday and hour.
    """
    if min_count < 1:
        what = f"'min_count' of columns can't be {min_count}"
        raise ConfigError(Problem(what, "data.encode.min_count", "write 1 or more"))
    types = types_of(train)
    return ColumnEncoding(
        tuple(
            _category(values, min_count)
            if types[values.name] == "category"
            else _amount(values, types[values.name], indicators, date_parts)
            for values in train
        )
    )


def _category(values: pl.Series, min_count: int) -> FittedColumn:
    names, counts = values.drop_nulls().value_counts().sort(values.name)
    often, rare = names.filter(counts >= min_count), names.filter(counts < min_count)
    return FittedColumn(values.name, "category", values=tuple(often), rare=tuple(rare))


def _amount(values: pl.Series, kind: ColumnType, indicators: bool, date_parts: bool) -> FittedColumn:
    origin = ""
    parts: tuple[tuple[str, float], ...] = ()
    if kind == "date":
        first = values.min()
        origin = first.isoformat() if isinstance(first, datetime.datetime) else "1970-01-01"
        found = ((part, _part(values, part)) for part in _PARTS if date_parts)
        parts = tuple((part, _median(each)) for part, each in found if each.n_unique() > 1)
    missing = values.null_count() / max(1, values.len())
    bare = FittedColumn(values.name, kind, origin=origin, parts=parts)
    return replace(bare, fill=bare.median(values), indicator=indicators and _OFTEN <= missing < 1)


@final
@dataclass(frozen=True)
class FittedColumn:
    """One column of the table, and what the training split taught of it.

    fill: what stands for a gap, a number or days. indicator: whether it has a further column, 1 for a gap.
    origin: of a date, the first one, ISO. parts: of a date, ``month``, ``weekday`` (1 to 7), ``hour``, and
    what stands for a gap. values: of a category, those with codes 1, 2, ...; rare: those too rare for one.
    """

    name: str
    type: ColumnType
    fill: float = 0.0
    indicator: bool = False
    origin: str = ""
    parts: tuple[tuple[str, float], ...] = ()
    values: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the columns that it becomes."""
        main = f"{self.name} days" if self.type == "date" else self.name
        missing = (f"{self.name} missing",) if self.indicator else ()
        return (main, *(f"{self.name} {part}" for part, _ in self.parts), *missing)

    @property
    def cardinality(self) -> int:
        """The number of its codes, 0 where it is a number."""
        return len(self.values) + 1 if self.type == "category" else 0

    def numbers(self, values: pl.Series) -> pl.Series:
        """float64 [N] of a number, yes or no, or a date; null where it is missing."""
        if self.type != "date":
            return values.cast(pl.Float64)
        origin = pl.Series([self.origin]).str.to_datetime(time_unit="us").to_physical()[0]
        days: pl.Series = (values.dt.cast_time_unit("us").to_physical() - origin) / _DAY
        return days

    def median(self, values: pl.Series) -> float:
        """Of those that are not missing; 0 without any."""
        return _median(self.numbers(values))

    def encode(self, values: pl.Series, out: Array) -> Array:
        """Writes its columns into float32 [N, features]; int64, the rows with a new category."""
        if self.type == "category":
            codes = values.replace_strict(
                list(self.values), list(range(1, len(self.values) + 1)), default=0, return_dtype=pl.Int64
            )
            out[:, 0] = codes.fill_null(0).to_numpy()
            known = values.is_null() | values.is_in(list(self.rare)) if self.rare else values.is_null()
            return np.flatnonzero(((codes == 0) & ~known).to_numpy())
        out[:, 0] = self.numbers(values).fill_null(self.fill).to_numpy()
        for place, (part, fill) in enumerate(self.parts, 1):
            out[:, place] = _part(values, part).cast(pl.Float64).fill_null(fill).to_numpy()
        if self.indicator:
            out[:, -1] = values.is_null().to_numpy()
        return np.zeros(0, np.int64)


@final
@dataclass(frozen=True)
class ColumnEncoding(Encoding):
    """The columns in the order of the training table; others of a frame are not looked at."""

    columns: tuple[FittedColumn, ...]
    kind: ClassVar[str] = "columns"

    @property
    def features(self) -> tuple[str, ...]:
        """The names of all columns that they become."""
        return tuple(name for column in self.columns for name in column.features)

    @property
    def types(self) -> dict[str, ColumnType]:
        """What each column of the table holds."""
        return {column.name: column.type for column in self.columns}

    @property
    def model_facts(self) -> dict[str, Any]:
        """``cardinalities``: of each feature its number of codes, 0 for a number."""
        found = [(column.cardinality,) * len(column.features) for column in self.columns]
        return {"cardinalities": tuple(codes for each in found for codes in each)}

    def encode(self, frame: pl.DataFrame) -> Encoded:
        """Typed columns, N rows, as float32 [N, features]."""
        values = np.empty((frame.height, len(self.features)), np.float32)
        unseen: dict[str, Array] = {}
        start = 0
        for column in self.columns:
            stop = start + len(column.features)
            rows = column.encode(frame[column.name], values[:, start:stop])
            if len(rows):
                unseen[column.name] = rows
            start = stop
        return Encoded(values, unseen)

    def to_json(self) -> dict[str, Any]:
        """A list of columns, each without what it has not."""
        plain = [
            {key: value for key, value in asdict(each).items() if value != _EMPTY.get(key)}
            for each in self.columns
        ]
        return {"columns": plain}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> ColumnEncoding:
        """Read back what ``to_json`` gave."""
        return cls(tuple(_column_from_json(each) for each in value["columns"]))


_EMPTY: Mapping[str, Any] = {
    "fill": 0.0,
    "indicator": False,
    "origin": "",
    "parts": (),
    "values": (),
    "rare": (),
}


def _column_from_json(value: Mapping[str, Any]) -> FittedColumn:
    parts = tuple((part, fill) for part, fill in value.get("parts", ()))
    texts = {key: tuple(value.get(key, ())) for key in ("values", "rare")}
    return FittedColumn(**{**value, "parts": parts, **texts})


def _part(values: pl.Series, part: str) -> pl.Series:
    found: dict[str, pl.Series] = {
        "month": values.dt.month(),
        "weekday": values.dt.weekday(),
        "hour": values.dt.hour(),
    }
    return found[part]


def _median(values: pl.Series) -> float:
    found = values.median()
    return float(found) if isinstance(found, int | float) else 0.0
