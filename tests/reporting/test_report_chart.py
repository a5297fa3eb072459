from __future__ import annotations

import numpy as np
import pytest

from epochal.reporting.chart import Chart, Series, lay_out, tick_text
from epochal.reporting.words import component, duration, label, number, percent


def test_values_stand_where_the_axes_say() -> None:
    line = Series("loss", np.array([1.0, 2.0, 3.0]), np.array([0.0, 5.0, 10.0]))
    found = lay_out(Chart("Loss", "epoch", "", [line], (1.0, 3.0), (0.0, 10.0), whole=True))
    left, top, right, bottom = found["plot"]
    hover = found["series"][0]["hover"]
    assert hover["px"] == [left, (left + right) / 2, right]
    assert hover["py"] == [bottom, (top + bottom) / 2, top]
    assert (
        found["series"][0]["path"]
        == f"M{left:g},{bottom:g}L{(left + right) / 2:g},{(top + bottom) / 2:g}L{right:g},{top:g}"
    )
    assert [text for _, text in found["x_ticks"]] == ["1", "2", "3"]
    assert [text for _, text in found["y_ticks"]] == ["0", "2", "4", "6", "8", "10"]


def test_a_long_line_is_thinned_without_losing_its_ends_and_its_jumps() -> None:
    x = np.linspace(0, 1, 5000)
    y = np.where(x < 0.5, 0.1, 0.9)
    (series,) = lay_out(Chart("", "", "", [Series("a", x, y)]))["series"]
    hover = series["hover"]
    assert len(hover["x"]) <= 152
    assert (hover["x"][0], hover["x"][-1]) == ("0", "1")
    assert {"0.4999", "0.5001"} <= set(hover["x"])


def test_a_line_that_is_one_of_many_is_drawn_but_does_not_answer() -> None:
    (series,) = lay_out(Chart("", "", "", [Series("a", np.arange(3.0), np.arange(3.0), "faint")]))["series"]
    assert series["path"]
    assert series["hover"]["px"] == []


@pytest.mark.parametrize("values", [[2.0], [2.0, 2.0, 2.0], [0.0], [-5.0, -5.0]])
def test_values_without_a_range_have_one_on_the_chart(values: list[float]) -> None:
    points = Series("a", np.arange(float(len(values))), np.array(values))
    found = lay_out(Chart("", "", "", [points]))
    places = found["series"][0]["hover"]["py"]
    assert all(found["plot"][1] <= place <= found["plot"][3] for place in places)
    assert found["y_ticks"]


def test_a_learning_rate_that_never_changes_is_read_at_its_value() -> None:
    rate = Series("rate", np.arange(3.0), np.full(3, 0.003))
    texts = [text for _, text in lay_out(Chart("", "", "", [rate]))["y_ticks"]]
    assert "0.003" in texts
    assert "0" not in texts


def test_a_logarithmic_axis_has_powers_of_ten() -> None:
    rate = Series("rate", np.arange(4.0), np.array([1e-1, 1e-2, 1e-3, 1e-4]))
    found = lay_out(Chart("", "", "", [rate], log=True))
    assert [text for _, text in found["y_ticks"]] == ["0.0001", "0.001", "0.01", "0.1"]
    assert np.allclose(
        np.diff(found["series"][0]["hover"]["py"]), np.diff(found["series"][0]["hover"]["py"])[0], atol=0.11
    )


def test_steps_hold_the_height_of_their_end() -> None:
    line = Series("a", np.array([0.0, 1.0]), np.array([1.0, 0.0]), stepped=True)
    found = lay_out(Chart("", "", "", [line], (0.0, 1.0), (0.0, 1.0)))
    left, top, right, bottom = found["plot"]
    assert found["series"][0]["path"] == f"M{left},{top}V{bottom:g}H{right:g}"


def test_numbers_read_well() -> None:
    assert [number(value) for value in (0.98765, 12.345, 123.45, 12345.6, 1e-7, None, 1.0)] == [
        "0.9877", "12.35", "123.5", "12,346", "1.00e-07", "–", "1.0000",
    ]  # fmt: skip
    assert number(0.99998) == "0.9999"
    assert [tick_text(value) for value in (0.0, 0.25, 1e-5, 250_000.0)] == ["0", "0.25", "1e-5", "2.5e5"]
    assert [percent(share) for share in (0.0, 0.001, 0.5, 0.999, 1.0)] == ["0", "<1", "50", ">99", "100"]
    assert [duration(seconds) for seconds in (0.8, 42, 200, 18720)] == [
        "0.8 s",
        "42 s",
        "3 min 20 s",
        "5 h 12 min",
    ]
    assert [label(name) for name in ("roc_auc", "top5_accuracy", "my_score")] == [
        "ROC AUC",
        "top-5 accuracy",
        "my score",
    ]
    assert component({"name": "AdamW", "lr": 0.1, "fused": False}) == "AdamW · lr 0.1 · fused no"
