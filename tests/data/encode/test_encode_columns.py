from __future__ import annotations

import datetime
import json

import numpy as np
import polars as pl
import pytest

from epochal.config.component import Component
from epochal.data.encode.columns import ColumnEncoding, columns
from epochal.data.encode.encoding import encoding_from_json, encoding_to_json, fit_encoding
from epochal.errors import ConfigError

DAY = datetime.datetime(2020, 3, 2)  # a Monday


def _frame() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "age": [1.0, None, 3.0, 10.0],
            "smokes": [True, False, True, None],
            "seen": [
                DAY,
                DAY + datetime.timedelta(days=30, hours=12),
                None,
                DAY + datetime.timedelta(days=1),
            ],
            "site": ["b", "a", None, "b"],
        }
    )


def test_every_kind_of_column_becomes_numbers() -> None:
    encoding = columns(_frame())
    assert encoding.features == (
        *("age", "age missing", "smokes", "smokes missing"),
        *("seen days", "seen month", "seen weekday", "seen hour", "seen missing", "site"),
    )
    assert encoding.model_facts == {"cardinalities": (0, 0, 0, 0, 0, 0, 0, 0, 0, 3)}
    encoded = encoding.encode(_frame())
    assert encoded.values.dtype == np.float32
    assert encoded.values.tolist() == [
        [1, 0, 1, 0, 0, 3, 1, 0, 0, 2],
        [3, 1, 0, 0, 30.5, 4, 3, 12, 0, 1],  # the median of 1, 3 and 10
        [3, 0, 1, 0, 1, 3, 2, 0, 1, 0],
        [10, 0, 1, 1, 1, 3, 2, 0, 0, 2],
    ]
    assert encoded.unseen == {}


def test_only_what_it_was_fitted_on_counts() -> None:
    encoding = columns(_frame()[:2])
    assert encoding.features == (
        "age",
        "age missing",
        "smokes",
        "seen days",
        "seen month",
        "seen weekday",
        "seen hour",
        "site",
    )
    new = pl.DataFrame(
        {
            "site": ["c", "a", None, "d"],
            "seen": [DAY - datetime.timedelta(days=2)] * 4,
            "smokes": [None, True, True, True],
            "more": [1, 2, 3, 4],
            "age": [None, 2.0, 2.0, 2.0],
        },
        schema_overrides={"seen": pl.Datetime("ms")},
    )
    encoded = encoding.encode(new)
    assert encoded.values[:, -1].tolist() == [0, 1, 0, 0]
    assert {name: rows.tolist() for name, rows in encoded.unseen.items()} == {"site": [0, 3]}
    assert encoded.values[0, :4].tolist() == [1, 1, 0.5, -2]


def test_settings() -> None:
    frame = _frame()
    plain = columns(frame, indicators=False, date_parts=False, min_count=2)
    assert plain.features == ("age", "smokes", "seen days", "site")
    encoded = plain.encode(frame)
    assert encoded.values[:, 3].tolist() == [1, 0, 0, 1]
    assert encoded.unseen == {}  # a rare one is known
    with pytest.raises(ConfigError, match="'min_count' of columns can't be 0; write 1 or more"):
        fit_encoding(Component.model_validate({"name": "columns", "min_count": 0}), "vector", frame)
    rarely = pl.DataFrame({"x": [None, *map(float, range(200))]})
    assert columns(rarely).features == ("x",)  # half a percent is missing


def test_a_column_without_values_in_training() -> None:
    frame = pl.DataFrame(
        {"x": [None, None], "when": [None, None], "site": [None, None]},
        schema={"x": pl.Float64, "when": pl.Datetime("us"), "site": pl.String},
    )
    encoding = columns(frame)
    assert encoding.encode(frame).values.tolist() == [[0, 0, 0]] * 2
    assert encoding.model_facts["cardinalities"] == (0, 0, 1)


def test_it_is_kept_as_plain_values() -> None:
    encoding = columns(_frame(), min_count=2)
    again = encoding_from_json(json.loads(json.dumps(encoding_to_json(encoding))))
    assert isinstance(again, ColumnEncoding)
    assert again == encoding
    assert again.digest() == encoding.digest() != columns(_frame()).digest()
    np.testing.assert_array_equal(again.encode(_frame()).values, encoding.encode(_frame()).values)
