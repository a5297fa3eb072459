"""Settings that don't go together, whatever the data is."""

from __future__ import annotations

from collections.abc import Iterator

from epochal.errors import ConfigError, Problem, did_you_mean
from epochal.experiment.config import ExperimentConfig
from epochal.tasks.build import task_class


def check_consistency(config: ExperimentConfig) -> list[Problem]:
    """What is wrong between sections of a configuration; each problem's place is a dotted key."""
    try:
        has_loss = task_class(config.task).has_loss
    except ConfigError:  # told by the check of components
        return []
    return [*_own_step(config), *_schedulers(config), *_without_loss(config, has_loss), *_validation(config)]


def _own_step(config: ExperimentConfig) -> Iterator[Problem]:
    """What a step of the user's own, which updates weights itself, excludes."""
    training = config.training
    if training.step is None:
        return
    what = "training.step takes a step for each batch itself"
    if training.accumulate > 1:
        mend = "set it to 1, and call backward() several times in the step"
        yield Problem(f"{what}, so that no gradients are accumulated", "training.accumulate", mend)
    if training.on_nan != "stop":
        reason = "the weights are changed before the loss is known"
        yield Problem(f"{what}; no batch can be left out: {reason}", "training.on_nan", "use stop")
    if config.data.batch_size == "auto":
        yield Problem(f"{what}; what it needs is not known", "data.batch_size", "write a number")
    if config.compute.processes > 1:
        yield Problem(f"{what}, in one process", "compute.processes", "set it to 1")


def _schedulers(config: ExperimentConfig) -> Iterator[Problem]:
    if isinstance(config.scheduler, dict):
        several = isinstance(config.optimizer, dict)
        for name in config.scheduler:
            if name not in config.optimizers:
                mend = did_you_mean(name, config.optimizers) if several else "there is one: name its schedule"
                yield Problem(f"no optimizer is called '{name}'", f"scheduler.{name}", mend)


def _without_loss(config: ExperimentConfig, has_loss: bool) -> Iterator[Problem]:
    if has_loss:
        return
    task = config.task.name
    if config.training.step is None:
        mend = "name a function: training.step: package.module:function"
        yield Problem(f"{task} has no loss to train with", "training.step", mend)
    if config.loss is not None:
        yield Problem(f"{task} takes no loss", "loss", "leave it out; the training step computes its own")


def _validation(config: ExperimentConfig) -> Iterator[Problem]:
    several = config.compute.processes > 1 and config.compute.strategy == "fsdp"
    if config.training.validation is not None and several:
        what = "training.validation needs the whole model in one process"
        yield Problem(what, "compute.strategy", "use ddp")
