from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn

from epochal.data.augment.mix import Mixup
from epochal.data.batch import Batch
from epochal.data.draws import Draws
from epochal.losses.focal import FocalLoss, SigmoidFocalLoss
from epochal.tasks.classification import Classification
from epochal.tasks.task import TaskContext

NAMES = ("cat", "dog", "owl")


def several(criterion: nn.Module | None = None) -> Classification:
    return Classification(TaskContext(NAMES, criterion or nn.CrossEntropyLoss()))


def single(criterion: nn.Module | None = None) -> Classification:
    return Classification(TaskContext(("no", "yes"), criterion or nn.BCEWithLogitsLoss(), single_output=True))


def two() -> Classification:
    return Classification(TaskContext(("no", "yes"), nn.CrossEntropyLoss()))


def logits(count: int, width: int) -> torch.Tensor:
    return 3 * torch.randn(count, width, generator=torch.Generator().manual_seed(0))


def test_the_width_of_outputs() -> None:
    assert (several().outputs, two().outputs, single().outputs) == (3, 2, 1)


def test_loss_of_classes_is_the_mean_negative_log_likelihood() -> None:
    outputs, targets = logits(5, 3), torch.tensor([0, 2, 1, 1, 0])
    p = np.exp(outputs.double().numpy())
    p /= p.sum(1, keepdims=True)
    expected = -np.log(p[np.arange(5), targets.numpy()]).mean()
    assert float(several().loss(outputs, targets)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("criterion", [nn.CrossEntropyLoss(), FocalLoss(gamma=2)])
def test_mixed_targets_weigh_the_losses_of_their_classes(criterion: nn.Module) -> None:
    """-sum of share times log p, which is linear in the shares; certain shares are the classes themselves."""
    task, outputs = several(criterion), logits(4, 3)
    first, second = torch.tensor([0, 1, 2, 2]), torch.tensor([1, 0, 2, 0])
    mixed = 0.75 * nn.functional.one_hot(first, 3) + 0.25 * nn.functional.one_hot(second, 3)
    expected = 0.75 * task.loss(outputs, first) + 0.25 * task.loss(outputs, second)
    torch.testing.assert_close(task.loss(outputs, mixed), expected)
    certain = nn.functional.one_hot(first, 3).float()
    torch.testing.assert_close(task.loss(outputs, certain), task.loss(outputs, first))


def test_running_accuracy_is_against_the_larger_share() -> None:
    outputs = torch.tensor([[9.0, 0, 0], [0, 9.0, 0], [0, 0, 9.0], [0, 0, 9.0]])
    assert float(several().running(outputs, torch.tensor([0, 1, 1, 2]))["accuracy"]) == 0.75
    mixed = torch.tensor([[0.6, 0.4, 0], [0.6, 0.4, 0], [0, 0.1, 0.9], [0.5, 0.2, 0.3]])
    assert float(several().running(outputs, mixed)["accuracy"]) == 0.5


def test_what_mixup_gives_is_understood() -> None:
    given = Batch(torch.randn(6, 4), torch.tensor([0, 1, 0, 1, 1, 0]), torch.arange(6))
    mixed = Mixup(alpha=1.0, classes=2)(given, Draws(1, 0, given.samples, stream=1))
    z = logits(6, 1)
    both = torch.cat([torch.zeros_like(z), z], dim=1)  # the same odds from two outputs
    torch.testing.assert_close(single().loss(z, mixed.targets), two().loss(both, mixed.targets))
    assert single().running(z, mixed.targets) == two().running(both, mixed.targets)


def test_one_output_says_what_two_would_say() -> None:
    z, targets = logits(40, 1), torch.arange(40) % 2
    both = torch.cat([torch.zeros_like(z), z], dim=1)
    torch.testing.assert_close(single().loss(z, targets), two().loss(both, targets))
    assert single().running(z, targets) == two().running(both, targets)
    predictions = single().predict(z)
    torch.testing.assert_close(predictions, two().predict(both))
    one, other = (
        task.scores(task.predict(outputs).numpy(), targets.numpy())
        for task, outputs in ((single(), z), (two(), both))
    )
    assert one.overall == pytest.approx(other.overall)


def test_a_focal_loss_takes_one_output() -> None:
    z, targets = logits(10, 1), torch.arange(10) % 2
    plain = single(SigmoidFocalLoss(gamma=0, alpha=None)).loss(z, targets)
    torch.testing.assert_close(plain, single().loss(z, targets))


@pytest.mark.parametrize("task", [several(), two(), single()], ids=["several", "two", "single"])
def test_predictions_are_probabilities_and_running_accuracy_is_theirs(task: Classification) -> None:
    outputs = logits(50, task.outputs)
    targets = torch.arange(50) % len(task.names)
    predictions = task.predict(outputs.bfloat16())
    assert predictions.dtype == torch.float32
    predictions = task.predict(outputs)
    assert predictions.shape == (50, len(task.names))
    torch.testing.assert_close(predictions.sum(1), torch.ones(50))
    scores = task.scores(predictions.numpy(), targets.numpy())
    running = task.running(outputs, targets)
    assert running.keys() <= scores.overall.keys()
    assert scores.overall["accuracy"] == pytest.approx(float(running["accuracy"]))
    assert scores.per_class.keys() == set(task.names)
    assert task.curves(predictions.numpy(), targets.numpy()).keys() == {
        "confusion",
        "roc",
        "precision_recall",
    }


@pytest.mark.parametrize("task", [several(), single()], ids=["several", "single"])
def test_extreme_outputs_stay_finite(task: Classification) -> None:
    outputs = torch.tensor([[1e4], [-1e4]]).expand(2, task.outputs).contiguous()
    assert torch.isfinite(task.predict(outputs)).all()
    assert math.isfinite(float(task.loss(outputs, torch.tensor([0, 1]))))


def test_the_table_names_classes_and_gives_each_its_probability() -> None:
    predictions = np.array([[0.2, 0.5, 0.3], [0.9, 0.1, 0.0]], np.float32)
    table = pl.DataFrame(several().table(predictions, np.array([2, 0])))
    assert table.columns == ["TARGET", "PREDICTION", "PROBABILITY_cat", "PROBABILITY_dog", "PROBABILITY_owl"]
    assert table["TARGET"].to_list() == ["owl", "cat"]
    assert table["PREDICTION"].to_list() == ["dog", "cat"]
    assert np.array_equal(table[:, 2:].to_numpy(), predictions)
    assert list(several().table(predictions, None)) == table.columns[1:]


def test_a_table_of_no_predictions_can_be_written(tmp_path: Path) -> None:
    table = pl.DataFrame(several().table(np.zeros((0, 3), np.float32), None))
    assert table.write_csv() == "PREDICTION,PROBABILITY_cat,PROBABILITY_dog,PROBABILITY_owl\n"
    table.write_parquet(tmp_path / "none.parquet")
    assert pl.read_parquet(tmp_path / "none.parquet")["PREDICTION"].dtype == pl.String
