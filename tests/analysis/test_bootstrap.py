from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from scipy.stats import norm
from torch import Tensor

from epochal.analysis.bootstrap import bootstrap_intervals
from epochal.analysis.resample import Resampler, group_numbers
from epochal.tasks.classification import Classification
from epochal.tasks.multilabel import Multilabel
from epochal.tasks.regression import Regression
from epochal.tasks.scores import Scores
from epochal.tasks.task import Task, TaskContext

Array = npt.NDArray[Any]


def classes(samples: int, count: int, seed: int = 0, signal: float = 1.0) -> tuple[Task, Array, Array]:
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, count, samples)
    logits = generator.normal(size=(samples, count))
    logits[np.arange(samples), targets] += signal
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = tuple(f"class {k}" for k in range(count))
    return Classification(TaskContext(names, None)), np.round(probabilities, 2), targets


def labels(samples: int) -> tuple[Task, Array, Array]:
    generator = np.random.default_rng(1)
    targets = (generator.random((samples, 3)) < [0.5, 0.3, 0.1]).astype(np.float32)
    probabilities = np.round(np.clip(0.5 * targets + generator.random((samples, 3)) * 0.6, 0, 1), 2)
    return Multilabel(TaskContext(("a", "b", "c"), None)), probabilities, targets


def values(samples: int) -> tuple[Task, Array, Array]:
    generator = np.random.default_rng(2)
    targets = generator.normal(100, 5, (samples, 2)).astype(np.float32)
    context = TaskContext(("x", "y"), None, target_shift=(0.0, 0.0), target_scale=(1.0, 1.0))
    return Regression(context), targets + generator.normal(size=targets.shape), targets


def loop(task: Task, predictions: Array, targets: Array, resampler: Resampler) -> dict[str, Any]:
    """The percentile intervals from the task's own scores of each resample."""
    drawn = [task.scores(predictions[rows], targets[rows]).overall for rows in resampler.indices(150)]
    names = drawn[0] | drawn[-1]
    return {
        name: tuple(np.quantile([each[name] for each in drawn if name in each], [0.025, 0.975]))
        for name in names
    }


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize(
    "problem",
    [classes(80, 2), classes(90, 7), classes(25, 6), labels(60), values(50)],
    ids=["binary", "classes", "few of a class", "labels", "values"],
)
def test_intervals_equal_a_plain_loop_over_resamples(
    problem: tuple[Task, Array, Array], grouped: bool
) -> None:
    task, predictions, targets = problem
    groups = group_numbers(np.array([f"patient {row // 4}" for row in range(len(targets))]))
    resampler = Resampler(len(targets), groups if grouped else None, seed=5)
    found = bootstrap_intervals(task, predictions, targets, resampler, 150)
    expected = loop(task, predictions, targets, resampler)
    assert found.values.keys() == expected.keys()
    for name, interval in expected.items():
        assert found.values[name] == pytest.approx(interval, abs=1e-5), name
    assert ("150 resamples of groups" if grouped else "150 resamples of samples") in found.method


def test_weights_count_the_rows_of_indices() -> None:
    for groups in (None, np.arange(3001) % 700):
        resampler = Resampler(3001, groups, seed=1)
        weights = np.concatenate(list(resampler.weights(800)))  # in several blocks
        assert weights.shape == (800, 3001)
        for row, index in zip(weights[:3], resampler.indices(3), strict=True):
            np.testing.assert_array_equal(row, np.bincount(index, minlength=3001))


def test_the_seed_decides() -> None:
    task, predictions, targets = classes(200, 3)
    found = [
        bootstrap_intervals(task, predictions, targets, Resampler(200, None, seed), 200) for seed in (1, 1, 2)
    ]
    assert found[0] == found[1]
    assert found[0] != found[2]


