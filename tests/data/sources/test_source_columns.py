from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from epochal.data.manifest import Source
from epochal.data.sources.table import table
from epochal.errors import ConfigError, DataError

ROWS = (
    "age,sex,seen,note,y\n29,m,2020-01-02,a b,1\n,f,2021-05-06,c d,0\n31,f,,e f,1\n30.5,,2020-01-02,g h,0\n"
)


def _source(folder: Path, text: str = ROWS, **arguments: Any) -> Source:
    (folder / "t.csv").write_text(text)
    return table(folder / "t.csv", target="y", target_kind="class", **arguments).source()


def test_a_table_of_every_kind_is_held_typed(tmp_path: Path) -> None:
    source = _source(tmp_path)
    assert source.array is None
    assert source.frame is not None
    first, second = datetime.datetime(2020, 1, 2), datetime.datetime(2021, 5, 6)
    assert source.frame.to_dict(as_series=False) == {
        "age": [29.0, None, 31.0, 30.5],
        "seen": [first, second, None, first],
    }
    assert source.unused == (
        ("sex", "text, 2 different in 3 rows"),
        ("note", "text, 4 different in 4 rows"),
    )
    said = _source(tmp_path, types={"sex": "category", "age": "category", "seen": "ignore"})
    assert said.frame is not None
    assert said.frame.to_dict(as_series=False) == {
        "age": ["29", None, "31", "30.5"],
        "sex": ["m", "f", "f", None],
    }
    assert dict(said.unused)["seen"] == "ignored"
    assert said.digest != source.digest


def test_numbers_without_gaps_are_a_matrix_as_ever(tmp_path: Path) -> None:
    source = _source(tmp_path, "a,flag,id,y\n0.1,1,x1,p\n2,0,x2,q\n-3e2,1,x3,p\n")
    assert source.frame is None
    assert source.features == ("a", "flag")
    assert source.array is not None
    np.testing.assert_array_equal(source.array, np.array([[0.1, 1], [2, 0], [-300, 1]], np.float32))
    assert _source(tmp_path, "a,y\n0.1,p\nnan,q\n").frame is not None


def test_every_format_gives_the_same(tmp_path: Path) -> None:
    source = _source(tmp_path, types={"sex": "category"})
    rows = [
        {"age": 29, "sex": "m", "seen": "2020-01-02", "note": "a b", "y": 1},
        {"age": None, "sex": "f", "seen": "2021-05-06", "note": "c d", "y": 0},
        {"age": 31.0, "sex": "f", "seen": None, "note": "e f", "y": 1},
        {"age": 30.5, "sex": None, "seen": "2020-01-02", "note": "g h", "y": 0},
    ]
    frame = pl.DataFrame(rows)
    (tmp_path / "t.json").write_text(json.dumps(rows))
    frame.write_ndjson(tmp_path / "t.jsonl")
    frame.with_columns(pl.col("seen").str.to_date()).write_parquet(tmp_path / "t.parquet")
    frame.with_columns(pl.col("seen").str.to_date()).write_excel(tmp_path / "t.xlsx")
    for suffix in ("json", "jsonl", "parquet", "xlsx"):
        types = {"sex": "category"}
        other = table(tmp_path / f"t.{suffix}", target="y", types=types, target_kind="class").source()
        assert other.frame is not None
        assert source.frame is not None
        assert other.frame.equals(source.frame), suffix
        assert other.digest == source.digest


def test_mistakes_are_told(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"types\.age: 'numbr' is no type of a column; did you mean 'number'"
    ):
        _source(tmp_path, types={"age": "numbr"})
    with pytest.raises(DataError, match="no column is called 'agee'; did you mean 'age'"):
        _source(tmp_path, types={"agee": "number"})
    with pytest.raises(DataError, match="column 'sex' is not a finite number in most rows: it holds 'm'"):
        _source(tmp_path, types={"sex": "number"})
    text = ROWS.replace("30.5", "old").replace("31,", "1e99,")
    with pytest.raises(DataError) as caught:
        _source(tmp_path, text, types={"age": "number"})
    told = str(caught.value)
    assert "t.csv:4: 'age' is '1e99', not a finite number; mend it, or leave the row out" in told
    assert "t.csv:5: 'age' is 'old', not a finite number" in told
    with pytest.raises(DataError, match="column 'note' can't be used: text, 4 different in 4 rows"):
        _source(tmp_path, features=["age", "note"])
    with pytest.raises(ConfigError, match="'types' are of columns that are features"):
        _source(tmp_path, file="note", types={"age": "number"})
