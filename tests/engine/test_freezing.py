"""What is frozen stays as it is to the last bit, and trains from the epoch on that thaws it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from small_training import Training, make_training
from torch import Tensor, nn

from epochal.engine.config import TrainingConfig
from epochal.engine.freezing import late_unfreezing
from epochal.engine.loop import Hook
from epochal.engine.state import TrainState
from epochal.errors import ConfigError

OPTIMIZER = {"name": "AdamW", "lr": 0.05, "weight_decay": 0.5}


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8), nn.Linear(8, 3))


class Weights(Hook):
    """The model's and the average's tensors after each epoch."""

    def __init__(self, training: Training) -> None:
        self.model = [_copied(training.state.model)]
        self.evaluated = [_copied(training.state.evaluated)]

    def after_epoch(self, state: TrainState, row: dict[str, float], is_best: bool) -> None:
        self.model.append(_copied(state.model))
        self.evaluated.append(_copied(state.evaluated))


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def _changed(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    return {name for name, value in before.items() if not torch.equal(value, after[name])}


def train(**settings: Any) -> Weights:
    training = make_training(network, optimizer=OPTIMIZER, **settings)
    weights = Weights(training)
    training.run(weights)
    return weights


def test_the_backbone_stays_while_the_classifier_trains() -> None:
    weights = train(freeze="backbone", ema=0.9)
    assert _changed(weights.model[0], weights.model[-1]) == {"4.weight", "4.bias"}
    assert _changed(weights.evaluated[0], weights.evaluated[-1]) == {"4.weight", "4.bias"}


def test_each_part_trains_from_its_epoch_on() -> None:
    weights = train(epochs=4, freeze=["0.*", "1.*", "3.*"], unfreeze={2: "3.*", 4: "all"})
    changes = [_changed(*pair) for pair in zip(weights.model, weights.model[1:], strict=False)]
    head, last = {"4.weight", "4.bias"}, {"3.weight", "3.bias"}
    assert changes[:3] == [head, head | last, head | last]
    assert changes[3] == set(weights.model[0])


def test_the_statistics_of_a_frozen_norm_can_go_on() -> None:
    weights = train(freeze="backbone", freeze_statistics=False)
    statistics = {"1.running_mean", "1.running_var", "1.num_batches_tracked"}
    assert _changed(weights.model[0], weights.model[-1]) == {"4.weight", "4.bias"} | statistics


def test_only_what_ever_trains_has_a_place_in_the_optimizer() -> None:
    training = make_training(network, optimizer=OPTIMIZER, freeze=["0.*", "3.*"], unfreeze={2: "3.*"})
    training.run()
    held = {id(each) for group in training.state.optimizer.param_groups for each in group["params"]}
    names = {name for name, each in training.state.model.named_parameters() if id(each) in held}
    assert names == {"1.weight", "1.bias", "3.weight", "3.bias", "4.weight", "4.bias"}
    assert len(training.state.optimizer.state) == len(names)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"freeze": ["9.*"]}, r"training.freeze: no parameter matches '9\.\*'"),
        ({"freeze": "0.*", "unfreeze": {2: "3.*"}}, r"training.unfreeze.2: no frozen parameter matches"),
        ({"freeze": "*", "unfreeze": {2: "all"}}, "every parameter of the model is frozen"),
    ],
)
def test_patterns_that_can_not_be_meant(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        make_training(network, **settings)


def test_an_epoch_that_does_not_come_is_told() -> None:
    asked = TrainingConfig.model_validate(
        {"epochs": 4, "freeze": "backbone", "unfreeze": {9: "all", 3: "2.*", 5: "1.*"}}
    )
    assert late_unfreezing(asked).startswith("training.unfreeze: epoch 5, 9 does not come")
    assert late_unfreezing(asked.model_copy(update={"epochs": 9})) == ""
