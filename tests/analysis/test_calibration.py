from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from scipy.special import expit, softmax
from sklearn.metrics import brier_score_loss

from epochal.analysis.calibration import (
    Bins,
    brier_squares,
    class_reliability,
    expected_calibration_error,
    fit_temperature,
    label_brier_squares,
    label_calibration_error,
    label_reliability,
)

Array = npt.NDArray[Any]


def problem(samples: int = 4000, classes: int = 5, sharpness: float = 1.0) -> tuple[Array, Array]:
    """Logits whose softmax, at sharpness 1, is the truth; and targets drawn from it."""
    generator = np.random.default_rng(0)
    logits = generator.normal(scale=2, size=(samples, classes))
    chances = softmax(logits, axis=1).cumsum(axis=1)
    targets = (generator.random((samples, 1)) > chances).sum(axis=1).clip(0, classes - 1)
    return logits * sharpness, targets


def test_bins_of_few_samples_are_joined_and_those_of_many_left() -> None:
    bins = Bins(
        np.array([0.1, 0.3, 0.5, 0.7, 0.9]), np.array([0, 0.5, 1, 0.5, 1]), np.array([20, 4, 15, 30, 6])
    )
    joined = bins.joined(20)
    assert joined.count.tolist() == [20, 55]
    np.testing.assert_allclose(joined.confidence, [0.1, (1.2 + 7.5 + 21 + 5.4) / 55])
    np.testing.assert_allclose(joined.frequency, [0, (2 + 15 + 15 + 6) / 55])
    assert bins.joined(500).count.tolist() == [75]
    assert bins.joined(1).count.tolist() == bins.count.tolist()


def test_ece_of_a_published_worked_example() -> None:
    # M. Pavlovic, "Expected Calibration Error (ECE): a step-by-step visual explanation": five bins, 0.10444
    second = np.array([0.22, 0.64, 0.92, 0.42, 0.51, 0.15, 0.70, 0.37, 0.83])
    probabilities = np.stack([1 - second, second], axis=1)
    targets = np.array([0, 1, 0, 0, 0, 0, 1, 1, 1])
    assert expected_calibration_error(probabilities, targets, bins=5) == pytest.approx(0.10444, abs=5e-6)


def test_ece_equals_the_definition_of_guo_et_al() -> None:
    logits, targets = problem(samples=700)
    probabilities = softmax(logits, axis=1).astype(np.float32)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == targets
    expected, edges = 0.0, np.linspace(0, 1, 16)
    for low, high in pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            expected += abs(confidence[inside].mean() - right[inside].mean()) * inside.mean()
    assert expected_calibration_error(probabilities, targets) == pytest.approx(expected, abs=1e-6)


def test_edges_belong_to_the_bin_below() -> None:
    bins = Bins.of(np.array([0.0, 0.2, 0.2001, 0.4, 1.0]), np.array([False, True, True, False, True]), 5)
    assert bins.count.tolist() == [2, 2, 1]
    assert bins.frequency.tolist() == [0.5, 0.5, 1.0]


@pytest.mark.parametrize("classes", [2, 4])
def test_brier_equals_scikit_learns(classes: int) -> None:
    logits, targets = problem(samples=300, classes=classes)
    probabilities = softmax(logits, axis=1)
    given = probabilities[:, 1] if classes == 2 else probabilities
    assert brier_squares(probabilities, targets).mean() == pytest.approx(brier_score_loss(targets, given))


def test_labels() -> None:
    generator = np.random.default_rng(1)
    probabilities = generator.random((500, 2))
    targets = (generator.random((500, 2)) < probabilities).astype(np.float32)
    targets[:, 1] = 1 - targets[:, 1]  # the second label says the opposite of what is so
    each = [Bins.of(probabilities[:, k], targets[:, k] > 0.5).error for k in range(2)]
    assert each[0] < 0.1 < 0.4 < each[1]
    assert label_calibration_error(probabilities, targets) == pytest.approx(np.mean(each))
    by_label = [brier_score_loss(targets[:, k], probabilities[:, k]) for k in range(2)]
    assert label_brier_squares(probabilities, targets).mean() == pytest.approx(np.mean(by_label))
    table = label_reliability(probabilities, targets, ["a", "b"])
    counts = dict(table.group_by("CLASS").agg(pl.col("COUNT").sum()).iter_rows())
    assert counts == {"all": 1000, "a": 500, "b": 500}


def test_the_reliability_table_has_the_calibration_error_in_it() -> None:
    logits, targets = problem()
    probabilities = softmax(logits * 2, axis=1)
    table = class_reliability(probabilities, targets, list("abcde"))
    assert table.columns == ["CLASS", "CONFIDENCE", "FREQUENCY", "COUNT"]
    assert table["CLASS"].unique(maintain_order=True).to_list() == ["all", *"abcde"]
    whole = table.filter(table["CLASS"] == "all")
    confidence, frequency, count = (whole[name].to_numpy() for name in table.columns[1:])
    error = np.average(np.abs(confidence - frequency), weights=count)
    assert error == pytest.approx(expected_calibration_error(probabilities, targets))
    assert len(class_reliability(np.full((3, 200), 1 / 200), np.arange(3), [str(k) for k in range(200)])) == 1


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_too_much_confidence(sharpness: float) -> None:
    logits, targets = problem(sharpness=sharpness)
    temperature = fit_temperature(logits, targets)
    assert temperature == pytest.approx(sharpness, rel=0.06)
    before, after = softmax(logits, axis=1), softmax(logits / temperature, axis=1)
    if sharpness != 1:
        error = expected_calibration_error(after, targets)
        assert error < 0.5 * expected_calibration_error(before, targets)
    np.testing.assert_array_equal(before.argmax(axis=1), after.argmax(axis=1))


def test_the_temperature_is_where_the_likelihood_is_flat() -> None:
    logits, targets = problem(samples=200, sharpness=2)
    temperature = fit_temperature(logits, targets)

    def loss(value: float) -> float:
        return -float(np.log(softmax(logits / value, axis=1)[np.arange(200), targets]).mean())

    assert loss(temperature) < min(loss(temperature * 1.01), loss(temperature / 1.01))


def test_the_temperature_of_labels() -> None:
    generator = np.random.default_rng(2)
    logits = generator.normal(scale=2, size=(3000, 2))
    targets = (generator.random(logits.shape) < expit(logits)).astype(np.float32)
    assert fit_temperature(logits * 2.5, targets) == pytest.approx(2.5, rel=0.06)
