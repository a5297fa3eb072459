from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from epochal.tasks.curves import (
    MOST_POINTS,
    classification_curves,
    multilabel_curves,
    regression_curves,
)
from epochal.tasks.scores import classification_scores

Array = npt.NDArray[Any]


def _problem(samples: int, classes: int, decimals: int | None = None) -> tuple[Array, Array]:
    random = np.random.default_rng(0)
    targets = random.integers(0, classes, samples)
    logits = random.normal(size=(samples, classes))
    logits[np.arange(samples), targets] += 1.2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return (probabilities if decimals is None else probabilities.round(decimals)), targets


def _curve(table: pl.DataFrame, name: str) -> tuple[Array, Array]:
    """The abscissae and ordinates of one curve."""
    rows = table.filter(CURVE=name)
    return rows[:, 1].to_numpy(), rows[:, 2].to_numpy()


def test_confusion_counts_targets_by_row() -> None:
    probabilities = np.eye(3)[[0, 1, 1, 2, 2]]
    table = classification_curves(probabilities, np.array([0, 0, 1, 2, 1]), ["a", "b", "c"])["confusion"]
    assert table.columns == ["TARGET", "a", "b", "c"]
    assert table.rows() == [("a", 1, 1, 0), ("b", 0, 1, 1), ("c", 0, 0, 1)]


def test_a_class_may_be_called_target() -> None:
    table = classification_curves(np.eye(2), np.array([0, 1]), ["TARGET", "clutter"])["confusion"]
    assert table["TARGET"].to_list() == ["TARGET", "clutter"]
    assert table[:, 1].to_list() == [1, 0]


@pytest.mark.parametrize("decimals", [None, 1])
def test_binary_curves_are_scikit_learns(decimals: int | None) -> None:
    from sklearn import metrics

    probabilities, targets = _problem(150, 2, decimals)
    curves = classification_curves(probabilities, targets, ["no", "yes"])
    assert curves["roc"]["CURVE"].unique().to_list() == ["yes"]
    false_positive_rate, true_positive_rate, thresholds = metrics.roc_curve(
        targets, probabilities[:, 1], drop_intermediate=False
    )
    roc = curves["roc"]
    np.testing.assert_allclose(roc["FALSE_POSITIVE_RATE"], false_positive_rate)
    np.testing.assert_allclose(roc["TRUE_POSITIVE_RATE"], true_positive_rate)
    np.testing.assert_allclose(roc["THRESHOLD"], thresholds)
    precision, recall, thresholds = metrics.precision_recall_curve(targets, probabilities[:, 1])
    table = curves["precision_recall"]
    np.testing.assert_allclose(table["RECALL"], recall[::-1])
    np.testing.assert_allclose(table["PRECISION"], precision[::-1])
    np.testing.assert_allclose(table["THRESHOLD"][1:], thresholds[::-1])


def test_the_areas_are_the_scores() -> None:
    probabilities, targets = _problem(400, 3)
    names = ["a", "b", "c"]
    scores = classification_scores(probabilities, targets, names)
    for table, score in (("roc", "roc_auc"), ("precision_recall", "average_precision")):
        curves = classification_curves(probabilities, targets, names)[table]
        areas = dict(curves.group_by("CURVE").agg(pl.col("AREA").first()).iter_rows())
        assert list(curves["CURVE"].unique(maintain_order=True)) == [*names, "macro", "micro"]
        assert areas["macro"] == pytest.approx(scores.overall[score])
        assert {name: areas[name] for name in names} == pytest.approx(
            {name: scores.per_class[name][score] for name in names}
        )


def test_the_average_curves_enclose_their_areas() -> None:
    probabilities, targets = _problem(60, 4)
    curves = classification_curves(probabilities, targets, ["a", "b", "c", "d"])
    for name in ("macro", "micro"):
        x, y = _curve(curves["roc"], name)
        area = curves["roc"].filter(CURVE=name)["AREA"][0]
        assert np.trapezoid(y, x) == pytest.approx(area)
        recall, precision = _curve(curves["precision_recall"], name)
        area = curves["precision_recall"].filter(CURVE=name)["AREA"][0]
        assert np.sum(np.diff(recall) * precision[1:]) == pytest.approx(area)


