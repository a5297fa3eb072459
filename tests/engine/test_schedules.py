from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from small_training import make_training
from torch import nn
from torch.optim import lr_scheduler

from epochal.engine.config import OptimizerConfig, SchedulerConfig, steps_of
from epochal.engine.loop import Monitor
from epochal.engine.optimizers import build_optimizer
from epochal.engine.schedules import SCHEDULERS, Schedule, check_scheduler
from epochal.errors import ConfigError
from epochal.tasks.scores import Scores

EPOCHS, STEPS = 5, 4  # steps an epoch

NEEDED: dict[str, dict[str, Any]] = {
    "ConstantLR": {"total_iters": 2},
    "CosineAnnealingWarmRestarts": {"T_0": 2},
    "CyclicLR": {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3},
    "ExponentialLR": {"gamma": 0.5},
    "LambdaLR": {"lr_lambda": "math:exp"},
    "MultiStepLR": {"milestones": [1, 3]},
    "MultiplicativeLR": {"lr_lambda": "math:erfc"},
    "OneCycleLR": {"max_lr": 0.5},
    "StepLR": {"step_size": 2},
}
"""What a scheduler's class has no default for, or one that is longer than these trainings."""
FILLED = {"CosineAnnealingLR": "T_max", "OneCycleLR": "total_steps", "PolynomialLR": "total_iters"}
PER_STEP = {"OneCycleLR", "CyclicLR"}
EVERY = sorted(set(SCHEDULERS.listing() if SCHEDULERS.listing else ()))


def new_optimizer(lr: float = 0.1, **arguments: Any) -> torch.optim.Optimizer:
    config = OptimizerConfig(name="SGD", lr=lr, momentum=0.9, **arguments)
    return build_optimizer(config, nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))


def rates(config: SchedulerConfig, scores: list[float] | None = None) -> list[float]:
    """The rate of each optimiser step of a training."""
    optimizer = new_optimizer()
    schedule = Schedule(optimizer, config, EPOCHS, STEPS, "max")
    used = []
    for epoch in range(EPOCHS):
        for _ in range(STEPS):
            used.append(schedule.rate)
            optimizer.step()
            schedule.after_step()
        schedule.after_epoch(scores[epoch] if scores else 0.0)
    return used


def by_hand(name: str, per: str, epochs: int = EPOCHS, **arguments: Any) -> list[float]:
    """The same with torch's own class, as its documentation writes the loop."""
    optimizer = new_optimizer()
    if "lr_lambda" in arguments:
        arguments["lr_lambda"] = getattr(math, arguments["lr_lambda"].partition(":")[2])
    scheduler = getattr(lr_scheduler, name)(optimizer, **arguments)
    used = []
    for _ in range(epochs):
        for step in range(STEPS):
            used.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            if per == "step" and len(used) < epochs * STEPS:
                scheduler.step()
            if per == "epoch" and step == STEPS - 1:
                scheduler.step()
    return used


@pytest.mark.parametrize("per", ["auto", "step", "epoch"])
@pytest.mark.parametrize("name", [name for name in EVERY if name != "ReduceLROnPlateau"])
def test_rates_are_those_of_torch(name: str, per: Any) -> None:
    config = SchedulerConfig(name=name, per=per, **NEEDED.get(name, {}))
    assert check_scheduler(config) == []
    really = per if per != "auto" else ("step" if name in PER_STEP else "epoch")
    arguments = dict(NEEDED.get(name, {}))
    if name in FILLED:
        arguments[FILLED[name]] = EPOCHS * STEPS if really == "step" else EPOCHS
    expected = by_hand(name, really, **arguments)
    assert rates(config) == pytest.approx(expected, abs=1e-15)
    assert len(set(expected)) > 1


@pytest.mark.parametrize("name", EVERY)
def test_every_scheduler_of_torch_trains(name: str) -> None:
    training = make_training(
        lambda: nn.Linear(6, 3),
        optimizer={"name": "SGD", "lr": 0.01, "momentum": 0.9},
        scheduler={"name": name, "warmup": 3, **NEEDED.get(name, {})},
    )
    recorder = training.run()
    assert len(recorder.rates) == 24
    assert all(rate >= 0 for rate in recorder.rates)
    training.state.restore(*training.state.to_checkpoint())


def test_names_may_leave_out_lr_and_capitals() -> None:
    assert SCHEDULERS.resolve("cosineannealing") is lr_scheduler.CosineAnnealingLR
    assert SCHEDULERS.resolve("StepLR") is lr_scheduler.StepLR
    with pytest.raises(ConfigError, match="no scheduler is called 'SteppLR'; did you mean 'StepLR'"):
        SCHEDULERS.resolve("SteppLR")


def test_lengths_are_not_filled_in_where_they_have_a_meaning_or_are_written() -> None:
    assert rates(SchedulerConfig(name="LinearLR")) == pytest.approx(by_hand("LinearLR", "epoch"))
    written = SchedulerConfig(name="CosineAnnealingLR", T_max=2)
    assert rates(written) == pytest.approx(by_hand("CosineAnnealingLR", "epoch", T_max=2))
    other = SchedulerConfig(name="OneCycleLR", max_lr=0.5, epochs=EPOCHS, steps_per_epoch=STEPS)
    assert rates(other) == pytest.approx(rates(SchedulerConfig(name="OneCycleLR", max_lr=0.5)))


