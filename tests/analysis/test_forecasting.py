from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from epochal.analysis.forecasting import baselines, forecast_curves
from epochal.data.manifest import Forecast
from epochal.plots.forecast import plot_forecast

TRUTH = np.array([[1.0, 2.0], [3.0, 5.0], [4.0, 4.0]], np.float32)
LAST = np.array([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0], [9.0, 9.0]], np.float32)
FORECAST = Forecast(("load",), (0,), 2, {"last value": LAST})


def test_a_naive_rule_is_scored_on_every_step_of_the_same_samples() -> None:
    found = baselines(FORECAST, np.array([0, 1, 2]), TRUTH, mae=0.25)["last value"]
    assert found["mae"] == pytest.approx((0 + 1 + 1 + 3 + 0 + 0) / 6)
    assert found["skill"] == pytest.approx(1 - 0.25 / (5 / 6))
    perfect = baselines(FORECAST, np.array([2]), TRUTH[2:], mae=0.25)["last value"]
    assert "skill" not in perfect  # nothing can be better than no mistake


def test_curves_hold_history_truth_prediction_and_naive_rules() -> None:
    table = forecast_curves(
        FORECAST,
        np.array([1, 2]),
        TRUTH[1:] + 1,
        TRUTH[1:],
        pl.Series(["a", "b", "c", "d"]),
        lambda row: np.array([[10.0 * row, 10.0 * row + 1, 10.0 * row + 2]]),
    )
    assert table["SAMPLE"].unique(maintain_order=True).to_list() == ["b", "c"]

    def line(kind: str) -> list[tuple[int, float]]:
        return table.filter(SAMPLE="b", KIND=kind).select("STEP", "VALUE").rows()

    assert line("history") == [(-2, 10), (-1, 11), (0, 12)]
    assert line("truth") == [(1, 3), (2, 5)]
    assert line("prediction") == [(1, 4), (2, 6)]
    assert line("last value") == [(1, 2), (2, 2)]
    figure = plot_forecast(table, "test")
    assert figure is not None
    drawn = [panel for panel in figure.axes if panel.get_visible()]
    assert [panel.get_title(loc="left") for panel in drawn] == ["b", "c"]
    assert [len(panel.lines) for panel in drawn] == [4, 4]
    assert plot_forecast(table.with_columns(VALUE=pl.lit(float("nan"))), "test") is None