def test_intervals_cover_the_true_scores_as_often_as_they_say() -> None:
    """Binormal scores: ROC AUC is Phi(d / sqrt 2), and accuracy at one half Phi(d / 2)."""
    generator = np.random.default_rng(4)
    task = Classification(TaskContext(("no", "yes"), None))
    distance, trials, samples = 1.2, 300, 200
    truth = {"roc_auc": norm.cdf(distance / math.sqrt(2)), "accuracy": norm.cdf(distance / 2)}
    covered = dict.fromkeys(truth, 0)
    for trial in range(trials):
        targets = np.repeat([0, 1], samples // 2)
        odds = generator.normal(size=samples) + distance * (targets - 0.5)
        positive = norm.cdf(odds)
        predictions = np.stack([1 - positive, positive], axis=1)
        resampler = Resampler(samples, None, trial)
        intervals = bootstrap_intervals(task, predictions, targets, resampler, 300).values
        for name, value in truth.items():
            covered[name] += intervals[name][0] <= value <= intervals[name][1]
    # 0.95 with a standard error of 0.0126; percentile intervals are known to be a little narrow
    assert all(0.91 <= count / trials <= 0.985 for count in covered.values()), covered


def test_intervals_of_a_regression_cover_too() -> None:
    generator = np.random.default_rng(5)
    context = TaskContext(("x",), None, target_shift=(0.0,), target_scale=(1.0,))
    covered = 0
    for trial in range(300):
        targets = generator.normal(size=(150, 1))
        predictions = targets + generator.normal(size=(150, 1))
        resampler = Resampler(150, None, trial)
        low, high = bootstrap_intervals(Regression(context), predictions, targets, resampler, 300).values[
            "mae"
        ]
        covered += low <= math.sqrt(2 / math.pi) <= high
    assert 0.91 <= covered / 300 <= 0.985


def test_a_perfect_score_is_not_said_to_be_certain() -> None:
    task = Classification(TaskContext(("no", "yes"), None))
    targets = np.repeat([0, 1], [30, 10])
    predictions = np.eye(2)[targets]
    found = bootstrap_intervals(task, predictions, targets, Resampler(40, None, 0), 200)
    assert found.values["accuracy"] == pytest.approx((0.025 ** (1 / 40), 1.0))
    assert found.values["recall"] == pytest.approx((1 - (1 - 0.025 ** (1 / 10)) / 2, 1.0))
    assert found.values["roc_auc"] == pytest.approx((0.025 ** (1 / 10), 1.0))
    groups = np.arange(40) // 10
    found = bootstrap_intervals(task, predictions, targets, Resampler(40, groups, 0), 200)
    assert found.values["accuracy"] == pytest.approx((0.025 ** (1 / 4), 1.0))
    assert "exact binomial" in found.method


def test_a_single_group_says_nothing_of_others() -> None:
    task, predictions, targets = classes(300, 3)
    found = bootstrap_intervals(task, predictions, targets, Resampler(300, np.zeros(300, int), 0), 200)
    assert (found.values, found.method) == ({}, "all samples are of one group")


def test_the_loss_is_a_weighted_mean() -> None:
    task, predictions, targets = classes(300, 3)
    generator = np.random.default_rng(0)
    losses, counts = generator.exponential(size=300), np.ones(300)
    resampler = Resampler(300, None, 0)
    means = {"loss": (losses, counts)}
    found = bootstrap_intervals(task, predictions, targets, resampler, 500, means).values["loss"]
    error = losses.std() / math.sqrt(300)
    assert found == pytest.approx(
        (losses.mean() - 1.96 * error, losses.mean() + 1.96 * error), abs=0.3 * error
    )


class Counting(Task):
    """A task of a user's, whose score is not defined without ones."""

    target = "value"
    monitor = "val/share"

    def running(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        return {}

    def predict(self, outputs: Tensor) -> Tensor:
        return outputs

    def scores(self, predictions: Array, targets: Array) -> Scores:
        if not targets.any():
            raise ValueError("no ones")
        return Scores({"share": float((predictions == targets).mean())})

    def curves(self, predictions: Array, targets: Array) -> dict[str, pl.DataFrame]:
        return {}

    def table(self, predictions: Array, targets: Array | None) -> dict[str, Any]:
        return {"PREDICTION": predictions}


def test_a_task_of_the_users_is_asked_resample_by_resample() -> None:
    targets = np.array([1, 0, 0])
    task = Counting(TaskContext((), None))
    found = bootstrap_intervals(task, np.array([1, 0, 1]), targets, Resampler(3, None, 0), 1000)
    low, high = found.values["share"]
    assert low < 0.34
    assert high == 1.0
    assert "200 resamples" in found.method
