from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from epochal.analysis.losses import sample_losses
from epochal.losses.focal import FocalLoss
from epochal.tasks.classification import Classification
from epochal.tasks.multilabel import Multilabel
from epochal.tasks.regression import Regression
from epochal.tasks.task import Criterion, TaskContext

LOGITS = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
TARGETS = torch.arange(50) % 3


@pytest.mark.parametrize(
    "criterion",
    [
        nn.CrossEntropyLoss(),
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 5.0, 0.0])),
        nn.CrossEntropyLoss(label_smoothing=0.1),
        FocalLoss(),
    ],
    ids=["plain", "weighted", "smoothed", "focal"],
)
def test_losses_of_samples_are_the_loss_of_one_and_average_to_the_whole(criterion: Criterion) -> None:
    task = Classification(TaskContext(("a", "b", "c"), criterion))
    found = sample_losses(task, LOGITS, TARGETS)
    assert found is not None
    losses, counts = found
    assert np.average(losses, weights=counts) == pytest.approx(float(task.loss(LOGITS, TARGETS)), rel=1e-5)
    assert losses[4] == pytest.approx(float(task.loss(LOGITS[4:5], TARGETS[4:5])), rel=1e-5)


def test_one_logit_labels_and_values() -> None:
    single = Classification(TaskContext(("a", "b"), nn.BCEWithLogitsLoss(), single_output=True))
    labels = Multilabel(TaskContext(("a", "b", "c"), nn.BCEWithLogitsLoss()))
    values = Regression(TaskContext(("x",), nn.MSELoss(), target_shift=(1.0,), target_scale=(2.0,)))
    for task, outputs, targets in (
        (single, LOGITS[:, :1], TARGETS % 2),
        (labels, LOGITS, (LOGITS.roll(1, 0) > 0).float()),
        (values, LOGITS[:, :1], LOGITS[:, 1:2]),
    ):
        found = sample_losses(task, outputs, targets)
        assert found is not None
        assert found[0].shape == (50,)
        assert found[0].mean() == pytest.approx(float(task.loss(outputs, targets)), rel=1e-5)


def test_a_loss_of_the_whole_has_no_losses_of_samples() -> None:
    def spread(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return outputs.std(unbiased=False) + targets.float().mean()

    task = Classification(TaskContext(("a", "b", "c"), spread))
    assert sample_losses(task, LOGITS, TARGETS) is None


def test_many_samples_are_asked_one_by_one_only_with_patience() -> None:
    task = Classification(TaskContext(("a", "b", "c"), FocalLoss()))
    outputs, targets = LOGITS.repeat(401, 1), TARGETS.repeat(401)
    assert sample_losses(task, outputs, targets) is None
