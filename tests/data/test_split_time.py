from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from epochal.config.component import Component
from epochal.data.check.findings import Subject
from epochal.data.check.leaks import find_leaks
from epochal.data.manifest import Manifest, Source, row_names
from epochal.data.sources.forecast import Cut, windows
from epochal.data.split import build_split
from epochal.data.tables import Table
from epochal.errors import DataError

HISTORY, HORIZON = 5, 3


def series(shops: int = 2, days: int = 120) -> Source:
    rows = [(f"s{shop}", day, day + 1000 * shop) for shop in range(shops) for day in range(days)]
    frame = pl.DataFrame(rows, schema=["shop", "day", "sales"], orient="row")
    table = Table(Path("shops.csv"), frame, np.arange(len(rows)))
    return windows(table, Cut(("sales",), ("sales",), HISTORY, HORIZON, "day", "shop"))


def days_of(source: Source, rows: np.ndarray) -> set[float]:
    """Every value that is in an input or a target: each is another day of another shop."""
    assert source.array is not None
    return {*source.array[rows].ravel().tolist(), *source.manifest.targets[rows].ravel().tolist()}


def test_no_value_of_one_split_is_in_another() -> None:
    source = series()
    split = build_split(
        Component.model_validate({"name": "time", "val": 0.2, "test": 0.3}), source.manifest, 1
    )
    train, val, test = (days_of(source, rows) for rows in (split.train, split.val, split.test))
    assert not train & val
    assert not train & test
    assert not val & test
    assert max(day % 1000 for day in train) < min(day % 1000 for day in val)
    assert max(day % 1000 for day in val) < min(day % 1000 for day in test)
    # only the windows that reach across a border are gone
    assert len(split.train) + len(split.val) + len(split.test) == len(source.manifest) - 2 * 2 * 7
    assert "28 rows across its borders left out" in split.origin


def test_a_random_split_of_windows_is_an_error_and_grouped_and_time_are_none() -> None:
    source = series(shops=4)
    subject = Subject(source, np.arange(len(source.manifest)), source.manifest.filenames.to_list())

    def leaks(name: str) -> list[str]:
        split = build_split(Component(name=name), source.manifest, 1)
        return [finding.kind for finding in find_leaks(subject, split, None, drawn=True)]

    assert leaks("random") == ["overlap"]
    assert leaks("time") == []
    assert leaks("grouped") == []


def test_any_column_of_times_orders_rows() -> None:
    days = pl.Series("day", ["2020-02-01", "2020-01-01", "2020-03-01", "2020-01-15", "2020-02-15"])
    manifest = Manifest(row_names(5), np.zeros((5, 1), np.float32), "value", ("y",), columns=days.to_frame())
    component = Component.model_validate({"name": "time", "column": "day", "val": 0.2, "test": 0.2})
    split = build_split(component, manifest, 0)
    assert split.train.tolist() == [0, 1, 3]
    assert split.val.tolist() == [4]
    assert split.test.tolist() == [2]


def test_what_has_no_time_is_told() -> None:
    columns = pl.DataFrame({"day": ["2020-01-01", "soon", "2020-01-03"]})
    manifest = Manifest(row_names(3), np.zeros((3, 1), np.float32), "value", ("y",), columns=columns)
    with pytest.raises(DataError, match="does not say when its samples are from"):
        build_split(Component(name="time"), manifest, 0)
    with pytest.raises(DataError, match="'day' of 1 row is no time, as of '1'"):
        build_split(Component.model_validate({"name": "time", "column": "day"}), manifest, 0)
    with pytest.raises(DataError, match="has no column 'when'; there are: day"):
        build_split(Component.model_validate({"name": "time", "column": "when"}), manifest, 0)


def test_a_part_that_is_shorter_than_a_window_is_told() -> None:
    source = series(days=40)
    with pytest.raises(DataError, match="val and test would be without a row"):
        build_split(Component.model_validate({"name": "time", "val": 0.05}), source.manifest, 0)
