from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from epochal.config.component import Component
from epochal.data.manifest import Source, TargetKind
from epochal.data.sources import build_source
from epochal.data.sources.long_table import LongTable
from epochal.data.tables import read_table
from epochal.errors import DataError

ROWS: dict[str, list[Any]] = {
    "who": ["b", "b", "a", "b", "a", "a"],
    "day": ["2020-01-03", "2020-01-01", "2020-01-01", "2020-01-02", "2020-01-02", "2020-01-03"],
    "x": [3, 1, 10, 2, None, 30],
    "z": [0.5, 0.5, 0, 0.5, 0, 1],
    "kind": ["up", "up", "down", "up", "down", "down"],
    "site": ["s", "s", "t", "s", "t", "t"],
}


def written(folder: Path, **changed: list[Any]) -> Path:
    path = folder / "long.csv"
    pl.DataFrame(ROWS | changed, strict=False).write_csv(path)
    return path


def opened(path: Path, kind: TargetKind = "class", **arguments: object) -> Source:
    given = {"name": "series", "path": str(path), "id": "who", "time": "day", "target": "kind", **arguments}
    return build_source(Component.model_validate(given), kind)


def test_rows_become_series_by_id_in_the_order_of_time(tmp_path: Path) -> None:
    source = opened(written(tmp_path), missing="interpolate")
    assert (source.kind, source.features) == ("series", ("x", "z"))
    assert source.manifest.filenames.to_list() == ["b", "a"]
    assert source.array is not None
    expected = [[[1, 2, 3], [0.5, 0.5, 0.5]], [[10, 20, 30], [0, 0, 1]]]  # the gap is halfway
    np.testing.assert_array_equal(source.array, np.array(expected, np.float32))
    assert [source.manifest.names[row] for row in source.manifest.targets] == ["up", "down"]
    assert source.notes == ("1 step with an empty cell, interpolated within their series",)
    assert source.manifest.columns is not None
    assert source.manifest.columns["site"].to_list() == ["s", "t"]


def test_the_order_of_the_files_rows_does_not_change_a_series(tmp_path: Path) -> None:
    whole = opened(written(tmp_path), missing="interpolate")
    order = [5, 3, 0, 4, 1, 2]
    changed = {name: [values[row] for row in order] for name, values in ROWS.items()}
    other = opened(written(tmp_path, **changed), missing="interpolate")
    assert other.manifest.filenames.to_list() == ["a", "b"]
    assert whole.array is not None
    assert other.array is not None
    np.testing.assert_array_equal(other.array, whole.array[::-1])


def test_an_empty_cell_is_refused_with_its_line_and_the_mend(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"long.csv:6: 'x' is empty; fill it in, or set missing: interpolate"):
        opened(written(tmp_path))


def test_series_of_several_lengths_need_one(tmp_path: Path) -> None:
    path = written(tmp_path, who=["b", "b", "a", "b", "b", "a"], x=[1, 2, 3, 4, 5, 6], kind=["up"] * 6)
    path.write_text(path.read_text().replace("2020-01-02,5", "2020-01-04,5"))
    with pytest.raises(DataError, match=r"series have 2 to 4 steps; set 'length' of the source, such as 4"):
        opened(path)
    source = opened(path, kind="none", length=3)
    assert source.array is not None
    # the last three of four steps; of two steps, the first is repeated before them
    np.testing.assert_array_equal(source.array[:, 0], [[4, 1, 5], [3, 3, 6]])
    assert source.notes == ("series of 2 to 4 steps (median 3), made 3: 1 filled up in front, 1 cut",)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (
            {"kind": ["up", "up", "down", "down", "down", "down"]},
            "'b': 'kind' is not the same in all its rows",
        ),
        ({"day": ["2020-01-03"] * 2 + ROWS["day"][2:]}, "'day' is '2020-01-03' as in another row of 'b'"),
        ({"day": ["soon", *ROWS["day"][1:]]}, "long.csv:2: 'day' is 'soon', no time"),
        ({"who": [None, *ROWS["who"][1:]]}, "long.csv:2: 'who' is empty"),
        ({"x": [3, 1, None, 2, None, None]}, "'a': has no value of 'x'; leave it out"),
    ],
)
def test_what_is_wrong_with_a_series_is_told(
    tmp_path: Path, changed: dict[str, list[object]], message: str
) -> None:
    with pytest.raises(DataError) as raised:
        opened(written(tmp_path, **changed), missing="interpolate")
    assert message in str(raised.value)


def test_columns_of_words_are_no_values_and_no_channels(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="column 'kind' is not numeric: it holds 'up'"):
        opened(written(tmp_path), kind="value", missing="interpolate")
    with pytest.raises(DataError, match="column 'site' is not numeric: it holds 's'"):
        opened(written(tmp_path), channels=["x", "site"], missing="interpolate")


def test_some_series_of_a_long_table_are_what_they_were(tmp_path: Path) -> None:
    long = LongTable.of(read_table(written(tmp_path)), "who", "day")
    one = long.some(np.array([1]))
    assert one.ids.to_list() == ["a"]
    assert one.rows.frame["z"].to_list() == ["0.0", "0.0", "1.0"]
    assert [one.rows.place(row).rpartition(":")[2] for row in range(3)] == ["4", "6", "7"]
