from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics

from epochal.analysis.bootstrap import bootstrap_intervals
from epochal.analysis.config import ThresholdConfig
from epochal.analysis.decision import Decision, curves_at, learn_decision, scores_at
from epochal.analysis.resample import Resampler
from epochal.data.manifest import Array
from epochal.tasks.classification import Classification
from epochal.tasks.multilabel import Multilabel
from epochal.tasks.task import TaskContext

BINARY = Classification(TaskContext(("no", "yes"), None))
LABELS = Multilabel(TaskContext(("a", "b"), None))


def test_nothing_learnt_changes_nothing() -> None:
    decision, outputs = Decision(), torch.randn(4, 2)
    predictions = np.array([[0.4, 0.6], [0.9, 0.1]])
    assert decision.scaled(outputs) is outputs
    assert decision.decided(predictions) is None
    assert Decision.from_json(decision.to_json()) == decision


def test_a_threshold_decides_predictions_and_scores() -> None:
    decision = Decision(None, "youden", (0.3,))
    second = np.array([0.1, 0.35, 0.3, 0.8], np.float64)
    predictions, targets = np.stack([1 - second, second], axis=1), np.array([0, 0, 1, 1])
    table = decision.table(BINARY, predictions, targets)
    assert table["PREDICTION"].to_list() == ["no", "yes", "yes", "yes"]
    np.testing.assert_allclose(table["PROBABILITY_yes"], second)
    assert decision.described(BINARY) == {
        "rule": "youden", "class": "yes", "value": 0.3, "chosen_on": "val",
    }  # fmt: skip
    decided = decision.decided(predictions)
    found, chosen = scores_at(BINARY, predictions, decided, targets), second >= 0.3
    assert found.overall == pytest.approx(
        {
            "accuracy": 0.75,
            "balanced_accuracy": 0.75,
            "precision": metrics.precision_score(targets, chosen, average="macro"),
            "recall": metrics.recall_score(targets, chosen, average="macro"),
            "f1": metrics.f1_score(targets, chosen, average="macro"),
            "roc_auc": metrics.roc_auc_score(targets, second),
            "average_precision": metrics.average_precision_score(targets, second),
        }
    )
    of_yes = {"recall": 1.0, "precision": 2 / 3, "roc_auc": metrics.roc_auc_score(targets, second)}
    assert {name: found.per_class["yes"][name] for name in of_yes} == pytest.approx(of_yes)
    curves = curves_at(BINARY, predictions, decided, targets)
    assert curves["confusion"].rows() == [("no", 1, 1), ("yes", 0, 2)]
    assert curves["roc"].equals(BINARY.curves(predictions, targets)["roc"])


def test_intervals_are_of_what_was_decided() -> None:
    generator = np.random.default_rng(0)
    second = generator.random(200)
    predictions, targets = (
        np.stack([1 - second, second], axis=1),
        (generator.random(200) < second).astype(int),
    )
    decided = Decision(None, "youden", (0.2,)).decided(predictions)
    assert decided is not None

    def intervals(values: Array, chosen: Array | None = None) -> dict[str, tuple[float, float]]:
        resampler = Resampler(200, None, 0)
        return bootstrap_intervals(BINARY, values, targets, resampler, 200, decided=chosen).values

    found, usual, certain = intervals(predictions, decided), intervals(predictions), intervals(decided)
    assert found["accuracy"] == certain["accuracy"] != usual["accuracy"]
    assert found["roc_auc"] == usual["roc_auc"] != certain["roc_auc"]


def test_each_label_has_its_threshold() -> None:
    decision = Decision(None, "f1", (0.2, 0.7))
    predictions, targets = np.array([[0.3, 0.6], [0.1, 0.8]]), np.array([[1.0, 0.0], [1.0, 1.0]])
    assert decision.table(LABELS, predictions, None)["PREDICTION"].to_list() == ["a", "b"]
    assert decision.described(LABELS)["value"] == {"a": 0.2, "b": 0.7}
    found = scores_at(LABELS, predictions, decision.decided(predictions), targets).overall
    assert found["accuracy"] == 0.75
    assert found["exact_match"] == 0.5


def test_several_runs_decide_by_the_mean_of_their_thresholds() -> None:
    mean = Decision.mean([Decision(2.0, "f1", (0.2, 0.7)), Decision(None, "f1", (0.4, 0.5))])
    assert mean.temperature is None
    assert mean.rule == "f1"
    assert mean.thresholds == pytest.approx((0.3, 0.6))
    assert Decision.mean([Decision(2.0), Decision(3.0)]) == Decision()


@pytest.mark.parametrize("single", [False, True])
def test_learning_finds_temperature_and_threshold(single: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    odds = 2 * torch.randn(2000, 1, generator=generator)
    targets = (torch.rand(2000, 1, generator=generator) < torch.sigmoid(odds)).long()[:, 0]
    outputs = 3 * odds if single else 3 * torch.cat([torch.zeros_like(odds), odds], dim=1)
    task = Classification(TaskContext(("no", "yes"), None, single_output=single))
    config = ThresholdConfig(rule="sensitivity", at=0.9)
    decision = learn_decision(task, outputs, targets, True, config)
    assert decision.temperature == pytest.approx(3, rel=0.1)
    assert Decision.from_json(decision.to_json()) == decision
    predictions = task.predict(decision.scaled(outputs)).numpy()
    decided = decision.decided(predictions)
    assert decided is not None
    chosen = decided[:, 1] > 0.5
    assert chosen[targets.numpy() == 1].mean() == pytest.approx(0.9, abs=0.002)
    assert "sensitivity of at least 0.9" in str(decision)
    assert "temperature" in str(decision)


@pytest.mark.parametrize(
    ("outputs", "bound", "meaning"),
    [
        ([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]], 20.0, "no usable confidence"),
        ([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], 0.05, "separated without a mistake"),
    ],
)
def test_a_temperature_at_the_end_of_its_search_says_what_that_means(
    outputs: list[list[float]], bound: float, meaning: str
) -> None:
    decision = learn_decision(BINARY, torch.tensor(outputs), torch.tensor([0, 1, 0, 1]), True, None)
    assert decision.temperature == pytest.approx(bound, rel=1e-3)
    assert meaning in decision.to_json()["warning"]
    assert Decision(2.0).to_json()["warning"] is None


def test_learning_for_labels() -> None:
    outputs = torch.tensor([[-2.0, 1.0], [-1.0, 2.0], [-0.5, 3.0], [0.5, 4.0]])
    targets = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    decision = learn_decision(LABELS, outputs, targets, False, ThresholdConfig(rule="youden"))
    assert decision.temperature is None
    predictions = LABELS.predict(outputs).numpy()
    np.testing.assert_array_equal(decision.decided(predictions), targets.numpy())
