from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from epochal.tasks.scores import (
    DIRECTIONS,
    Scores,
    classification_scores,
    direction,
    multilabel_scores,
    operating_points,
    regression_scores,
)

Array = npt.NDArray[Any]


def _softmax_problem(samples: int, classes: int, seed: int = 0, rounded: bool = False) -> tuple[Array, Array]:
    """Probabilities [N, K] that know something of the targets [N]; rounding makes ties."""
    random = np.random.default_rng(seed)
    targets = random.integers(0, classes, samples)
    logits = random.normal(size=(samples, classes))
    logits[np.arange(samples), targets] += 1.2
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return (np.round(probabilities, 1) if rounded else probabilities.astype(np.float32)), targets


def _finite(scores: Scores) -> bool:
    values = [*scores.overall.values(), *(v for each in scores.per_class.values() for v in each.values())]
    return all(math.isfinite(value) for value in values)


@pytest.mark.parametrize("rounded", [False, True])
@pytest.mark.parametrize(("samples", "classes"), [(40, 3), (500, 5)])
def test_multiclass_scores_equal_scikit_learns(samples: int, classes: int, rounded: bool) -> None:
    from sklearn import metrics

    probabilities, targets = _softmax_problem(samples, classes, rounded=rounded)
    names = [f"class {k}" for k in range(classes)]
    scores = classification_scores(probabilities, targets, names)
    predictions = probabilities.argmax(axis=1)
    macro = metrics.precision_recall_fscore_support(targets, predictions, average="macro", zero_division=0)
    of_class = [targets == k for k in range(classes)]
    expected = {
        "accuracy": metrics.accuracy_score(targets, predictions),
        "balanced_accuracy": metrics.balanced_accuracy_score(targets, predictions),
        "precision": macro[0],
        "recall": macro[1],
        "f1": macro[2],
        "roc_auc": np.mean([metrics.roc_auc_score(y, probabilities[:, k]) for k, y in enumerate(of_class)]),
        "average_precision": np.mean(
            [metrics.average_precision_score(y, probabilities[:, k]) for k, y in enumerate(of_class)]
        ),
    }
    assert scores.overall == pytest.approx(expected, abs=1e-12)
    each = metrics.precision_recall_fscore_support(targets, predictions, zero_division=0)
    for k, name in enumerate(names):
        assert scores.per_class[name] == pytest.approx(
            {
                "precision": each[0][k],
                "recall": each[1][k],
                "f1": each[2][k],
                "roc_auc": metrics.roc_auc_score(of_class[k], probabilities[:, k]),
                "average_precision": metrics.average_precision_score(of_class[k], probabilities[:, k]),
                "support": each[3][k],
            },
            abs=1e-12,
        )


def test_one_vs_rest_macro_is_scikit_learns_own() -> None:
    from sklearn.metrics import roc_auc_score

    probabilities, targets = _softmax_problem(300, 4)
    probabilities = probabilities.astype(np.float64)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    scores = classification_scores(probabilities, targets, ["a", "b", "c", "d"])
    assert scores.overall["roc_auc"] == pytest.approx(
        roc_auc_score(targets, probabilities, multi_class="ovr")
    )


def test_binary_ranking_scores_are_those_of_the_second_class() -> None:
    from sklearn import metrics

    probabilities, targets = _softmax_problem(200, 2)
    targets[:60] = 0  # unbalanced, so that the two classes' average precisions differ
    scores = classification_scores(probabilities, targets, ["benign", "malignant"])
    positive = probabilities[:, 1]
    assert scores.overall["roc_auc"] == pytest.approx(metrics.roc_auc_score(targets, positive))
    assert scores.overall["average_precision"] == pytest.approx(
        metrics.average_precision_score(targets, positive)
    )
    predictions = (positive > 0.5).astype(int)
    assert scores.overall["f1"] == pytest.approx(metrics.f1_score(targets, predictions, average="macro"))
    benign = metrics.average_precision_score(targets == 0, probabilities[:, 0])
    assert scores.per_class["benign"]["average_precision"] == pytest.approx(benign)


