"""What the columns of a table hold, for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from epochal.data.columns import types_of
from epochal.data.manifest import Source

_TOP = 3


@dataclass(frozen=True)
class ColumnFacts:
    """One column.

    type: ``number``, ``boolean``, ``date`` or ``category``; empty for a column that is not used. missing,
    distinct: rows without a value, and different values; None where it is not used. values: the range, or the
    most frequent with their counts. why: it is not used; else empty.
    """

    name: str
    type: str
    missing: int | None
    distinct: int | None
    values: str
    why: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def describe_columns(source: Source) -> tuple[ColumnFacts, ...]:
    """Every column of a table that is a feature, then those that are none; nothing of other sources.

    Of samples with columns as an input beside the first, these columns.
    """
    frame = source.frame if source.beside is None else source.beside
    if source.beside is None and (source.kind != "vector" or not source.features):
        return ()
    if frame is None:
        assert source.array is not None
        frame = pl.DataFrame(source.array, schema=list(source.features)).cast(pl.Float64)
    types = types_of(frame)
    used = [
        ColumnFacts(
            values.name, types[values.name], values.null_count(), _distinct(values), _values(values), ""
        )
        for values in frame
    ]
    return (*used, *(ColumnFacts(name, "", None, None, "", why) for name, why in source.unused))


def _distinct(values: pl.Series) -> int:
    return values.drop_nulls().n_unique()


def _values(values: pl.Series) -> str:
    given = values.drop_nulls()
    if given.is_empty():
        return ""
    if values.dtype in (pl.Float64, pl.Datetime):
        low, high = given.min(), given.max()
        return f"{_short(low)} to {_short(high)}"
    counts = given.value_counts().sort(["count", values.name], descending=[True, False])
    names = [
        "no" if name is False else "yes" if name is True else name for name in counts[values.name].head(_TOP)
    ]
    shown = [f"{name} ({count:,})" for name, count in zip(names, counts["count"], strict=False)]
    return ", ".join(shown) + (", ..." if len(counts) > _TOP else "")


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.4g}"
    text = str(value)
    return text.removesuffix(" 00:00:00")
