"""The scores in ``metrics/test.json`` are scikit-learn's, computed from ``predictions/test.csv``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn import metrics

import epochal

QUICK = {"training": {"epochs": 1}, "tracking": []}


def _result(run: epochal.Run) -> tuple[dict[str, float], pl.DataFrame]:
    scores = json.loads((run.path / "metrics" / "test.json").read_text())["overall"]
    return scores, run.predictions()


def _of_classes(table: pl.DataFrame) -> dict[str, Any]:
    names = [name.removeprefix("PROBABILITY_") for name in table.columns[4:]]
    truth, predicted = (table[column].cast(pl.String).to_numpy() for column in ("TARGET", "PREDICTION"))
    probabilities = table.select(table.columns[4:]).to_numpy()
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        truth, predicted, average="macro", zero_division=0
    )
    one_hot = truth[:, None] == np.array(names)
    top = {}
    if len(names) > 5:
        places = np.array([names.index(each) for each in truth])
        ranked = metrics.top_k_accuracy_score(places, probabilities, k=5, labels=range(len(names)))
        top = {"top5_accuracy": ranked}
    if len(names) == 2:
        one_hot, probabilities = one_hot[:, 1], probabilities[:, 1]
    return {
        "accuracy": metrics.accuracy_score(truth, predicted),
        **top,
        "balanced_accuracy": metrics.balanced_accuracy_score(truth, predicted),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "roc_auc": metrics.roc_auc_score(one_hot, probabilities, average="macro"),
        "average_precision": metrics.average_precision_score(one_hot, probabilities, average="macro"),
    }


@pytest.mark.parametrize(
    ("source", "loss"),
    [("digits", "cross_entropy"), ("breast_cancer", "cross_entropy"), ("breast_cancer", "bce_with_logits")],
)
def test_classification(source: str, loss: str, here: Path) -> None:
    run = epochal.train({"data": {"source": source}, "loss": loss, **QUICK}, quiet=True)
    scores, table = _result(run)
    expected = _of_classes(table)
    assert scores.keys() == {"loss", *expected}
    assert {name: scores[name] for name in expected} == pytest.approx(expected, abs=1e-6)
    own = {name.removeprefix("PROBABILITY_"): table[name].to_numpy() for name in table.columns[4:]}
    chosen = [own[str(target)][row] for row, target in enumerate(table["TARGET"])]
    assert scores["loss"] == pytest.approx(-np.mean(np.log(chosen)), rel=1e-4)


def test_multilabel(here: Path) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 3))
    labels = (x + generator.normal(scale=0.5, size=x.shape) > 0.3).astype(int)
    columns = {f"x{i}": x[:, i] for i in range(3)} | {f"has_{i}": labels[:, i] for i in range(3)}
    pl.DataFrame(columns).write_csv("labels.csv")
    source = {"name": "table", "path": "labels.csv", "target": ["has_0", "has_1", "has_2"]}
    run = epochal.train({"task": "multilabel", "data": {"source": source}, **QUICK}, quiet=True)
    scores, table = _result(run)
    probabilities = table.select(pl.col("^PROBABILITY_.*$")).to_numpy()
    truth = labels[table["INDEX"].to_numpy()]
    predicted = probabilities > 0.5
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        truth, predicted, average="macro", zero_division=0
    )
    expected = {
        "accuracy": 1 - metrics.hamming_loss(truth, predicted),
        "exact_match": metrics.accuracy_score(truth, predicted),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "roc_auc": metrics.roc_auc_score(truth, probabilities, average="macro"),
        "average_precision": metrics.average_precision_score(truth, probabilities, average="macro"),
        "loss": metrics.log_loss(truth.ravel(), probabilities.ravel()),
    }
    assert scores == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("normalize_target", ["none", "standard"])
def test_regression(normalize_target: str, here: Path) -> None:
    data = {"source": "diabetes", "normalize_target": normalize_target}
    run = epochal.train({"task": "regression", "data": data, **QUICK}, quiet=True)
    scores, table = _result(run)
    truth, predicted = table["TARGET"].to_numpy(), table["PREDICTION"].to_numpy()
    expected = {
        "mae": metrics.mean_absolute_error(truth, predicted),
        "rmse": metrics.root_mean_squared_error(truth, predicted),
        "r2": metrics.r2_score(truth, predicted),
    }
    assert {name: scores[name] for name in expected} == pytest.approx(expected, rel=1e-5)