def test_a_one_cycle_that_is_shorter_than_training_stays_at_its_end() -> None:
    found = rates(SchedulerConfig(name="OneCycleLR", max_lr=0.5, total_steps=6))
    assert len(set(found[5:])) == 1
    assert max(found) == pytest.approx(0.5, rel=0.2)


def test_warm_up_grows_linearly_to_the_first_rate_of_the_schedule() -> None:
    found = rates(SchedulerConfig(name="CosineAnnealingLR", per="step", warmup=4))
    assert found[:4] == pytest.approx([0.02, 0.04, 0.06, 0.08])
    left = EPOCHS * STEPS - 4
    cosine = [0.05 * (1 + math.cos(math.pi * step / left)) for step in range(left)]
    assert found[4:] == pytest.approx(cosine, abs=1e-15)


@pytest.mark.parametrize("warmup", ["1 epoch", 4])
def test_epochs_that_are_all_warm_up_are_not_of_the_schedule(warmup: int | str) -> None:
    found = rates(SchedulerConfig(name="CosineAnnealingLR", warmup=warmup))
    assert found[STEPS:] == pytest.approx(by_hand("CosineAnnealingLR", "epoch", EPOCHS - 1, T_max=EPOCHS - 1))


def test_a_short_warm_up_does_not_delay_the_schedule() -> None:
    found = rates(SchedulerConfig(name="CosineAnnealingLR", warmup=2))
    assert found[:2] == pytest.approx([0.1 / 3, 0.2 / 3])
    assert found[2:] == pytest.approx(by_hand("CosineAnnealingLR", "epoch", T_max=EPOCHS)[2:])


def test_each_group_warms_up_to_its_own_rate() -> None:
    optimizer = new_optimizer(backbone_lr=0.01)
    schedule = Schedule(optimizer, SchedulerConfig(name="StepLR", step_size=1, warmup=1), 3, 2, "min")
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.005, 0.05])
    assert schedule.rate == pytest.approx(0.05)
    optimizer.step()
    schedule.after_step()
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.01, 0.1])


def test_a_warm_up_as_long_as_training_is_refused() -> None:
    config = SchedulerConfig(name="StepLR", step_size=1, warmup="5 epochs")
    with pytest.raises(ConfigError, match=r"scheduler\.warmup: warm-up takes 20 steps.* training has 20"):
        Schedule(new_optimizer(), config, EPOCHS, STEPS, "min")


@pytest.mark.parametrize("span", ["soon", "2 weeks", -1, "-3 steps"])
def test_spans_that_are_none_are_refused(span: Any) -> None:
    with pytest.raises(ValueError, match="expected a number of steps"):
        SchedulerConfig(name="StepLR", step_size=1, warmup=span)


def test_spans_in_steps() -> None:
    assert [steps_of(span, 7) for span in (5, "5 steps", "1 step", "2 epochs", " 1  epoch ")] == [
        5,
        5,
        1,
        14,
        7,
    ]


@pytest.mark.parametrize("direction", ["max", "min"])
def test_a_plateau_is_one_in_the_direction_of_the_monitor(direction: Any) -> None:
    """A score that grows is good for one direction, and a plateau for the other."""
    training = make_training(
        lambda: nn.Linear(6, 3),
        scheduler={"name": "ReduceLROnPlateau", "patience": 0, "factor": 0.5},
        monitor=Monitor("val/accuracy", direction),
        epochs=4,
    )
    growing = iter([0.1, 0.2, 0.3, 0.4])
    recorder = training.run(validate=lambda: Scores({"loss": 1.0, "accuracy": next(growing)}))
    expected = [0.1] * 4 if direction == "max" else [0.1, 0.1, 0.05, 0.025]
    assert [row["train/lr"] for row in recorder.rows] == pytest.approx(expected)


def test_without_a_scheduler_the_rate_stays() -> None:
    recorder = make_training(lambda: nn.Linear(6, 3)).run()
    assert set(recorder.rates) == {0.1}


def test_wrong_arguments_are_found_before_anything_is_built() -> None:
    ((argument, problem),) = check_scheduler(SchedulerConfig(name="StepLR", step_size=1, gama=0.5))
    assert argument == "gama"
    assert str(problem) == "StepLR takes no 'gama'; did you mean 'gamma'?"
    ((_, missing),) = check_scheduler(SchedulerConfig(name="StepLR"))
    assert "StepLR needs 'step_size'" in str(missing)


def test_what_torch_refuses_is_an_error_of_the_section() -> None:
    optimizer = torch.optim.Adagrad(nn.Linear(2, 2).parameters(), lr=0.1)
    config = SchedulerConfig(name="OneCycleLR", max_lr=0.1)
    with pytest.raises(ConfigError, match=r"scheduler: OneCycleLR: .*momentum"):
        Schedule(optimizer, config, EPOCHS, STEPS, "min")
    with pytest.raises(ConfigError, match="'builtins:type' gave no LRScheduler"):
        Schedule(new_optimizer(), SchedulerConfig(name="builtins:type"), EPOCHS, STEPS, "min")
