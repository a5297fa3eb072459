from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from epochal.data.batch import Batch
from epochal.engine.not_finite import explain, explain_data, sample_list
from epochal.tasks.classification import Classification
from epochal.tasks.regression import Regression
from epochal.tasks.task import Task, TaskContext

Criterion = Callable[[Tensor, Tensor], Tensor]


class DividesByZero(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        return inputs / torch.zeros_like(inputs)


class Overflows(nn.Module):
    """Infinite where a sample's first value is above 1."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * torch.exp(1000 * (inputs[:, :1] - 1))


class InDict(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = DividesByZero()

    def forward(self, inputs: Tensor) -> dict[str, Any]:
        return {"kept": inputs, "more": [(self.inner(inputs), None)]}


class OwnCode(nn.Module):
    """The fault stands between the modules, in the model's own forward."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, inputs: Tensor) -> Tensor:
        hidden: Tensor = self.body(inputs)
        return hidden / (hidden - hidden)


class Unwraps(nn.Module):
    def forward(self, given: dict[str, Any]) -> Tensor:
        inner: Tensor = given["more"][0][0]
        return inner


class OnlyWithDraws(nn.Module):
    """Not finite for the samples whose first draw, of three, is above one half."""

    def forward(self, inputs: Tensor) -> Tensor:
        draws = torch.rand(len(inputs), 3)
        return torch.where(draws[:, :1] > 0.5, torch.nan, inputs)


class Once(nn.Module):
    """Not finite the first time only, for reasons that no generator knows."""

    def __init__(self) -> None:
        super().__init__()
        self.called = False

    def forward(self, inputs: Tensor) -> Tensor:
        factor = 1.0 if self.called else torch.nan
        self.called = True
        return inputs * factor


def name(row: int) -> str:
    return f"{row}.png"


def batch_of(inputs: Tensor, targets: Tensor | None = None) -> Batch:
    count = len(inputs)
    return Batch(inputs, torch.arange(count) % 3 if targets is None else targets, torch.arange(count) + 10)


def classification(criterion: Criterion | None = None) -> Task:
    return Classification(TaskContext(("a", "b", "c"), criterion or nn.CrossEntropyLoss()))


def explained(model: nn.Module, batch: Batch, task: Task | None = None) -> str:
    return explain_data(batch, name) or explain(model, task or classification(), batch, nullcontext, name)


@pytest.fixture
def inputs() -> Tensor:
    return torch.linspace(-1, 1, 24).reshape(4, 6)


def test_samples_with_inputs_that_are_not_finite_are_named(inputs: Tensor) -> None:
    inputs[2, 5] = torch.nan
    text = explained(nn.Linear(6, 3), batch_of(inputs))
    assert text == "the inputs of 12.png (1 of the batch's 4 samples) are not finite"


def test_at_most_eight_samples_are_named() -> None:
    inputs = torch.zeros(20, 6)
    inputs[3:15] = torch.inf
    text = explained(nn.Linear(6, 3), batch_of(inputs))
    assert "13.png, 14.png" in text
    assert "20.png and 4 more (12 of the batch's 20 samples)" in text
    assert "21.png" not in text


def test_targets_that_are_not_finite_are_found(inputs: Tensor) -> None:
    targets = torch.tensor([[0.0], [1.0], [torch.inf], [2.0]])
    task = Regression(TaskContext(("y",), nn.MSELoss(), target_shift=(0.0,), target_scale=(1.0,)))
    text = explained(nn.Linear(6, 1), batch_of(inputs, targets), task)
    assert text == "the targets of 12.png (1 of the batch's 4 samples) are not finite"


def test_the_module_inside_containers_is_named_and_not_what_comes_after_it(inputs: Tensor) -> None:
    inner = nn.Sequential(nn.Linear(6, 6), DividesByZero(), nn.Linear(6, 6))
    text = explained(nn.Sequential(nn.Tanh(), inner, nn.Linear(6, 3)), batch_of(inputs))
    assert text.startswith(
        "1.1 (DividesByZero) is the first whose output is not finite; its inputs are (larg"
    )
    assert "weights" not in text


def test_outputs_in_containers_are_looked_into(inputs: Tensor) -> None:
    model = nn.Sequential(InDict(), Unwraps(), nn.Linear(6, 3))
    assert explained(model, batch_of(inputs)).startswith("0.inner (DividesByZero)")


def test_a_fault_in_the_forward_of_a_container_is_the_container_s(inputs: Tensor) -> None:
    text = explained(OwnCode(nn.Linear(6, 3)), batch_of(inputs))
    assert text.startswith("the model itself (OwnCode)")
    assert text.endswith("it happens in its own forward, not in a module inside it")


def test_weights_that_are_not_finite_are_told(inputs: Tensor) -> None:
    last = nn.Linear(6, 3)
    model = nn.Sequential(nn.Linear(6, 6), nn.ReLU(), last)
    with torch.no_grad():
        last.weight[0, 0] = torch.inf
    text = explained(model, batch_of(inputs.abs() + 1))
    assert text.startswith("2 (Linear) is the first")
    assert "its weights (weight) are not finite: the gradients of an earlier step were not" in text


def test_single_samples_of_an_output_are_named(inputs: Tensor) -> None:
    inputs[:, 0] = torch.tensor([0.0, 2.0, 0.5, 3.0])
    model = nn.Sequential(Overflows(), nn.Linear(6, 3))
    assert "0 (Overflows)" in explained(model, batch_of(inputs))
    assert "for 11.png, 13.png (2 of the batch's 4 samples)" in explained(model, batch_of(inputs))


def test_a_module_called_twice_is_found_at_the_call_that_failed(inputs: Tensor) -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.power = nn.Sequential()
            self.linear = nn.Linear(6, 3)
            self.again = Overflows()

        def forward(self, inputs: Tensor) -> Tensor:
            once: Tensor = self.again(inputs)
            twice: Tensor = self.linear(self.again(once + 3))
            return twice

    assert explained(Twice(), batch_of(inputs)).startswith("again (Overflows)")


def test_minus_infinity_in_a_mask_is_no_fault_of_the_inputs() -> None:
    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(6, 1, batch_first=True)

        def forward(self, inputs: Tensor) -> Tensor:
            nothing = torch.full((2, 2), -torch.inf)
            attended, _ = self.attention(inputs, inputs, inputs, attn_mask=nothing)
            first: Tensor = attended[:, 0, :3]
            return first

    assert explained(Attends(), batch_of(torch.ones(4, 2, 6))).startswith("attention (MultiheadAttention)")


def test_the_loss_is_named_where_all_outputs_are_finite(inputs: Tensor) -> None:
    def logarithm(outputs: Tensor, targets: Tensor) -> Tensor:
        return -outputs[:, 0].log().mean()

    class FirstValues(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs[:, :3]

    inputs[:, 0] = torch.tensor([1.0, 2.0, 0.0, 40.0])
    text = explained(FirstValues(), batch_of(inputs), classification(logarithm))
    assert text == (
        "all outputs are finite (largest 40); the loss is not for 12.png (1 of the batch's 4 samples)"
    )

    def of_pairs(outputs: Tensor, targets: Tensor) -> Tensor:
        if len(outputs) < 2:
            raise ValueError("pairs are needed")
        return outputs.sum() / 0

    text = explained(FirstValues(), batch_of(inputs), classification(of_pairs))
    assert text == "all outputs are finite (largest 40); the loss is not"


def test_the_precision_is_told_where_it_is_small(inputs: Tensor) -> None:
    first = nn.Linear(6, 3, bias=False)
    model = nn.Sequential(first, nn.Identity())
    with torch.no_grad():
        first.weight.fill_(3e38)
    text = explain(
        model,
        classification(),
        batch_of(inputs.abs() + 2),
        lambda: torch.autocast("cpu", torch.bfloat16),
        name,
    )
    assert text.startswith("0 (Linear) is the first whose output is not finite in bfloat16 (up to 3.4e+38)")


def test_a_second_forward_pass_that_is_finite_is_told(inputs: Tensor) -> None:
    model = nn.Sequential(Once(), nn.Linear(6, 3))
    assert model(inputs).isnan().any()
    text = explained(model, batch_of(inputs))
    assert text.startswith("it is finite in a second forward pass of the same batch (all outputs are finite")
    assert "depends on random draws" in text


def states() -> list[Any]:
    _, keys, position, *_ = np.random.get_state(legacy=True)
    return [torch.get_rng_state().tolist(), random.getstate(), np.asarray(keys).tolist(), position]


def test_nothing_is_changed(inputs: Tensor) -> None:
    class Draws(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            return inputs + random.random() + float(np.random.rand())

    model = nn.Sequential(nn.BatchNorm1d(6), Draws(), nn.Dropout(), DividesByZero(), nn.Linear(6, 3)).train()
    buffers = dict(model.named_buffers())
    values = {key: value.clone() for key, value in buffers.items()}
    generators = states()
    assert explained(model, batch_of(inputs)).startswith("3 (DividesByZero)")
    assert states() == generators
    assert all(model.get_buffer(key) is buffer for key, buffer in buffers.items())
    assert all(torch.equal(model.get_buffer(key), value) for key, value in values.items())
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    assert all(weight.grad is None for weight in model.parameters())


def test_hooks_are_gone_after_a_forward_pass_that_fails(inputs: Tensor) -> None:
    class Fails(nn.Module):
        def forward(self, inputs: Tensor) -> Tensor:
            raise ValueError("no")

    model = nn.Sequential(nn.Linear(6, 6), Fails())
    with pytest.raises(ValueError, match="no"):
        explained(model, batch_of(inputs))
    assert not any(module._forward_hooks for module in model.modules())


def test_the_list_of_samples_names_all(inputs: Tensor) -> None:
    assert sample_list(batch_of(inputs).samples.tolist(), name) == "the batch: 10.png, 11.png, 12.png, 13.png"
