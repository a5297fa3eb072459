from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics

from epochal.analysis.config import ThresholdConfig
from epochal.analysis.decision import Decision, learn_decision
from epochal.tasks.classification import Classification
from epochal.tasks.multilabel import Multilabel
from epochal.tasks.task import TaskContext

BINARY = Classification(TaskContext(("no", "yes"), None))
LABELS = Multilabel(TaskContext(("a", "b"), None))


def test_nothing_learnt_changes_nothing() -> None:
    decision, outputs = Decision(), torch.randn(4, 2)
    predictions = np.array([[0.4, 0.6], [0.9, 0.1]])
    assert decision.scaled(outputs) is outputs
    assert decision.decided(predictions) is predictions
    assert decision.scores_at(BINARY, predictions, np.array([0, 1])) is None
    assert Decision.from_json(decision.to_json()) == decision


def test_a_threshold_decides_predictions_and_scores() -> None:
    decision = Decision(None, "youden", (0.3,))
    second = np.array([0.1, 0.35, 0.3, 0.8], np.float64)
    predictions, targets = np.stack([1 - second, second], axis=1), np.array([0, 0, 1, 1])
    table = decision.table(BINARY, predictions, targets)
    assert table["PREDICTION"].to_list() == ["no", "yes", "yes", "yes"]
    np.testing.assert_allclose(table["PROBABILITY_yes"], second)
    found = decision.scores_at(BINARY, predictions, targets)
    assert found is not None
    assert (found["rule"], found["class"], found["value"]) == ("youden", "yes", 0.3)
    assert found["chosen_on"] == "val"
    chosen = second >= 0.3
    assert found["overall"] == pytest.approx(
        {
            "accuracy": 0.75,
            "balanced_accuracy": 0.75,
            "precision": metrics.precision_score(targets, chosen, average="macro"),
            "recall": metrics.recall_score(targets, chosen, average="macro"),
            "f1": metrics.f1_score(targets, chosen, average="macro"),
        }
    )


def test_each_label_has_its_threshold() -> None:
    decision = Decision(None, "f1", (0.2, 0.7))
    predictions, targets = np.array([[0.3, 0.6], [0.1, 0.8]]), np.array([[1.0, 0.0], [1.0, 1.0]])
    assert decision.table(LABELS, predictions, None)["PREDICTION"].to_list() == ["a", "b"]
    found = decision.scores_at(LABELS, predictions, targets)
    assert found is not None
    assert found["value"] == {"a": 0.2, "b": 0.7}
    assert found["overall"]["accuracy"] == 0.75
    assert found["overall"]["exact_match"] == 0.5


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
    chosen = decision.decided(predictions)[:, 1] > 0.5
    assert chosen[targets.numpy() == 1].mean() == pytest.approx(0.9, abs=0.002)
    assert "sensitivity of at least 0.9" in str(decision)
    assert "temperature" in str(decision)


def test_learning_for_labels() -> None:
    outputs = torch.tensor([[-2.0, 1.0], [-1.0, 2.0], [-0.5, 3.0], [0.5, 4.0]])
    targets = torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0]])
    decision = learn_decision(LABELS, outputs, targets, False, ThresholdConfig(rule="youden"))
    assert decision.temperature is None
    predictions = LABELS.predict(outputs).numpy()
    np.testing.assert_array_equal(decision.decided(predictions), targets.numpy())
