from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from epochal.engine.config import OptimizerConfig
from epochal.engine.optimizers import build_optimizers
from epochal.engine.own_step import StepState
from epochal.errors import ConfigError


class Pair(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(2, 2), nn.Linear(2, 1)


def build(**configs: dict[str, Any]) -> dict[str, torch.optim.Optimizer]:
    parts = {name: OptimizerConfig(**config) for name, config in configs.items()}
    return build_optimizers(parts, Pair())


def test_each_optimizer_has_the_parameters_of_its_sub_module() -> None:
    found = build(first={"name": "Adam", "lr": 0.1}, second={"name": "SGD", "lr": 0.2})
    shapes = {
        name: [tuple(parameter.shape) for group in each.param_groups for parameter in group["params"]]
        for name, each in found.items()
    }
    assert shapes == {"first": [(2, 2), (2,)], "second": [(1, 2), (1,)]}
    assert type(found["second"]) is torch.optim.SGD


@pytest.mark.parametrize(
    ("configs", "where", "said"),
    [
        ({"first": {}, "secnd": {}}, "optimizer.secnd", "no sub-module 'secnd'"),
        ({"first": {}}, "optimizer", "no optimizer trains the parameter 'second.weight'"),
        (
            {"": {}, "first": {}},
            "optimizer",
            "2 optimizers,  and first, train the parameter 'first.weight'",
        ),
        ({"first": {}, "second": {"lr": -1.0}}, "optimizer.second", "Invalid learning rate"),
    ],
)
def test_what_does_not_fit_the_model_is_named(
    configs: dict[str, dict[str, Any]], where: str, said: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        build(**{name: {"name": "SGD", "lr": 0.1, **config} for name, config in configs.items()})
    assert raised.value.problems[0].where == where
    assert said in raised.value.problems[0].what


def test_an_update_changes_its_own_parameters_alone_and_clips_their_gradient() -> None:
    model = Pair()
    optimizers = {name: torch.optim.SGD(part.parameters(), lr=1.0) for name, part in model.named_children()}
    state = StepState(
        model,
        torch.device("cpu"),
        torch.no_grad,
        optimizers,
        _steps={name: each.step for name, each in optimizers.items()},
        _gradient_clip=0.5,
    )
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state.update("first", 100 * state.second(state.first(torch.ones(3, 2))).sum())
    after = model.state_dict()
    changes = {name: after[name] - before[name] for name in before}
    moved = torch.cat([changes["first.weight"].flatten(), changes["first.bias"]])
    assert float(moved.norm()) == pytest.approx(0.5, rel=1e-4)
    assert not changes["second.weight"].any()
    assert model.second.weight.grad is None
    with pytest.raises(ConfigError, match="no single optimizer"):
        _ = state.optimizer
    with pytest.raises(AttributeError, match="third"):
        _ = state.third


def test_float16_scales_the_loss_and_leaves_the_same_step() -> None:
    def weights(enabled: bool) -> torch.Tensor:
        torch.manual_seed(0)
        model = Pair()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        scaler = torch.amp.GradScaler("cpu", enabled=True) if enabled else None
        state = StepState(
            model,
            torch.device("cpu"),
            torch.no_grad,
            {"model": optimizer},
            _steps={"model": optimizer.step},
            _scaler=scaler,
            _gradient_clip=0.5,
        )
        for _ in range(3):
            state.update("model", model.second(model.first(torch.ones(3, 2))).square().sum())
        return model.first.weight.detach()

    torch.testing.assert_close(weights(True), weights(False))
