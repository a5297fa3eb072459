from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from epochal.plots.compare import Curve, Estimate, plot_curves, plot_differences
from epochal.plots.style import to_rgb

ESTIMATE = Estimate("accuracy", "B: lr=1\nagainst A: lr=2", 0.1, 0.05, 0.2, 0.01, True)


def curve(group: int, *values: float) -> Curve:
    rows = [{"epoch": epoch, "val/f1": value, "val/loss": 1 - value} for epoch, value in enumerate(values, 1)]
    return Curve(rows, f"group {group}", group)


def test_curves_of_a_group_share_a_colour_and_a_name() -> None:
    figure = plot_curves([curve(0, 0.1, 0.2), curve(0, 0.2, 0.4), curve(1, 0.3, 0.5)], "f1")
    assert figure is not None
    left, right = figure.axes
    assert [list(np.asarray(line.get_ydata())) for line in left.lines] == [[0.1, 0.2], [0.2, 0.4], [0.3, 0.5]]
    colours = [line.get_color() for line in left.lines]
    assert colours[0] == colours[1] != colours[2]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["group 0", "group 1"]
    assert right.get_title(loc="left") == "validation loss"
    assert to_rgb(figure).std() > 0


def test_of_many_groups_the_later_ones_are_grey() -> None:
    figure = plot_curves([curve(group, 0.1, 0.2) for group in range(13)], "f1")
    assert figure is not None
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(names) == 11
    assert names[-1] == "others"


def test_without_epochs_there_is_no_picture() -> None:
    assert plot_curves([Curve([], "A", 0)], "f1") is None
    assert plot_differences([]) is None


def test_one_pair_has_a_row_a_score_and_units_of_their_own_apart() -> None:
    others = [
        replace(ESTIMATE, score=score, better=better) for score, better in (("f1", None), ("mae", False))
    ]
    figure = plot_differences([ESTIMATE, *others])
    assert figure is not None
    shares, errors = figure.axes
    assert [label.get_text() for label in shares.get_yticklabels()] == ["accuracy", "f1"]
    assert errors.get_title(loc="left") == "difference in mae"
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["better", "worse", "not clear"]
    assert to_rgb(figure).std() > 0


@pytest.mark.parametrize("count", [2, 5])
def test_several_pairs_have_a_panel_a_score(count: int) -> None:
    pairs = [replace(ESTIMATE, title=f"{pair}: x\nagainst A: y") for pair in range(count)]
    figure = plot_differences(pairs + [replace(pair, score="f1", p_value=1e-9) for pair in pairs])
    assert figure is not None
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "difference in accuracy",
        "difference in f1",
    ]
    assert len(figure.axes[0].get_yticklabels()) == count
    assert {text.get_text() for text in figure.axes[1].texts} == {"p < 0.001"}
