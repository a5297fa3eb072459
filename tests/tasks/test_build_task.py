from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from epochal.config.component import Component
from epochal.errors import ConfigError
from epochal.tasks.build import DEFAULT_LOSSES, TASKS, build_task, task_class
from epochal.tasks.task import TaskContext

OWN = """
from typing import final

import epochal


@final
class Weighted(epochal.Task):
    target = "value"
    monitor = "val/loss"

    def __init__(self, context, weight: float = 1.0):
        super().__init__(context)
        self.weight = weight

    def loss(self, outputs, targets):
        return self.weight * super().loss(outputs, targets)

    def running(self, outputs, targets):
        return {}

    def predict(self, outputs):
        return outputs

    def scores(self, predictions, targets):
        return epochal.Scores({})

    def curves(self, predictions, targets):
        return {}

    def table(self, predictions, targets):
        return {}


class NoTask:
    pass
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_tasks.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)


def test_every_task_has_a_default_loss_and_a_score_to_follow_or_none_of_both() -> None:
    context = TaskContext(("a", "b"), nn.MSELoss())
    for name in TASKS.names:
        task = build_task(Component(name=name), context)
        assert task.names == ("a", "b")
        assert task.target in DEFAULT_LOSSES
        assert task.has_loss == (task.monitor is not None and task.monitor.startswith("val/"))


def test_a_task_of_the_users_gets_its_arguments(project: None) -> None:
    component = Component.model_validate({"name": "own_tasks:Weighted", "weight": 3.0})
    task = build_task(component, TaskContext(("y",), nn.L1Loss()))
    assert float(task.loss(torch.zeros(2, 1), torch.ones(2, 1))) == 3


def test_what_is_no_task_is_refused(project: None) -> None:
    with pytest.raises(ConfigError, match=r"'own_tasks:NoTask' is no task; .* derived from epochal\.Task"):
        task_class(Component(name="own_tasks:NoTask"))
    with pytest.raises(ConfigError, match="did you mean 'regression'"):
        task_class(Component(name="regresion"))
