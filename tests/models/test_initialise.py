from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from epochal.models import initialise


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(16, 64, 3), nn.BatchNorm2d(64), nn.Flatten(), nn.Linear(256, 300), nn.Linear(300, 50)
    )


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spread(model: nn.Sequential, layer: int) -> float:
    weight = model[layer].weight
    assert isinstance(weight, torch.Tensor)
    return weight.std().item()


def test_kaiming_has_the_papers_variance_and_small_outputs() -> None:
    model = network()
    initialise(model, "kaiming", generator())
    assert spread(model, 0) == pytest.approx(math.sqrt(2 / (16 * 9)), rel=0.05)
    assert spread(model, 3) == pytest.approx(math.sqrt(2 / 256), rel=0.05)
    assert spread(model, 4) == pytest.approx(0.1 * math.sqrt(2 / 300), rel=0.05)


def test_xavier_orthogonal_and_normal() -> None:
    model = network()
    initialise(model, "xavier", generator())
    assert spread(model, 3) == pytest.approx(math.sqrt(2 / (256 + 300)), rel=0.05)
    initialise(model, "orthogonal", generator())
    weight = model[3].weight
    assert isinstance(weight, torch.Tensor)
    torch.testing.assert_close(weight.T @ weight, torch.eye(256), atol=1e-4, rtol=0)
    initialise(model, "normal", generator())
    assert spread(model, 3) == pytest.approx(0.02, rel=0.05)


def test_biases_become_zero_and_norms_one() -> None:
    model = network()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 5.0)
    initialise(model, "xavier", generator())
    for layer in (0, 1, 3, 4):
        assert not model.get_parameter(f"{layer}.bias").any()
    assert model.get_parameter("1.weight").eq(1).all()


def test_none_leaves_everything() -> None:
    model = network()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    initialise(model, "none", generator())
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


def test_the_generator_decides_alone() -> None:
    one, two, other = network(), network(), network()
    torch.manual_seed(7)
    state = torch.get_rng_state()
    initialise(one, "kaiming", generator(1))
    initialise(two, "kaiming", generator(1))
    initialise(other, "kaiming", generator(2))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one.get_parameter("3.weight"), two.get_parameter("3.weight"))
    assert not torch.equal(one.get_parameter("3.weight"), other.get_parameter("3.weight"))
