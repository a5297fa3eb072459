"""Columns of times as numbers that order them: years, seconds since 1970, step numbers."""

from __future__ import annotations

import numpy as np
import polars as pl

from epochal.data.manifest import Array
from epochal.data.tables import Table
from epochal.errors import Problem

_FORMATS = (
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
)
_MONTH = "%Y-%m-%d"  # of 2020-01, once a day is put behind it
_ZONE = r"(Z|[+-]\d{2}:?\d{2})$"


def moments(table: Table, column: str, problems: list[Problem]) -> Array:
    """A column of times as float64 [N]: seconds of dates, UTC where they have a zone, else the numbers.

    Dates are written as 2020-01-31, also with a time, 2020/01/31 or 31.01.2020, or 2020-01 for a month. Adds
    a problem for each row that is none.
    """
    found = as_moments(table.frame[column])
    wrong = np.flatnonzero(~np.isfinite(found))
    for row in wrong.tolist():
        cell = table.frame[column][row]
        what = f"'{column}' is empty" if cell is None else f"'{column}' is '{cell}', no time"
        problems.append(Problem(what, table.place(row), "write dates as 2020-01-31 12:30, or numbers"))
    return found


def as_moments(values: pl.Series) -> Array:
    """The same of any column; NaN where a cell is no time."""
    dtype = values.dtype
    if dtype.is_numeric():
        return values.cast(pl.Float64).to_numpy()
    if dtype == pl.String:
        as_numbers = values.cast(pl.Float64, strict=False)
        if as_numbers.null_count() == values.null_count():
            return as_numbers.to_numpy()
        values = _parsed(values)
    elif dtype == pl.Date:
        values = values.cast(pl.Datetime("us"))
    elif dtype != pl.Datetime:
        return np.full(len(values), np.nan)
    return values.dt.epoch("us").cast(pl.Float64).to_numpy() / 1e6


def _parsed(texts: pl.Series) -> pl.Series:
    """Dates by the format that fits most of them."""
    shifted = texts.str.extract(_ZONE)
    if shifted.is_not_null().any():
        whole = texts.str.replace("Z$", "+00:00").str.replace(" ", "T", literal=True)
        with_zone = whole.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%z", strict=False, time_unit="us")
        return with_zone.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    plain = texts.str.replace("T", " ", literal=True)
    found = [plain.str.to_datetime(form, strict=False, time_unit="us") for form in _FORMATS]
    months = (plain + "-01").str.to_datetime(_MONTH, strict=False, time_unit="us")
    return min([*found, months], key=lambda each: each.null_count())
