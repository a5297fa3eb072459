from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from epochal.data.augment.mix import Mixup
from epochal.data.batch import Batch
from epochal.data.draws import Draws
from epochal.tasks.multilabel import Multilabel
from epochal.tasks.task import TaskContext

TASK = Multilabel(TaskContext(("rain", "snow", "wind"), nn.BCEWithLogitsLoss()))
TARGETS = torch.tensor([[1.0, 0, 1], [0, 0, 0], [1, 1, 1], [0, 1, 0]])
OUTPUTS = 2 * torch.randn(4, 3, generator=torch.Generator().manual_seed(0))


def test_every_label_is_a_question_of_its_own() -> None:
    assert TASK.outputs == 3
    p = 1 / (1 + np.exp(-OUTPUTS.double().numpy()))
    y = TARGETS.numpy()
    expected = -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    assert float(TASK.loss(OUTPUTS, TARGETS)) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(TASK.predict(OUTPUTS).numpy(), p, rtol=1e-5)
    assert TASK.predict(OUTPUTS.bfloat16()).dtype == torch.float32


def test_running_accuracy_is_that_of_the_scores() -> None:
    predictions = TASK.predict(OUTPUTS).numpy()
    scores = TASK.scores(predictions, TARGETS.numpy())
    assert float(TASK.running(OUTPUTS, TARGETS)["accuracy"]) == pytest.approx(scores.overall["accuracy"])
    assert scores.per_class.keys() == {"rain", "snow", "wind"}
    assert TASK.monitor.removeprefix("val/") in scores.overall
    assert TASK.curves(predictions, TARGETS.numpy()).keys() == {"roc", "precision_recall"}


def test_mixed_labels_count_by_their_shares() -> None:
    given = Batch(torch.randn(4, 2), TARGETS, torch.arange(4))
    mixed = Mixup(alpha=1.0)(given, Draws(1, 0, given.samples, stream=1)).targets
    assert 0 < float(mixed[0, 0]) < 1
    expected = nn.functional.binary_cross_entropy(torch.sigmoid(OUTPUTS), mixed)
    torch.testing.assert_close(TASK.loss(OUTPUTS, mixed), expected)
    right = ((OUTPUTS > 0) == (mixed > 0.5)).float().mean()
    assert float(TASK.running(OUTPUTS, mixed)["accuracy"]) == float(right)


def test_the_table_joins_labels() -> None:
    predictions = np.array([[0.9, 0.2, 0.7], [0.1, 0.5, 0.3]], np.float32)
    table = pl.DataFrame(TASK.table(predictions, np.array([[1, 1, 0], [0, 0, 1]], np.float32)))
    assert table.columns == [
        "TARGET",
        "PREDICTION",
        "PROBABILITY_rain",
        "PROBABILITY_snow",
        "PROBABILITY_wind",
    ]
    assert table["TARGET"].to_list() == ["rain;snow", "wind"]
    assert table["PREDICTION"].to_list() == ["rain;wind", ""]  # above one half, as in the scores
    assert np.array_equal(table[:, 2:].to_numpy(), predictions)
    assert list(TASK.table(predictions, None)) == table.columns[1:]


def test_a_table_of_no_predictions_has_its_columns() -> None:
    table = pl.DataFrame(TASK.table(np.zeros((0, 3), np.float32), None))
    assert table["PREDICTION"].dtype == pl.String
    assert table.write_csv().startswith("PREDICTION,PROBABILITY_rain")