@pytest.mark.parametrize("rounded", [False, True])
def test_the_fifth_place_counts(rounded: bool) -> None:
    from sklearn.metrics import top_k_accuracy_score

    probabilities, targets = _softmax_problem(300, 9, rounded=rounded)
    names = [f"class {k}" for k in range(9)]
    found = classification_scores(probabilities, targets, names).overall["top5_accuracy"]
    # of equals the first class comes first, as for the prediction itself; scikit-learn takes the last
    flipped = top_k_accuracy_score(8 - targets, probabilities[:, ::-1], k=5, labels=range(9))
    assert found == pytest.approx(flipped)
    even = classification_scores(np.full((9, 9), 1 / 9), np.arange(9), names).overall
    assert even["top5_accuracy"] == pytest.approx(5 / 9)


def test_an_even_probability_goes_to_the_first_class() -> None:
    scores = classification_scores(np.array([[0.5, 0.5], [0.5, 0.5]]), np.array([0, 1]), ["no", "yes"])
    assert scores.per_class["no"]["recall"] == 1.0
    assert scores.per_class["yes"]["recall"] == 0.0


def test_a_class_without_samples_is_left_out_of_the_ranking_means() -> None:
    from sklearn import metrics

    probabilities, targets = _softmax_problem(100, 4)
    targets[targets == 3] = 0
    scores = classification_scores(probabilities, targets, ["a", "b", "c", "ghost"])
    present = [metrics.roc_auc_score(targets == k, probabilities[:, k]) for k in range(3)]
    assert scores.overall["roc_auc"] == pytest.approx(np.mean(present))
    assert "roc_auc" not in scores.per_class["ghost"]
    assert "average_precision" not in scores.per_class["ghost"]
    assert scores.per_class["ghost"]["support"] == 0
    assert _finite(scores)


def test_a_class_neither_there_nor_predicted_does_not_lower_the_means() -> None:
    probabilities = np.array([[0.9, 0.1, 0.0], [0.1, 0.9, 0.0]])
    scores = classification_scores(probabilities, np.array([0, 1]), ["a", "b", "ghost"])
    assert scores.overall["f1"] == scores.overall["recall"] == scores.overall["balanced_accuracy"] == 1.0


def test_one_class_alone_has_no_roc_auc() -> None:
    scores = classification_scores(np.array([[0.7, 0.3], [0.6, 0.4]]), np.array([0, 0]), ["no", "yes"])
    assert "roc_auc" not in scores.overall
    assert "average_precision" not in scores.overall
    assert scores.overall["accuracy"] == 1.0


def test_probabilities_of_a_diverged_model_still_score() -> None:
    probabilities = np.full((6, 3), np.nan, dtype=np.float32)
    assert _finite(classification_scores(probabilities, np.array([0, 1, 2, 0, 1, 2]), ["a", "b", "c"]))


def test_multilabel_scores_equal_scikit_learns() -> None:
    from sklearn import metrics

    random = np.random.default_rng(3)
    targets = (random.random((120, 3)) < 0.4).astype(np.uint8)
    probabilities = np.clip(targets * 0.3 + random.random((120, 3)) * 0.6, 0, 1).astype(np.float32)
    scores = multilabel_scores(probabilities, targets, ["red", "round", "soft"])
    predictions = (probabilities > 0.5).astype(np.uint8)
    assert scores.overall == pytest.approx(
        {
            "accuracy": (predictions == targets).mean(),
            "exact_match": metrics.accuracy_score(targets, predictions),
            "precision": metrics.precision_score(targets, predictions, average="macro"),
            "recall": metrics.recall_score(targets, predictions, average="macro"),
            "f1": metrics.f1_score(targets, predictions, average="macro"),
            "roc_auc": metrics.roc_auc_score(targets, probabilities, average="macro"),
            "average_precision": metrics.average_precision_score(targets, probabilities, average="macro"),
        }
    )
    assert scores.per_class["round"]["support"] == targets[:, 1].sum()


