"""The columns of a table that make a sample: which they are, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl

from epochal.data.column_types import COLUMN_TYPES, DTYPES, ColumnType, infer, numbers_of, parse
from epochal.data.manifest import Array
from epochal.data.tables import Table, is_numeric
from epochal.errors import ConfigError, DataError, Problem, did_you_mean, shown

_GAP = -1e300
"""Below every number that fits float32, and no infinity when it is subtracted from one."""
_NOUNS = {
    "number": "a finite number",
    "boolean": "yes or no",
    "date": "a date such as 2020-01-31",
    "category": "a single value",
}


@dataclass(frozen=True)
class Chosen:
    """The columns that make a sample.

    types: what each holds, in the order of the table, or of ``features``. unused: the others, and why.
    problems: of columns that were named and can't be used.
    """

    types: dict[str, ColumnType]
    unused: tuple[tuple[str, str], ...] = ()
    problems: tuple[Problem, ...] = ()

    def is_plain(self, table: Table) -> bool:
        """Whether all cells of these rows are numbers, none is missing: nothing is to be learnt of them."""
        return all(
            kind in ("number", "boolean") and _is_complete(table.frame[name])
            for name, kind in self.types.items()
        )


def choose_columns(
    table: Table, others: Sequence[str], features: Sequence[str], types: Mapping[str, str]
) -> Chosen:
    """The columns that are features: those named, or all but ``others`` that a network can use.

    others: columns that have another part. types: what the user says of columns, one of ``COLUMN_TYPES``; the
    rest is inferred. Raises DataError where none is left.
    """
    _check_types(table, types)
    found: dict[str, ColumnType] = {}
    unused: list[tuple[str, str]] = []
    problems: list[Problem] = []
    where = str(table.path)
    for name in features or [name for name in table.frame.columns if name and name not in others]:
        said = types.get(name)
        kind, why = (None, "ignored") if said == "ignore" else (cast(ColumnType | None, said), "")
        if said is None:
            kind, why = infer(table.frame[name])
        if kind is None and name in features and said is None:
            if why == "empty" or parse(table.frame[name], "number").wrong.mean() > 0.5:  # type: ignore[operator]
                mend = f"leave it out, or say what it holds: types: {{{name}: category}}"
                problems.append(Problem(f"column '{name}' can't be used: {why}", where, mend))
                continue
            kind = "number"
        if kind is None:
            unused.append((name, why))
        else:
            found[name] = kind
    if features:
        unused += [
            (name, "not in 'features'") for name in table.frame.columns if name not in (*others, *features)
        ]
    if not found and not problems:
        listed = ", ".join(f"{name} ({why})" for name, why in unused)
        mend = f"say what they hold as 'types', or name images as 'file'; columns: {listed}"
        raise DataError(Problem("no column but the target can be used", where=where, mend=mend))
    return Chosen(found, tuple(unused), tuple(problems))


def typed_columns(table: Table, types: Mapping[str, ColumnType], problems: list[Problem]) -> pl.DataFrame:
    """Columns as what they hold, null where they are missing; adds a problem for each cell that is wrong.

    One problem stands for a column of which more than half is wrong.
    """
    return pl.DataFrame([_typed(table, name, kind, problems) for name, kind in types.items()])


def comparable(frame: pl.DataFrame) -> Array:
    """Typed columns as float64 [N, F] that order them and tell equal cells from others; gaps are equal."""
    filled = [numbers_of(values).fill_null(_GAP) for values in frame]
    return pl.DataFrame(filled).to_numpy()


def listed_columns(unused: Sequence[tuple[str, str]], most: int = 20) -> str:
    """``name (text), admitted (dates)``, at most so many and then a count."""
    text = ", ".join(f"{shown(name)} ({why})" for name, why in unused[:most])
    return text + (f" and {len(unused) - most} more" if len(unused) > most else "")


def _check_types(table: Table, types: Mapping[str, str]) -> None:
    problems = [
        Problem(
            f"'{kind}' is no type of a column", f"data.source.types.{name}", did_you_mean(kind, COLUMN_TYPES)
        )
        for name, kind in types.items()
        if kind not in COLUMN_TYPES
    ]
    if problems:
        raise ConfigError(*problems)
    if missing := table.missing(list(types)):
        raise DataError(*missing)


def _typed(table: Table, name: str, kind: ColumnType, problems: list[Problem]) -> pl.Series:
    values = table.frame[name]
    parsed = parse(values, kind)
    wrong = parsed.wrong
    if kind == "number":
        wrong |= (parsed.values.abs() > float(np.finfo(np.float32).max)).fill_null(False)
    rows = wrong.arg_true().to_list()
    if len(rows) > max(1, len(values) // 2):
        what = f"column '{name}' is not {_NOUNS[kind]} in most rows: it holds {values[rows[0]]!r}"
        problems.append(Problem(what, str(table.path), "say what it holds as 'types', or leave it out"))
        rows = []
    for row in rows:
        what = f"'{name}' is {values[row]!r}, not {_NOUNS[kind]}"
        problems.append(Problem(what, where=table.place(row), mend="mend it, or leave the row out"))
    return parsed.values.alias(name)


def _is_complete(values: pl.Series) -> bool:
    if values.null_count() or not is_numeric(values):
        return False
    return not values.cast(pl.Float64).is_nan().any()


def types_of(frame: pl.DataFrame) -> dict[str, ColumnType]:
    """What the columns of a typed frame hold."""
    kinds: dict[object, ColumnType] = {dtype: kind for kind, dtype in DTYPES.items()}
    return {name: kinds[dtype.base_type()] for name, dtype in frame.schema.items()}
