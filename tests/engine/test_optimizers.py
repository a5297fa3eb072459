from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.optim.optimizer import register_optimizer_step_post_hook

from epochal.config.component import Component
from epochal.engine.config import OptimizerConfig
from epochal.engine.optimizers import (
    OPTIMIZERS,
    build_optimizer,
    check_optimizer,
    parameter_groups,
    plain_step,
)
from epochal.errors import ConfigError
from epochal.models.build import build_model

EVERY = sorted(set(OPTIMIZERS.listing() if OPTIMIZERS.listing else ()))
REFUSED = {"LBFGS": "several times a step", "SparseAdam": "sparse gradients"}


def mlp(**arguments: Any) -> nn.Module:
    component = Component.model_validate({"name": "mlp", "hidden": [5], "batch_norm": True, **arguments})
    return build_model(component, (4,), 3, seed=0)


def names_by_group(config: OptimizerConfig, model: nn.Module) -> list[tuple[dict[str, Any], set[str]]]:
    """The options of each group, and the names of its parameters."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return [
        (
            {key: value for key, value in group.items() if key != "params"},
            {names[id(parameter)] for parameter in group["params"]},
        )
        for group in parameter_groups(config, model)
    ]


@pytest.mark.parametrize("name", [name for name in EVERY if name not in (*REFUSED, "Muon")])
def test_every_optimizer_of_torch_takes_a_step(name: str) -> None:
    model = mlp()
    config = OptimizerConfig(name=name, lr=0.05)
    assert check_optimizer(config) == []
    optimizer = build_optimizer(config, model)
    before = [parameter.clone() for parameter in model.parameters()]
    for _ in range(2):
        F.cross_entropy(model(torch.randn(8, 4)), torch.arange(8) % 3).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
    assert not any(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))


@pytest.mark.parametrize("name", [name for name in EVERY if name not in (*REFUSED, "Muon")])
def test_a_plain_step_is_the_step_bit_for_bit(name: str) -> None:
    def train(plain: bool) -> list[torch.Tensor]:
        torch.manual_seed(0)
        model = mlp()
        optimizer = build_optimizer(OptimizerConfig(name=name, lr=0.05), model)
        step = plain_step(optimizer) if plain else optimizer.step
        for _ in range(3):
            F.cross_entropy(model(torch.randn(8, 4)), torch.arange(8) % 3).backward()  # type: ignore[no-untyped-call]
            step()
            optimizer.zero_grad()
        return list(model.parameters())

    for one, other in zip(train(True), train(False), strict=True):
        assert torch.equal(one, other)


def test_an_optimizer_of_ones_own_and_one_with_hooks_step_as_they_are() -> None:
    class Own(torch.optim.SGD):
        steps = 0

        def step(self, closure: Any = None) -> Any:
            Own.steps += 1
            return super().step(closure)

    seen: list[Any] = []
    own, hooked = Own(mlp().parameters()), torch.optim.SGD(mlp().parameters())
    hooked.register_step_post_hook(lambda *arguments: seen.append(arguments))
    plain_step(own)()
    plain_step(hooked)()
    assert Own.steps == 1
    assert len(seen) == 1
    plain = torch.optim.SGD(mlp().parameters())
    handle = register_optimizer_step_post_hook(lambda *arguments: seen.append(arguments))
    try:
        plain_step(plain)()
    finally:
        handle.remove()
    assert len(seen) == 2


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_loop_can_not_do_is_refused_by_name(name: str) -> None:
    ((argument, problem),) = check_optimizer(OptimizerConfig(name=name))
    assert argument == "name"
    assert REFUSED[name] in str(problem)


def test_what_torch_refuses_is_an_error_of_the_section() -> None:
    if hasattr(torch.optim, "Muon"):  # torch 2.9 and later
        with pytest.raises(ConfigError, match=r"optimizer: Muon: Muon only supports 2D parameters"):
            build_optimizer(OptimizerConfig(name="Muon"), mlp())
    with pytest.raises(ConfigError, match=r"optimizer: SGD: Invalid learning rate: -1"):
        build_optimizer(OptimizerConfig(name="SGD", lr=-1), mlp())
    with pytest.raises(ConfigError, match=r"'builtins:list' gave no torch\.optim\.Optimizer"):
        build_optimizer(OptimizerConfig(name="builtins:list"), mlp())


def test_names_are_found_in_any_case() -> None:
    assert OPTIMIZERS.resolve("adamw") is torch.optim.AdamW
    with pytest.raises(ConfigError, match=r"no optimizer is called 'Adan'; did you mean .*'Adam'"):
        OPTIMIZERS.resolve("Adan")


def test_wrong_arguments_are_reported_with_their_place() -> None:
    config = OptimizerConfig(
        name="SGD",
        lrr=0.1,
        weight_decay="much",
        groups=({"parameters": "linear1.*", "momentun": 0.9}, {"lr": 0.1}),
    )
    found = {argument: str(problem) for argument, problem in check_optimizer(config)}
    assert found["lrr"] == "SGD takes no 'lrr'; did you mean 'lr'?"
    assert "can't be 'much'" in found["weight_decay"]
    assert found["groups.0.momentun"] == "SGD takes no 'momentun'; did you mean 'momentum'?"
    assert "needs 'parameters'" in found["groups.1"]
    ((argument, problem),) = check_optimizer(OptimizerConfig(name="Rprop", no_decay=True))
    assert (argument, str(problem)) == ("no_decay", "Rprop has no weight decay; leave no_decay out")


def test_no_decay_spares_biases_and_norms() -> None:
    config = OptimizerConfig(name="AdamW", weight_decay=0.1, no_decay=True)
    assert names_by_group(config, mlp()) == [
        ({}, {"linear1.weight", "classifier.weight"}),
        ({"weight_decay": 0.0}, {"norm1.weight", "norm1.bias", "classifier.bias"}),
    ]
    optimizer = build_optimizer(config, mlp())
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]


def test_the_backbone_has_its_own_rate() -> None:
    config = OptimizerConfig(name="SGD", lr=0.1, backbone_lr=0.001)
    optimizer = build_optimizer(config, mlp())
    assert [group["lr"] for group in optimizer.param_groups] == [0.001, 0.1]
    assert [names for _, names in names_by_group(config, mlp())] == [
        {"linear1.weight", "norm1.weight", "norm1.bias"},
        {"classifier.weight", "classifier.bias"},
    ]


def test_groups_by_pattern_the_first_match_wins() -> None:
    config = OptimizerConfig(
        name="SGD",
        lr=0.1,
        weight_decay=0.5,
        no_decay=True,
        groups=(
            {"parameters": "*.bias", "lr": 0.2},
            {"parameters": "norm1.*", "lr": 0.3, "weight_decay": 0.4},
        ),
    )
    assert names_by_group(config, mlp()) == [
        ({}, {"linear1.weight", "classifier.weight"}),
        ({"lr": 0.3, "weight_decay": 0.4}, {"norm1.weight"}),
        ({"lr": 0.2, "weight_decay": 0.0}, {"norm1.bias", "classifier.bias"}),
    ]


def test_a_pattern_that_gets_no_parameter_is_refused() -> None:
    for patterns in (["head.*"], ["*", "classifier.*"]):
        groups = tuple({"parameters": pattern, "lr": 1.0} for pattern in patterns)
        with pytest.raises(
            ConfigError, match=rf"optimizer\.groups\.{len(patterns) - 1}: no parameter is left"
        ):
            parameter_groups(OptimizerConfig(name="SGD", groups=groups), mlp())


def test_frozen_parameters_are_left_out() -> None:
    model = mlp()
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("classifier" in name)
    ((_, names),) = names_by_group(OptimizerConfig(name="SGD"), model)
    assert names == {"classifier.weight", "classifier.bias"}
    model.requires_grad_(requires_grad=False)
    with pytest.raises(ConfigError, match="model: the model has no parameter to train"):
        build_optimizer(OptimizerConfig(name="SGD"), model)


def test_tied_weights_are_in_one_group_once() -> None:
    model = nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 4))
    model[1].weight = model[0].weight
    groups = parameter_groups(OptimizerConfig(name="SGD", no_decay=True), model)
    assert sum(len(group["params"]) for group in groups) == 2


def test_one_kernel_a_step_where_torch_has_it_and_the_user_wants_nothing_else() -> None:
    def fused(model: nn.Module, **arguments: Any) -> Any:
        return build_optimizer(OptimizerConfig(**arguments), model).param_groups[0].get("fused")

    assert fused(mlp(), name="AdamW") is True
    assert fused(mlp(), name="Adagrad") is True
    assert not fused(mlp(), name="AdamW", fused=False)
    assert not fused(mlp(), name="AdamW", foreach=True)
    complex_model = nn.Linear(2, 2, dtype=torch.complex64)
    assert not fused(complex_model, name="Adam")