def test_a_label_that_never_occurs_is_left_out_of_the_ranking_means() -> None:
    targets = np.array([[1, 0], [0, 0], [1, 0]])
    scores = multilabel_scores(np.array([[0.9, 0.2], [0.1, 0.7], [0.8, 0.1]]), targets, ["there", "never"])
    assert scores.overall["roc_auc"] == 1.0
    assert "roc_auc" not in scores.per_class["never"]
    assert scores.overall["exact_match"] == pytest.approx(2 / 3)
    assert _finite(scores)


def test_regression_scores_equal_scikit_learns() -> None:
    from sklearn import metrics

    random = np.random.default_rng(5)
    targets = random.normal(100, 20, size=(80, 2)).astype(np.float32)
    predictions = targets + random.normal(0, [3, 9], size=(80, 2)).astype(np.float32)
    scores = regression_scores(predictions, targets, ["height", "weight"])
    assert scores.overall == pytest.approx(
        {
            "mae": metrics.mean_absolute_error(targets, predictions),
            "rmse": metrics.root_mean_squared_error(targets, predictions),
            "r2": metrics.r2_score(targets, predictions),
        },
        rel=1e-5,
    )
    assert scores.per_class["weight"]["r2"] == pytest.approx(
        metrics.r2_score(targets[:, 1], predictions[:, 1]), rel=1e-5
    )


def test_r2_of_a_constant_target_is_absent() -> None:
    targets = np.array([[0.1, 1.0], [0.1, 2.0], [0.1, 3.0]], dtype=np.float32)
    scores = regression_scores(targets + 1, targets, ["constant", "rising"])
    assert "r2" not in scores.per_class["constant"]
    assert scores.overall["r2"] == scores.per_class["rising"]["r2"] == pytest.approx(1 - 3 / 2)
    single = regression_scores(np.array([[2.0]]), np.array([[1.0]]), ["y"])
    assert single.overall == {"mae": 1.0, "rmse": 1.0}


def test_errors_that_are_not_finite_are_absent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = regression_scores(
            np.array([[np.nan, 1.0], [2.0, np.inf]]), np.array([[1.0, 1.0], [2.0, 1.0]]), ["a", "b"]
        )
    assert scores.overall == {}


def test_operating_points_count_ties_together() -> None:
    points = operating_points(np.array([0.2, 0.8, 0.8, 0.5]), np.array([False, True, False, True]))
    assert points.thresholds.tolist() == [0.8, 0.5, 0.2]
    assert points.true_positives.tolist() == [1, 2, 2]
    assert points.false_positives.tolist() == [1, 1, 2]


def test_scores_are_json() -> None:
    probabilities, targets = _softmax_problem(30, 3)
    scores = classification_scores(probabilities, targets, ["a", "b", "c"])
    again = json.loads(json.dumps(scores.to_json(), allow_nan=False))
    assert again["overall"]["accuracy"] == scores.overall["accuracy"]
    assert list(again["per_class"]) == ["a", "b", "c"]


def test_directions_of_monitors() -> None:
    assert direction("val/loss") == "min"
    assert direction("val/accuracy") == "max"
    assert direction("rmse") == "min"
    assert direction("val/beauty") is None
    probabilities, targets = _softmax_problem(30, 3)
    one_hot = np.eye(3, dtype=np.uint8)[targets]
    produced = {
        *classification_scores(probabilities, targets, ["a", "b", "c"]).overall,
        *multilabel_scores(probabilities, one_hot, ["a", "b", "c"]).overall,
        *regression_scores(probabilities, one_hot.astype(np.float32), ["a", "b", "c"]).overall,
    }
    assert produced <= set(DIRECTIONS)