def test_micro_is_the_ranking_of_all_pairs() -> None:
    from sklearn.metrics import roc_auc_score

    probabilities, targets = _problem(200, 3)
    roc = classification_curves(probabilities, targets, ["a", "b", "c"])["roc"]
    expected = roc_auc_score(np.eye(3)[targets].ravel(), probabilities.ravel())
    assert roc.filter(CURVE="micro")["AREA"][0] == pytest.approx(expected)


def test_long_curves_are_thinned_without_visible_change() -> None:
    from sklearn import metrics

    probabilities, targets = _problem(20_000, 3)
    curves = classification_curves(probabilities, targets, ["a", "b", "c"])
    for table in (curves["roc"], curves["precision_recall"]):
        assert table.group_by("CURVE").len()["len"].max() <= MOST_POINTS  # type: ignore[operator]
    x, y = _curve(curves["roc"], "b")
    full_x, full_y, _ = metrics.roc_curve(targets == 1, probabilities[:, 1], drop_intermediate=False)
    along = np.append(0.0, np.cumsum(np.diff(x) + np.diff(y)))
    drawn = np.linspace(0, 2, 4000)
    drawn_x, drawn_y = np.interp(drawn, along, x), np.interp(drawn, along, y)
    distances = np.abs(full_x[::20, None] - drawn_x) + np.abs(full_y[::20, None] - drawn_y)
    assert distances.min(axis=1).max() < 0.003
    assert np.trapezoid(y, x) == pytest.approx(
        metrics.roc_auc_score(targets == 1, probabilities[:, 1]), abs=1e-4
    )
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    recall, _ = _curve(curves["precision_recall"], "b")
    assert (recall[0], recall[-1]) == (0, 1)


def test_many_classes_share_the_points() -> None:
    probabilities, targets = _problem(3000, 200)
    roc = classification_curves(probabilities, targets, [f"class {k}" for k in range(200)])["roc"]
    assert len(roc) <= 52_000
    x, y = _curve(roc, "class 7")
    assert np.trapezoid(y, x) == pytest.approx(roc.filter(CURVE="class 7")["AREA"][0], abs=1e-3)


def test_a_class_without_samples_has_no_curve() -> None:
    probabilities, targets = _problem(50, 3)
    targets[targets == 2] = 1
    curves = classification_curves(probabilities, targets, ["a", "b", "ghost"])
    for table in (curves["roc"], curves["precision_recall"]):
        assert set(table["CURVE"]) == {"a", "b", "macro", "micro"}


def test_one_class_alone_leaves_the_confusion() -> None:
    assert list(classification_curves(np.array([[0.9, 0.1]]), np.array([0]), ["a", "b"])) == ["confusion"]


def test_a_class_called_micro_keeps_its_curve() -> None:
    probabilities, targets = _problem(50, 3)
    roc = classification_curves(probabilities, targets, ["micro", "small", "medium"])["roc"]
    scores = classification_scores(probabilities, targets, ["micro", "small", "medium"])
    assert roc.filter(CURVE="micro")["AREA"].unique().to_list() == [scores.per_class["micro"]["roc_auc"]]


def test_multilabel_curves_are_those_of_each_label() -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    random = np.random.default_rng(1)
    targets = (random.random((90, 2)) < 0.4).astype(np.uint8)
    probabilities = (0.4 * targets + 0.6 * random.random((90, 2))).astype(np.float32)
    curves = multilabel_curves(probabilities, targets, ["red", "round"])
    assert set(curves) == {"roc", "precision_recall"}
    for name, expected in (("roc", roc_auc_score), ("precision_recall", average_precision_score)):
        area = curves[name].filter(CURVE="round")["AREA"][0]
        assert area == pytest.approx(expected(targets[:, 1], probabilities[:, 1]))


def test_the_scatter_pairs_targets_and_predictions() -> None:
    targets = np.array([[1.0, 10.0], [2.0, 20.0]], dtype=np.float32)
    table = regression_curves(targets + 0.5, targets, ["height", "weight"])["scatter"]
    assert table.columns == ["NAME", "TARGET", "PREDICTION"]
    assert table.rows() == [
        ("height", 1.0, 1.5),
        ("height", 2.0, 2.5),
        ("weight", 10.0, 10.5),
        ("weight", 20.0, 20.5),
    ]


def test_tables_survive_a_csv_file() -> None:
    probabilities, targets = _problem(40, 3)
    for table in classification_curves(probabilities, targets, ["a", "b", "c"]).values():
        again = pl.read_csv(io.BytesIO(table.write_csv().encode()))
        assert_frame_equal(again, table)
