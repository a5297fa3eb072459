from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from epochal.data.batch import Batch
from epochal.tasks.regression import Regression
from epochal.tasks.task import TaskContext

SHIFT, SCALE = (1000.0, -3.0), (50.0, 0.25)
STANDARD = Regression(TaskContext(("price", "slope"), nn.MSELoss(), target_shift=SHIFT, target_scale=SCALE))
PLAIN = Regression(
    TaskContext(("price", "slope"), nn.MSELoss(), target_shift=(0.0, 0.0), target_scale=(1.0, 1.0))
)
ONE = Regression(TaskContext(("price",), nn.MSELoss()))

OUTPUTS = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
NORMAL = torch.randn(6, 2, generator=torch.Generator().manual_seed(1))
TARGETS = NORMAL * torch.tensor(SCALE) + torch.tensor(SHIFT)


def test_normalised_targets_train_on_their_own_scale() -> None:
    """Each column counts alike, however large its unit."""
    outputs = OUTPUTS.clone().requires_grad_()
    loss = STANDARD.loss(outputs, TARGETS)
    expected = nn.functional.mse_loss(OUTPUTS, NORMAL)
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert outputs.grad is not None
    torch.testing.assert_close(outputs.grad, (OUTPUTS - NORMAL) / 6, rtol=1e-3, atol=1e-4)


def test_predictions_and_running_error_are_in_the_units_of_the_data() -> None:
    predictions = STANDARD.predict(OUTPUTS)
    np.testing.assert_allclose(predictions.numpy(), OUTPUTS.numpy() * SCALE + SHIFT, rtol=1e-6)
    perfect = STANDARD.predict(NORMAL)
    torch.testing.assert_close(perfect, TARGETS)
    error = float(STANDARD.running(OUTPUTS, TARGETS)["mae"])
    assert error == pytest.approx(float((predictions - TARGETS).abs().mean()))
    scores = STANDARD.scores(predictions.numpy(), TARGETS.numpy())
    assert scores.overall["mae"] == pytest.approx(error, rel=1e-5)
    off = np.abs(OUTPUTS[:, 0].numpy() - NORMAL[:, 0].numpy()).mean() * 50
    assert scores.per_class["price"]["mae"] == pytest.approx(off, rel=1e-4)


def test_reduced_precision_loses_nothing_in_the_units_of_the_data() -> None:
    predictions = STANDARD.predict(OUTPUTS.bfloat16())
    assert predictions.dtype == torch.float32
    exact = OUTPUTS.bfloat16().double().numpy() * SCALE + SHIFT
    np.testing.assert_allclose(predictions.numpy(), exact, rtol=1e-6)


def test_without_normalisation_outputs_are_the_values() -> None:
    assert torch.equal(PLAIN.predict(OUTPUTS), OUTPUTS)
    torch.testing.assert_close(PLAIN.loss(OUTPUTS, TARGETS), nn.functional.mse_loss(OUTPUTS, TARGETS))
    assert torch.equal(ONE.predict(OUTPUTS[:, :1]), OUTPUTS[:, :1])


def test_a_model_of_one_value_may_leave_out_the_column() -> None:
    """[B] against targets [B, 1] would be compared pair by pair, all with all."""
    batch = Batch(torch.arange(4.0)[:, None], torch.arange(4.0)[:, None], torch.arange(4))
    outputs = ONE.forward(nn.Flatten(0), batch)
    assert outputs.shape == (4, 1)
    assert float(ONE.loss(outputs, batch.targets)) == 0


def test_the_table_of_one_value() -> None:
    table = pl.DataFrame(
        ONE.table(np.array([[1.5], [2.5]], np.float32), np.array([[1.0], [2.0]], np.float32))
    )
    assert table.to_dict(as_series=False) == {"TARGET": [1.0, 2.0], "PREDICTION": [1.5, 2.5]}
    assert list(ONE.table(np.zeros((0, 1), np.float32), None)) == ["PREDICTION"]


def test_the_table_of_several_values_names_them() -> None:
    predictions = STANDARD.predict(NORMAL).numpy()
    table = pl.DataFrame(STANDARD.table(predictions, TARGETS.numpy()))
    assert table.columns == ["TARGET_price", "TARGET_slope", "PREDICTION_price", "PREDICTION_slope"]
    np.testing.assert_allclose(table["PREDICTION_price"], TARGETS[:, 0], rtol=1e-6)
    np.testing.assert_allclose(table["PREDICTION_slope"], table["TARGET_slope"], rtol=1e-5)
    assert list(STANDARD.table(predictions, None)) == ["PREDICTION_price", "PREDICTION_slope"]
    assert STANDARD.curves(predictions, TARGETS.numpy())["scatter"]["NAME"].unique().sort().to_list() == [
        "price",
        "slope",
    ]
