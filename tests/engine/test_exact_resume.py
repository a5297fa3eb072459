"""Cut anywhere and continued from its file in a fresh state, a training ends bit for bit as without a cut."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_training import Drawing, StopAfter, Training, make_training, pictures
from torch import nn

from epochal.engine.checkpoint import read_checkpoint, write_checkpoint
from epochal.engine.interruption import Interruption
from epochal.errors import Interrupted


def dropout_net() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Dropout(0.3), Drawing(), nn.Linear(16, 3))


def norm_net() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))


def conv_net() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 3),
        nn.Dropout(0.2),
        nn.Flatten(),
        nn.Linear(32, 3),
    )


@dataclass(frozen=True)
class Case:
    """A training: 8 batches an epoch, 3 epochs."""

    model: Callable[[], nn.Module]
    optimizer: dict[str, Any]
    scheduler: dict[str, Any] | None = None
    images: bool = False
    training: dict[str, Any] | None = None

    def make(self) -> Training:
        return make_training(
            self.model,
            data=pictures(60) if self.images else None,
            optimizer=self.optimizer,
            scheduler=self.scheduler,
            **(self.training or {}),
        )


PLATEAU = {"name": "ReduceLROnPlateau", "patience": 0, "factor": 0.5, "threshold": 0.5}
CASES = {
    "adam": Case(dropout_net, {"name": "Adam", "lr": 0.01, "fused": False}),
    "adam_one_cycle": Case(dropout_net, {"name": "Adam"}, {"name": "OneCycleLR", "max_lr": 0.05}),
    "sgd": Case(
        norm_net,
        {"name": "SGD", "lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
        {"name": "CosineAnnealingLR", "warmup": 5, "per": "step"},
        training={"gradient_clip": 0.5},
    ),
    "adamw_plateau": Case(
        norm_net, {"name": "AdamW", "lr": 0.02, "no_decay": True}, PLATEAU, training={"ema": 0.8}
    ),
    "thawing": Case(
        norm_net,
        {"name": "AdamW", "lr": 0.02, "weight_decay": 0.5, "backbone_lr": 0.01},
        training={"ema": 0.8, "freeze": "backbone", "unfreeze": {2: "1.*", 3: "all"}},
    ),
    "accumulation": Case(
        dropout_net,
        {"name": "AdamW", "amsgrad": True, "lr": 0.01},
        {"name": "StepLR", "step_size": 1, "warmup": "1 epoch"},
        training={"accumulate": 3, "ema": 0.9},
    ),
    "convolution": Case(
        conv_net,
        {"name": "AdamW", "lr": 0.01},
        {"name": "CosineAnnealingLR", "warmup": 3},
        images=True,
        training={"ema": 0.9},
    ),
    "convolution_sgd": Case(
        conv_net,
        {"name": "SGD", "lr": 0.05, "momentum": 0.9},
        {"name": "CyclicLR", "base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4},
        images=True,
    ),
    "adagrad": Case(norm_net, {"name": "Adagrad", "lr": 0.05}, {"name": "ExponentialLR", "gamma": 0.5}),
    "rmsprop": Case(norm_net, {"name": "RMSprop", "lr": 0.01, "momentum": 0.5, "centered": True}),
    "two_optimizers": Case(
        dropout_net,
        {"0": {"name": "Adam", "lr": 0.02}, "4": {"name": "SGD", "lr": 0.1, "momentum": 0.9}},
        {"name": "CosineAnnealingLR", "warmup": 3, "per": "step"},
        training={"gradient_clip": 1.0, "ema": 0.9},
    ),
    "nadam": Case(dropout_net, {"name": "NAdam", "lr": 0.01}),
}


def cut_at(case: Case, step: int) -> Training:
    """The training, stopped after an optimiser step."""
    training = case.make()
    interruption = Interruption()
    with suppress(Interrupted):
        training.run(StopAfter(step, interruption), interruption=interruption)
    return training


def disturb() -> None:
    """Another process has generators in another state."""
    random.seed(99)
    np.random.seed(99)
    torch.manual_seed(99)


@pytest.mark.parametrize("where", ["first step", "mid-epoch", "end of an epoch"])
@pytest.mark.parametrize("name", CASES)
def test_resuming_is_exact(name: str, where: str, tmp_path: Path) -> None:
    case = CASES[name]
    uncut = case.make()
    uncut.run()
    per_epoch = uncut.state.counters.step // 3
    step = {"first step": 1, "mid-epoch": per_epoch + 2, "end of an epoch": 2 * per_epoch}[where]

    first = cut_at(case, step)
    assert first.state.counters.step == step
    assert (first.state.counters.batch == 0) == (where == "end of an epoch")
    path = tmp_path / "last.safetensors"
    write_checkpoint(path, *first.state.to_checkpoint())
    disturb()
    second = case.make()
    disturb()
    second.state.restore(*read_checkpoint(path))
    second.run()

    assert first.recorder.losses + second.recorder.losses == uncut.recorder.losses
    assert first.recorder.rates + second.recorder.rates == uncut.recorder.rates
    assert first.recorder.rows + second.recorder.rows == uncut.recorder.rows
    expected, expected_values = uncut.state.to_checkpoint()
    found, found_values = second.state.to_checkpoint()
    assert found_values == expected_values
    assert found.keys() == expected.keys()
    assert [key for key in found if not torch.equal(found[key], expected[key])] == []


def test_the_layout_of_channels_last_weights_and_moments_is_kept(tmp_path: Path) -> None:
    first = cut_at(CASES["convolution"], 3)
    path = tmp_path / "last.safetensors"
    write_checkpoint(path, *first.state.to_checkpoint())
    second = CASES["convolution"].make()
    second.state.restore(*read_checkpoint(path))
    weight = next(second.state.model.parameters())
    moment = second.state.optimizer.state[weight]["exp_avg"]
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert moment.stride() == weight.stride()
