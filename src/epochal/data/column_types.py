"""What a column of a table holds: numbers, yes or no, dates, categories; found out, or as a user says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import polars as pl

from epochal.data.problems import counted

ColumnType = Literal["number", "boolean", "date", "category"]
COLUMN_TYPES = (*get_args(ColumnType), "ignore")
"""What a user may say of a column."""

DTYPES: dict[ColumnType, type[pl.DataType]] = {
    "number": pl.Float64,
    "boolean": pl.Boolean,
    "date": pl.Datetime,
    "category": pl.String,
}
"""How a column of each type is held once it is read, null where it is missing."""

NEARLY_NUMERIC = "numbers but for"
"""How the reason begins why a column that was to be numbers is not used."""

_MISSING = ("", "na", "n/a", "#n/a", "<na>", "nan", "nat", "null", "none", "?", "-")
_WORDS = {"yes": True, "true": True, "no": False, "false": False}
_BITS = {"1": True, "1.0": True, "0": False, "0.0": False}
_SHORT = {"y": True, "t": True, "n": False, "f": False}  # read as such, but not taken for such
_ISO = (
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S%.f",
)
_OTHER_DATES = r"^\s*(\d{1,2}[./-]\d{1,2}[./-]\d{2,4}|\d{4}[./]\d{1,2}[./]\d{1,2}|\d{1,2}:\d{2})"
_NEARLY = 0.9
_FEW = 100


@dataclass(frozen=True)
class Parsed:
    """Cells of a column as one type.

    values: N of the type's dtype, null where a cell is missing or wrong. wrong: bool [N], cells that hold
    something else.
    """

    values: pl.Series
    wrong: pl.Series


def infer(values: pl.Series) -> tuple[ColumnType | None, str]:
    """What a column holds; None for what no network can use as it is, and why.

    Numbers stay numbers however few they are, but for 0 and 1. Text is a category where each of up to 100
    values stands in two rows on average, or each of more in ten.
    """
    count, dtype = values.len() - values.null_count(), values.dtype
    if not count:
        return None, "empty"
    if dtype == pl.Boolean:
        return "boolean", ""
    if dtype.is_numeric():
        return ("boolean" if _is_bits(values) else "number"), ""
    if dtype in (pl.Date, pl.Datetime):
        return "date", ""
    if dtype.is_nested() or dtype.is_temporal() or dtype in (pl.Binary, pl.Object):
        return None, "lists" if dtype.is_nested() else str(dtype).lower()
    return _infer_text(values.cast(pl.String), count)


def parse(values: pl.Series, kind: ColumnType) -> Parsed:
    """A column as of this type, whatever it is written as; in no order but its own, row by row."""
    given = values.is_not_null()
    found = {"number": _number, "boolean": _boolean, "date": _date, "category": _category}[kind](values)
    wrong = given & found.is_null()
    if wrong.any() and values.dtype == pl.String:
        wrong &= ~_plain(values).is_in(_MISSING if kind != "category" else [""])
    elif values.dtype.is_float():
        wrong &= ~values.is_nan().fill_null(False)
    return Parsed(found, wrong)


def numbers_of(values: pl.Series) -> pl.Series:
    """A typed column as float64 that order it and tell equal from unequal cells; null where it is missing."""
    if values.dtype == pl.String:
        return values.rank("dense").cast(pl.Float64)
    if values.dtype == pl.Datetime:
        return values.to_physical().cast(pl.Float64)
    return values.cast(pl.Float64)


def _infer_text(values: pl.Series, count: int) -> tuple[ColumnType | None, str]:
    numbers = parse(values, "number")
    wrong = int(numbers.wrong.sum())
    if not wrong and numbers.values.null_count() < values.len():
        return ("boolean" if _is_bits(numbers.values) else "number"), ""
    for kind in ("boolean", "date"):
        if _all(values, kind):
            return kind, ""
    distinct = values.drop_nulls().n_unique()
    if wrong <= (1 - _NEARLY) * count:
        return None, f"{NEARLY_NUMERIC} {counted(wrong, 'cell')}"
    if values.drop_nulls().str.contains(_OTHER_DATES).all():
        return None, "dates, but not as 2020-01-31"
    if distinct == 1 and count == values.len():
        return None, "always the same text"
    if distinct * (2 if distinct <= _FEW else 10) > count:
        return None, f"text, {distinct:,} different in {counted(count, 'row')}"
    return "category", ""


def _all(values: pl.Series, kind: Literal["boolean", "date"]) -> bool:
    """Whether all cells that are given are of a type; most columns fail at the first few."""
    for part in (values.head(100), values):
        found = parse(part, kind)
        if found.wrong.any() or (
            kind == "boolean" and not _plain(part.drop_nulls()).is_in([*_WORDS, *_MISSING]).all()
        ):
            return False
    return found.values.null_count() < values.len()


def _is_bits(values: pl.Series) -> bool:
    low, high = values.min(), values.max()
    return low == 0 and high == 1 and bool(((values == 0) | (values == 1)).drop_nulls().all())


def _plain(values: pl.Series) -> pl.Series:
    return values.str.strip_chars().str.to_lowercase()


def _nothing(values: pl.Series, kind: ColumnType) -> pl.Series:
    dtype = pl.Datetime("us") if kind == "date" else DTYPES[kind]
    return pl.Series(values.name, [None], dtype=dtype).new_from_index(0, values.len())


def _number(values: pl.Series) -> pl.Series:
    if values.dtype == pl.String:
        values = values.str.strip_chars().cast(pl.Float64, strict=False)
    elif not (values.dtype.is_numeric() or values.dtype == pl.Boolean):
        return _nothing(values, "number")
    return values.cast(pl.Float64).fill_nan(None)


def _boolean(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Boolean:
        return values
    if values.dtype.is_numeric():
        values = values.cast(pl.Float64).cast(pl.String)
    elif values.dtype != pl.String:
        return _nothing(values, "boolean")
    return _plain(values).replace_strict(_WORDS | _BITS | _SHORT, default=None, return_dtype=pl.Boolean)


def _date(values: pl.Series) -> pl.Series:
    if values.dtype == pl.Date:
        return values.cast(pl.Datetime("us"))
    if isinstance(values.dtype, pl.Datetime):
        if values.dtype.time_zone is not None:
            values = values.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
        return values.cast(pl.Datetime("us"))
    if values.dtype != pl.String:
        return _nothing(values, "date")
    plain = values.str.strip_chars().str.replace(r"^(\S{10})[Tt]", "$1 ").str.replace(r"[Zz]$", "")
    forms = [pl.lit(plain).str.to_datetime(form, strict=False, time_unit="us") for form in _ISO]
    zoned = pl.lit(plain).str.replace(r" ?([+-]\d\d):?(\d\d)$", "$1$2")
    for form in _ISO[1:]:
        moment = zoned.str.to_datetime(f"{form}%z", strict=False, time_unit="us", time_zone="UTC")
        forms.append(moment.dt.replace_time_zone(None))
    return pl.select(pl.coalesce(forms)).to_series().alias(values.name)


def _category(values: pl.Series) -> pl.Series:
    """Texts; whole numbers without a decimal point, so that a category is one however a file holds it."""
    if values.dtype.is_nested() or values.dtype in (pl.Binary, pl.Object):
        return _nothing(values, "category")
    if values.dtype.is_float():
        values = values.fill_nan(None)
    text = values.cast(pl.String).str.strip_chars().str.replace(r"^(-?\d+)\.0+$", "$1")
    return text.replace("", None)
