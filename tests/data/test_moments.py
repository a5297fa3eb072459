from __future__ import annotations

from datetime import date, datetime

import numpy as np
import polars as pl
import pytest

from epochal.data.moments import as_moments

DAY = 86400.0


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        (["1970-01-02", "1970-01-01"], [DAY, 0]),
        (["1970-01-01T00:30:00Z", "1970-01-01T02:00:00+01:00"], [1800, 3600]),
        (["1970-01-01 00:00:01.5", "1970-01-02 00:00:00"], [1.5, DAY]),
        (["1970-02", "1970-01"], [31 * DAY, 0]),
        (["02.01.1970", "03.01.1970", "1970-01-01"], [DAY, 2 * DAY, np.nan]),
        (["3", "1.5"], [3, 1.5]),
        ([3, None], [3, np.nan]),
        ([date(1970, 1, 2), None], [DAY, np.nan]),
        ([datetime(1970, 1, 1, 1), datetime(1970, 1, 1)], [3600, 0]),
        (["soon", "later"], [np.nan, np.nan]),
    ],
)
def test_times_as_they_are_written(written: list[object], seconds: list[float]) -> None:
    found = as_moments(pl.Series(written, strict=False))
    np.testing.assert_array_equal(found, seconds)
