from __future__ import annotations

import contextlib
import math
import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any, final

import numpy as np
import polars as pl
import pytest
import torch
from torch import Tensor, nn

from epochal.data.augment.pipeline import Augment
from epochal.data.batches import Batches, Pool, target_tensor
from epochal.data.cache import Samples
from epochal.data.manifest import Array, Manifest, Source
from epochal.data.statistics import Normalizer
from epochal.inference.evaluate import Outcome, collect, evaluate_batches
from epochal.tasks.classification import Classification
from epochal.tasks.regression import Regression
from epochal.tasks.task import Task, TaskContext

NAMES = ("a", "b", "c")
ROWS = np.random.default_rng(1).permutation(60)[:50]


def pool_of(inputs: Array, read: Callable[[int], Array] | None = None) -> Pool:
    """Samples of three classes; made anew each time where a function that reads them is given."""
    targets = np.random.default_rng(0).integers(0, 3, len(inputs))
    filenames = pl.Series([str(row) for row in range(len(inputs))])
    manifest = Manifest(filenames, targets, "class", NAMES)
    kind: Any = "image" if inputs.ndim == 4 else "vector"
    get = read or inputs.__getitem__
    return Pool(
        source=Source(manifest, kind, get, "0" * 32),
        samples=Samples(inputs.shape[1:], inputs.dtype, None if read else inputs, get),
        targets=target_tensor(manifest),
        normalizer=Normalizer(torch.tensor(0.5), torch.tensor(0.25)),
        device=torch.device("cpu"),
        seed=1,
        workers=0,
        channels_last=False,
    )


def pictures(count: int = 60) -> Array:
    return np.random.default_rng(0).integers(0, 256, (count, 3, 6, 6), dtype=np.uint8)


def network() -> nn.Module:
    """All that behaves otherwise in training: batch statistics and dropout."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.5), nn.Linear(128, 3)
    )
    model(torch.randn(32, 3, 6, 6))  # running statistics that are not those of a batch
    return model


def task_of(criterion: nn.Module | None = None) -> Classification:
    return Classification(TaskContext(NAMES, criterion or nn.CrossEntropyLoss()))


def evaluated(model: nn.Module, size: int, task: Task | None = None, pool: Pool | None = None) -> Outcome:
    batches = Batches(pool or pool_of(pictures()), ROWS, size).epoch()
    return evaluate_batches(model, task or task_of(), batches, contextlib.nullcontext)


def bits(model: nn.Module) -> list[bytes]:
    return [value.numpy().tobytes() for value in model.state_dict().values()]


@pytest.mark.parametrize(
    "criterion",
    [nn.CrossEntropyLoss(), nn.CrossEntropyLoss(weight=torch.tensor([0.1, 1.0, 5.0]))],
    ids=["plain", "weighted"],
)
def test_loss_and_scores_do_not_depend_on_the_size_of_batches(criterion: nn.Module) -> None:
    """Nor where a loss weighs its samples, so that a mean of batches' means would be another number."""
    model = network()
    task = task_of(criterion)
    whole = evaluated(model, 50, task)
    for size in (1, 7, 49):
        parts = evaluated(model, size, task)
        np.testing.assert_allclose(parts.predictions, whole.predictions, atol=1e-6)
        assert parts.scores.overall == pytest.approx(whole.scores.overall, rel=1e-5)
        for name in NAMES:
            assert parts.scores.per_class[name] == pytest.approx(whole.scores.per_class[name], rel=1e-5)


def test_the_outcome_is_what_the_model_says_of_each_row() -> None:
    model, pool = network(), pool_of(pictures())
    outcome = evaluated(model, 16, pool=pool)
    assert np.array_equal(outcome.samples, ROWS)
    assert outcome.samples.dtype == np.int64
    assert np.array_equal(outcome.targets, pool.source.manifest.targets[ROWS])
    images = (torch.from_numpy(pictures()[ROWS]) / 255 - 0.5) / 0.25
    outputs = model.eval()(images).detach()
    assert outcome.predictions.dtype == np.float32
    np.testing.assert_allclose(outcome.predictions, torch.softmax(outputs, 1), atol=1e-5)
    targets = torch.from_numpy(outcome.targets)
    loss = float(nn.functional.cross_entropy(outputs, targets))
    assert outcome.scores.overall["loss"] == pytest.approx(loss, rel=1e-5)
    accuracy = float((outputs.argmax(1) == targets).double().mean())
    assert outcome.scores.overall["accuracy"] == pytest.approx(accuracy)


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_as_it_was(training: bool) -> None:
    model = network().train(training)
    before = bits(model)
    evaluated(model, 16)
    assert all(module.training is training for module in model.modules())
    assert bits(model) == before
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_model_goes_on_in_training_mode_after_a_failure() -> None:
    model = nn.Linear(5, 3)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        evaluated(model, 16, pool=pool_of(np.ones((60, 4), np.float32)))
    assert model.training


