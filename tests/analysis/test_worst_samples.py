from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from epochal.analysis.mistakes import confused_pairs, sorted_by_loss, worst_samples
from epochal.tasks.classification import Classification
from epochal.tasks.multilabel import Multilabel
from epochal.tasks.regression import Regression
from epochal.tasks.task import Task, TaskContext

NAMES = ("cat", "dog", "owl")


def table_of(task: Task, predictions: np.ndarray, targets: np.ndarray) -> pl.DataFrame:
    rows = np.arange(len(targets))
    named = {"INDEX": rows + 100, "FILENAME": [f"{row}.png" for row in rows]}
    return pl.DataFrame({**named, **task.table(predictions, targets)})


def test_confused_pairs_are_ranked() -> None:
    targets = np.array([0, 0, 0, 0, 1, 1, 2, 2, 2])
    predicted = np.array([1, 1, 0, 2, 1, 0, 0, 0, 0])
    assert confused_pairs(predicted, targets, NAMES).rows() == [
        ("owl", "cat", 3, 1.0),
        ("cat", "dog", 2, 0.5),
        ("cat", "owl", 1, 0.25),
        ("dog", "cat", 1, 0.5),
    ]
    assert len(confused_pairs(targets, targets, NAMES)) == 0


def test_the_worst_samples_of_classes() -> None:
    task = Classification(TaskContext(NAMES, None))
    predictions = np.array([[0.9, 0.1, 0.0], [0.4, 0.3, 0.3], [0.1, 0.8, 0.1], [0.0, 0.5, 0.5]])
    targets = np.array([1, 0, 0, 1])
    found = worst_samples(task, table_of(task, predictions, targets), predictions, predictions, targets)
    assert found.columns == ["KIND", "RANK", "INDEX", "FILENAME", "TARGET", "PREDICTION", "CONFIDENCE"]
    assert found.rows()[:3] == [
        ("confidently_wrong", 1, 100, "0.png", "dog", "cat", 0.9),
        ("confidently_wrong", 2, 102, "2.png", "cat", "dog", 0.8),
        ("least_certain", 1, 101, "1.png", "cat", "cat", 0.4),
    ]
    assert len(found) == 6


def test_the_worst_samples_of_labels() -> None:
    task = Multilabel(TaskContext(("a", "b"), None))
    predictions, targets = np.array([[0.9, 0.2], [0.6, 0.1], [0.5, 0.99]]), np.array([[1, 0], [1, 1], [0, 1]])
    found = worst_samples(task, table_of(task, predictions, targets), predictions, predictions, targets)
    assert found["KIND"].to_list() == ["confidently_wrong"] + ["least_certain"] * 3
    assert found["INDEX"].to_list() == [101, 102, 101, 100]
    assert found["CONFIDENCE"].to_list() == pytest.approx([0.9, 0.5, 0.6, 0.8])


def test_the_largest_errors_of_values() -> None:
    context = TaskContext(("x",), None, target_shift=(0.0,), target_scale=(1.0,))
    task = Regression(context)
    predictions, targets = np.array([[1.0], [5.0], [3.0]]), np.array([[1.0], [2.0], [4.0]])
    found = worst_samples(task, table_of(task, predictions, targets), predictions, predictions, targets)
    assert found["KIND"].unique().to_list() == ["largest_error"]
    assert found["INDEX"].to_list() == [101, 102, 100]
    assert found["ERROR"][0] == pytest.approx(3 / targets.std())


def test_sorted_by_loss() -> None:
    task = Classification(TaskContext(NAMES, None))
    predictions, targets = np.array([[0.9, 0.1, 0.0], [0.4, 0.3, 0.3]]), np.array([0, 1])
    losses = -np.log(predictions[np.arange(2), targets])
    table = table_of(task, predictions, targets)
    found = sorted_by_loss(task, table, predictions, predictions, losses)
    assert found["INDEX"].to_list() == [101, 100]
    assert found["LOSS"].to_list() == pytest.approx([-np.log(0.3), -np.log(0.9)])
    assert found["CONFIDENCE"].to_list() == [0.4, 0.9]
    decided = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert sorted_by_loss(task, table, predictions, decided, losses)["CONFIDENCE"].to_list() == [0.3, 0.1]
