"""Which score a run follows, and which way is better."""

from __future__ import annotations

from epochal.engine.loop import LATEST, Monitor
from epochal.errors import ConfigError, Problem, did_you_mean
from epochal.experiment.config import ExperimentConfig
from epochal.tasks.scores import DIRECTIONS, direction
from epochal.tasks.task import Task


def choose_monitor(config: ExperimentConfig, task: Task) -> Monitor:
    """The configured score, or the task's own, or none; ConfigError where its direction is not known."""
    name = config.training.monitor or task.monitor
    if name is None:
        _check_follows_nothing(config)
        return LATEST
    known = [f"{split}/{score}" for split in ("val", "train") for score in DIRECTIONS]
    if not name.startswith(("val/", "train/")):
        mend = did_you_mean(name, known) or "write it as val/<score> or train/<score>"
        raise ConfigError(Problem(f"no score is called '{name}'", "training.monitor", mend))
    if config.training.monitor_direction != "auto":
        return Monitor(name, config.training.monitor_direction)
    found = direction(name)
    if found is None and any(name == f"val/{metric.name}" for metric in task.context.metrics):
        what = f"whether '{name}' should grow or shrink is not known"
        raise ConfigError(Problem(what, "training.monitor_direction", "set it to max or min"))
    if found is None:
        mend = did_you_mean(name, known) or "for a score of your own, set training.monitor_direction"
        raise ConfigError(
            Problem(f"whether '{name}' should grow or shrink is not known", "training.monitor", mend)
        )
    return Monitor(name, found)


def _check_follows_nothing(config: ExperimentConfig) -> None:
    """ConfigError where something would need a score."""
    followers = ["training.early_stopping"] if config.training.early_stopping is not None else []
    named = [each.name.lower() for each in config.schedulers.values() if each is not None]
    followers += ["scheduler"] if {"reducelronplateau", "reducelronplateaulr"} & set(named) else []
    mend = "set training.monitor to a score of training.validation, or to train/NAME of training.step"
    if followers:
        what = f"{config.task.name} has no score to follow"
        raise ConfigError(*(Problem(what, where, mend) for where in followers))