def test_nothing_is_drawn_from_the_global_generators() -> None:
    """Neither where a Dataset's samples are random themselves; these are the same each time."""

    def noisy(row: int) -> Array:
        offset = np.float32(random.random() + torch.rand(()).item())
        return np.random.rand(3, 6, 6).astype(np.float32) + offset

    model = network()
    before = random.getstate(), str(np.random.get_state()), torch.get_rng_state()
    outcomes = [evaluated(model, size, pool=pool_of(pictures(), noisy)) for size in (50, 16)]
    assert random.getstate() == before[0]
    assert str(np.random.get_state()) == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])
    np.testing.assert_allclose(outcomes[0].predictions, outcomes[1].predictions, atol=1e-6)


def test_no_gradients_are_kept() -> None:
    outputs, targets, samples = collect(
        network(), task_of(), Batches(pool_of(pictures()), ROWS, 16).epoch(), contextlib.nullcontext
    )
    assert not outputs.requires_grad
    assert (outputs.shape, targets.shape, samples.tolist()) == ((50, 3), (50,), ROWS.tolist())


@final
class Masked(nn.Module):
    """Keeps a tensor that it made in its first forward pass, as many a transformer keeps its mask."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(108, 3)
        self.mask: Tensor | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        if self.mask is None:
            self.mask = torch.ones_like(inputs[:1].flatten(1))
        outputs: Tensor = self.layer(inputs.flatten(1)) * self.mask[:, :3]
        return outputs


def test_a_model_that_keeps_tensors_can_be_trained_on() -> None:
    model = Masked()
    evaluated(model, 16)
    model(torch.ones(2, 3, 6, 6)).sum().backward()
    assert model.layer.weight.grad is not None


def test_outputs_that_are_not_finite_have_a_loss_and_no_scores() -> None:
    model = network()
    with torch.no_grad():
        next(model.parameters()).fill_(math.nan)
    outcome = evaluated(model, 16)
    assert outcome.scores.overall.keys() == {"loss"}
    assert math.isnan(outcome.scores.overall["loss"])
    assert outcome.scores.per_class == {}


def test_reduced_precision_is_for_the_model_alone() -> None:
    """Outputs, loss and predictions are float32."""
    precisions: list[bool] = []

    @final
    class Asking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(108, 3)

        def forward(self, inputs: Tensor) -> Tensor:
            outputs: Tensor = self.layer(inputs.flatten(1))
            precisions.append(outputs.dtype == torch.bfloat16)
            return outputs

    def read(row: int) -> Array:
        precisions.append(not torch.is_autocast_enabled("cpu"))  # a Dataset's own code
        image: Array = pictures()[row]
        return image

    def autocast() -> Any:
        return torch.autocast("cpu", torch.bfloat16)

    batches = Batches(pool_of(pictures(), read), ROWS, 25).epoch()
    outcome = evaluate_batches(Asking(), task_of(), batches, autocast)
    assert precisions == [True] * 52
    assert outcome.predictions.dtype == np.float32
    np.testing.assert_allclose(outcome.predictions.sum(1), 1, atol=1e-6)


def test_normalised_values_are_scored_in_the_units_of_the_data() -> None:
    """The loss stays that of training; a model that is off by one spread is off by 20 units."""
    inputs = np.random.default_rng(0).normal(size=(60, 1)).astype(np.float32)
    values = 500 + 20 * inputs
    manifest = Manifest(pl.Series([str(row) for row in range(60)]), values, "value", ("price",))
    pool = replace(
        pool_of(inputs),
        targets=target_tensor(manifest),
        normalizer=Normalizer(torch.zeros(1), torch.ones(1)),
    )
    context = TaskContext(("price",), nn.MSELoss(), target_shift=(500.0,), target_scale=(20.0,))
    model = nn.Linear(1, 1)
    with torch.no_grad():
        model.weight.fill_(1)
        model.bias.fill_(1)
    outcome = evaluated(model, 16, Regression(context), pool)
    assert outcome.scores.overall["loss"] == pytest.approx(1, rel=1e-4)
    assert outcome.scores.overall["mae"] == pytest.approx(20, rel=1e-4)
    assert outcome.scores.overall["rmse"] == pytest.approx(20, rel=1e-4)
    np.testing.assert_allclose(outcome.targets, values[ROWS], rtol=1e-6)
    np.testing.assert_allclose(outcome.predictions, values[ROWS] + 20, rtol=1e-6)


def test_training_batches_can_be_evaluated_in_their_own_order() -> None:
    batches = Batches(pool_of(pictures()), ROWS, 7, Augment())
    outcome = evaluate_batches(network(), task_of(), batches.epoch(3), contextlib.nullcontext)
    assert np.array_equal(outcome.samples, np.concatenate(batches.order(3)))
