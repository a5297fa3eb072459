from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from epochal.config.component import Component
from epochal.data.manifest import Source
from epochal.data.sources import build_source
from epochal.data.sources.forecast import Cut, read_histories
from epochal.data.tables import read_table
from epochal.errors import ConfigError, DataError


def hourly(folder: Path, values: list[float | None], left_out: tuple[int, ...] = ()) -> Path:
    start = np.datetime64("2020-01-01T00:00")
    rows = [
        (str(start + np.timedelta64(hour, "h")), value, hour % 3)
        for hour, value in enumerate(values)
        if hour not in left_out
    ]
    path = folder / "hours.csv"
    pl.DataFrame(rows, schema=["time", "load", "shift"], orient="row").write_csv(path)
    return path


def opened(path: Path, **arguments: object) -> Source:
    given = {
        "name": "forecast", "path": str(path), "time": "time", "target": "load", "history": 3, "horizon": 2
    }  # fmt: skip
    return build_source(Component.model_validate(given | arguments), "value")


def test_windows_hold_a_history_and_the_values_that_follow(tmp_path: Path) -> None:
    source = opened(hourly(tmp_path, [float(hour) for hour in range(7)]), channels=["load", "shift"])
    assert source.array is not None
    np.testing.assert_array_equal(source.array[:, 0], [[0, 1, 2], [1, 2, 3], [2, 3, 4]])
    np.testing.assert_array_equal(source.array[0, 1], [0, 1, 2])
    np.testing.assert_array_equal(source.manifest.targets, [[3, 4], [4, 5], [5, 6]])
    assert source.manifest.names == ("t+1", "t+2")
    assert source.manifest.filenames[0] == "2020-01-01T02:00"  # the last known step
    assert source.manifest.spans is not None
    np.testing.assert_array_equal((source.manifest.spans.end - source.manifest.spans.begin) / 3600, 4)


def test_a_stride_leaves_windows_out_and_several_targets_are_named(tmp_path: Path) -> None:
    path = hourly(tmp_path, [float(hour) for hour in range(9)])
    source = opened(path, stride=2, target=["load", "shift"])
    assert source.manifest.names == ("load t+1", "load t+2", "shift t+1", "shift t+2")
    np.testing.assert_array_equal(source.manifest.targets, [[3, 4, 0, 1], [5, 6, 2, 0], [7, 8, 1, 2]])


def test_windows_across_a_gap_or_an_empty_cell_are_left_out_and_told(tmp_path: Path) -> None:
    values: list[float | None] = [float(hour) for hour in range(20)]
    values[6] = None
    source = opened(hourly(tmp_path, values, left_out=(12,)))
    assert source.array is not None
    kept = [*range(2), 7, *range(13, 16)]
    np.testing.assert_array_equal(source.array[:, 0, 0], kept)
    assert source.notes[0] == "9 of 15 windows span a gap in time or an empty cell and are left out"
    ignored = opened(hourly(tmp_path, values, left_out=(12,)), gaps="ignore")
    assert len(ignored.manifest) > len(kept)


def test_naive_forecasts_are_the_last_value_and_the_last_season(tmp_path: Path) -> None:
    source = opened(hourly(tmp_path, [float(hour) for hour in range(9)]), season=3, horizon=4)
    assert source.forecast is not None
    np.testing.assert_array_equal(source.forecast.naive["last value"], [[2] * 4, [3] * 4, [4] * 4])
    np.testing.assert_array_equal(source.forecast.naive["last season"][0], [0, 1, 2, 0])


def test_series_by_id_do_not_run_into_each_other(tmp_path: Path) -> None:
    path = tmp_path / "shops.csv"
    rows = [(shop, day, day + (100 if shop == "b" else 0)) for day in range(6) for shop in "ba"]
    pl.DataFrame(rows, schema=["shop", "day", "sales"], orient="row").write_csv(path)
    source = opened(path, time="day", id="shop", target="sales")
    np.testing.assert_array_equal(source.manifest.targets, [[103, 104], [104, 105], [3, 4], [4, 5]])
    assert source.manifest.filenames.to_list() == ["b/2", "b/3", "a/2", "a/3"]
    assert source.manifest.groups is not None
    assert source.manifest.groups.to_list() == ["b", "b", "a", "a"]


def test_the_last_steps_of_each_series_are_what_is_predicted_from(tmp_path: Path) -> None:
    path = hourly(tmp_path, [5.0, 6.0, 7.0, 8.0])
    names, samples = read_histories(read_table(path), Cut((), ("load",), 3, 1, "time"))
    assert names == ["2020-01-01T03:00"]
    np.testing.assert_array_equal(samples, [[[6, 7, 8]]])
    with pytest.raises(DataError, match="has 4 steps; the model reads 9"):
        read_histories(read_table(path), Cut((), ("load",), 9, 1, "time"))


def test_what_can_not_be_cut_is_told(tmp_path: Path) -> None:
    path = hourly(tmp_path, [1.0, 2.0, 3.0])
    with pytest.raises(DataError, match=r"no window of 3 \+ 2 steps is whole; series have up to 3"):
        opened(path)
    with pytest.raises(ConfigError, match="horizon of forecast can't be 0"):
        opened(path, horizon=0)
    with pytest.raises(ConfigError, match="season of forecast can't be 4"):
        opened(path, season=4)
