from __future__ import annotations

import datetime
from typing import Any

import polars as pl
import pytest

from epochal.data.column_types import ColumnType, infer, numbers_of, parse


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2.5", "-1e3", None, "NA"], "number"),
        (["3", "1", "2", "3"], "number"),  # few whole numbers are numbers
        (["1", "0", None, "1"], "boolean"),
        ([0.0, 1.0, None], "boolean"),
        ([0, 0, 0], "number"),
        (["Yes", "no", "NO", ""], "boolean"),
        (["true", "False"], "boolean"),
        (["2020-01-31", "1999-12-01T10:30:00Z", None], "date"),
        ([datetime.date(2020, 1, 31), None], "date"),
        (["red", "blue", "red", "blue"], "category"),
        (["y", "n", "y", "n"], "category"),
        ([True, None], "boolean"),
    ],
)
def test_what_a_column_holds(cells: list[Any], kind: str) -> None:
    assert infer(pl.Series("x", cells)) == (kind, "")


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([None, None], "empty"),
        ([f"patient {row}" for row in range(20)], "text, 20 different in 20 rows"),
        ([f"street {row % 200}" for row in range(1000)], "text, 200 different in 1,000 rows"),
        (["1"] * 19 + ["1 or 2"], "numbers but for 1 cell"),
        (["31.01.2020"] * 9, "dates, but not as 2020-01-31"),
        (["cm"] * 9, "always the same text"),
        ([[1], [2]], "lists"),
        ([datetime.time(10, 30)] * 3, "time"),
    ],
)
def test_why_a_column_is_not_used(cells: list[Any], why: str) -> None:
    assert infer(pl.Series("x", cells)) == (None, why)


def _values(cells: list[Any], kind: ColumnType) -> tuple[list[Any], list[bool]]:
    parsed = parse(pl.Series("x", cells), kind)
    return parsed.values.to_list(), parsed.wrong.to_list()


def test_one_value_has_many_forms() -> None:
    assert _values(["29", " 29.0 ", "2.9e1", "?", "n/a", "x"], "number") == (
        [29.0, 29.0, 29.0, None, None, None],
        [False] * 5 + [True],
    )
    assert _values([29, 30], "number") == ([29.0, 30.0], [False, False])
    assert _values(["yes", "T", "1", "1.0", "FALSE", "n", "maybe"], "boolean") == (
        [True, True, True, True, False, False, None],
        [False] * 6 + [True],
    )
    assert _values([1, 0, 2], "boolean") == ([True, False, None], [False, False, True])
    day, noon = datetime.datetime(2020, 1, 31), datetime.datetime(2020, 1, 31, 12)
    forms = [
        "2020-01-31",
        "2020-01-31T12:00",
        "2020-01-31 12:00:00",
        "2020-01-31T14:00:00+02:00",
        "2020-13-01",
    ]
    assert _values(forms, "date") == ([day, noon, noon, noon, None], [False] * 4 + [True])
    assert _values([datetime.date(2020, 1, 31)], "date") == ([day], [False])
    assert _values([3.0, None, 10.5], "category") == (["3", None, "10.5"], [False] * 3)
    assert _values([" 3.0", "", "007", "NA"], "category") == (["3", None, "007", "NA"], [False] * 4)
    assert _values([float("nan"), float("inf")], "number") == ([None, float("inf")], [False, False])
    assert _values([[1], [2]], "category") == ([None, None], [True, True])


def test_numbers_order_a_column() -> None:
    assert numbers_of(pl.Series(["b", None, "a", "b"])).to_list() == [2, None, 1, 2]
    assert numbers_of(pl.Series([True, None, False])).to_list() == [1, None, 0]
    days = numbers_of(pl.Series([datetime.datetime(2020, 1, 2), datetime.datetime(2020, 1, 1)]))
    assert days[0] > days[1]
