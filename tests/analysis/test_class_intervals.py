"""Intervals of single classes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from epochal.analysis.class_intervals import class_intervals
from epochal.analysis.resample import Resampler
from epochal.tasks.classification import Classification
from epochal.tasks.multilabel import Multilabel
from epochal.tasks.task import TaskContext

NAMES = ("a", "b", "c")


def problem(samples: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    targets = generator.integers(3, size=samples)
    scores = np.eye(3)[targets] + noise * generator.standard_normal((samples, 3))
    return np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True), targets


def test_they_are_those_of_scipy() -> None:
    probabilities, targets = problem(400, 0.8)
    found = class_intervals(
        Classification(TaskContext(NAMES, None)), probabilities, targets, Resampler(400, None, 1), 4000
    )
    predicted = probabilities.argmax(axis=1)
    for k, name in enumerate(NAMES):
        right, own = predicted == k, targets == k

        def recall(rows: np.ndarray, right: np.ndarray = right, own: np.ndarray = own) -> float:
            return float((right & own)[rows].sum() / own[rows].sum())

        expected = bootstrap(
            (np.arange(400),), recall, vectorized=False, method="percentile", n_resamples=2000, rng=2
        ).confidence_interval
        assert found[name]["recall"] == pytest.approx((expected.low, expected.high), abs=0.012)
        low, high = found[name]["precision"]
        assert low < (right & own).sum() / right.sum() < high


def test_a_class_without_a_mistake_has_the_binomial_bound() -> None:
    targets = np.repeat([0, 1, 2], 21)
    found = class_intervals(
        Classification(TaskContext(NAMES, None)), np.eye(3)[targets], targets, Resampler(63, None, 1), 500
    )
    assert found["b"]["recall"] == pytest.approx((0.025 ** (1 / 21), 1.0))
    groups = np.arange(63) // 7  # three of each class: as many as can be counted
    of_groups = class_intervals(
        Classification(TaskContext(NAMES, None)), np.eye(3)[targets], targets, Resampler(63, groups, 1), 500
    )
    assert of_groups["b"]["f1"] == pytest.approx((0.025 ** (1 / 3), 1.0))


def test_labels_have_their_own() -> None:
    probabilities, targets = problem(300, 0.8)
    task = Multilabel(TaskContext(NAMES, None))
    found = class_intervals(task, probabilities, np.eye(3)[targets], Resampler(300, None, 1), 500)
    predicted = probabilities[:, 1] > 0.5
    precision = ((targets == 1) & predicted).sum() / predicted.sum()
    low, high = found["b"]["precision"]
    assert low < precision < high
    assert 0.02 < high - low < 0.3
