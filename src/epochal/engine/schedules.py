"""Every torch.optim.lr_scheduler class, stepping at its right moment, after a linear warm-up."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Literal

import torch
from torch.optim import lr_scheduler

from epochal.config.component import Registry, check_arguments, import_path
from epochal.engine.config import SchedulerConfig, steps_of
from epochal.errors import ConfigError, Problem

SUPPLIED = ("optimizer",)
_PER_STEP = ("OneCycleLR", "CyclicLR")
_COMPOSED = ("SequentialLR", "ChainedScheduler")
_FUNCTIONS = {"lr_lambda", "scale_fn"}
"""Arguments that are functions, named as ``package.module:name``."""
_LENGTHS = ("T_max", "total_steps", "total_iters")
"""Arguments that are the length of training: filled in when they are left out and have no other meaning."""


def _torch_schedulers() -> dict[str, Any]:
    base = lr_scheduler.LRScheduler
    found = {name: value for name, value in vars(lr_scheduler).items() if inspect.isclass(value)}
    return {
        name: value
        for name, value in found.items()
        if issubclass(value, base)
        and value is not base
        and not name.startswith("_")
        and name not in _COMPOSED
    }


def _find(name: str) -> Callable[..., Any] | None:
    by_lower = {known.lower(): value for known, value in _torch_schedulers().items()}
    return by_lower.get(name.lower()) or by_lower.get(name.lower() + "lr")


def _names() -> Iterable[str]:
    return _torch_schedulers()


SCHEDULERS = Registry("scheduler", {}, _find, _names)


def check_scheduler(config: SchedulerConfig) -> list[tuple[str, Problem]]:
    """What is wrong with the section, as (argument, problem), before anything is built."""
    function = SCHEDULERS.resolve(config.name)
    return check_arguments(
        function, _name(function), config.arguments, (*SUPPLIED, *_unwritten(function, config))
    )


def filled_in_lengths(config: SchedulerConfig) -> list[str]:
    """The arguments of a schedule that the length of training is written into."""
    return _unwritten(SCHEDULERS.resolve(config.name), config)


def _unwritten(function: Callable[..., Any], config: SchedulerConfig) -> list[str]:
    """The length arguments that the user left out, and that are filled in."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a builtin, which Python can't describe
        return []
    lengths = [name for name in _LENGTHS if name in parameters and name not in config.arguments]
    if _name(function) in ("LinearLR", "ConstantLR"):  # their total_iters of 5 is a meaning of its own
        return []
    if {"epochs", "steps_per_epoch"} <= config.arguments.keys():  # OneCycleLR's other way to say its length
        return []
    return lengths


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", function))


class Schedule:
    """A learning-rate schedule over the groups of an optimizer.

    During the first ``warmup`` optimiser steps the rate grows linearly to the schedule's first; the
    schedule itself starts after it.
    """

    def __init__(
        self,
        optimizer: torch.optim.Optimizer,
        config: SchedulerConfig | None,
        epochs: int,
        steps_per_epoch: int,
        direction: Literal["max", "min"],
    ) -> None:
        self._optimizer = optimizer
        self._steps = 0
        self._warmup = steps_of(config.warmup, steps_per_epoch) if config else 0
        total = epochs * steps_per_epoch
        if config is not None and self._warmup >= total:
            raise ConfigError(
                Problem(
                    f"warm-up takes {self._warmup} steps, the whole training has {total}",
                    where="scheduler.warmup",
                    mend="make it shorter",
                )
            )
        self._scheduler, self._per = None, "epoch"
        if config is not None:
            left = total - self._warmup
            self._scheduler, self._per = _build(optimizer, config, left, steps_per_epoch, direction)
        self._rates = [float(group["lr"]) for group in optimizer.param_groups]
        self._apply_warmup()

    @property
    def rate(self) -> float:
        """The learning rate of the last group, which is the classifier's where rates differ."""
        return float(self._optimizer.param_groups[-1]["lr"])

    @property
    def per(self) -> str:
        """When it moves: after each ``step``, or after each ``epoch``."""
        return self._per

    def after_step(self) -> None:
        """Count an optimiser step; move the rate where it moves by steps."""
        self._steps += 1
        if self._steps < self._warmup:
            self._apply_warmup()
            return
        if self._steps == self._warmup:
            self._restore_rates()
            return
        if self._scheduler is not None and self._per == "step":
            self._advance()

    def after_epoch(self, score: float | None) -> None:
        """Move the rate where it moves by epochs or on the monitored score."""
        if self._scheduler is None or self._per == "step" or self._steps < self._warmup:
            return
        if isinstance(self._scheduler, lr_scheduler.ReduceLROnPlateau):
            assert score is not None, "a monitored score is checked to exist before training"
            self._scheduler.step(score)
        elif self._steps > self._warmup:  # an epoch that is all warm-up is not one of the schedule's
            self._advance()

    def state_dict(self) -> dict[str, Any]:
        """Counters and the scheduler's own state, without functions."""
        inner = self._scheduler.state_dict() if self._scheduler is not None else {}
        return {
            "steps": self._steps,
            "rates": self._rates,
            "scheduler": {key: value for key, value in inner.items() if not callable(value)},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from what ``state_dict`` gave; the optimizer's rates are restored by its own state."""
        self._steps = state["steps"]
        self._rates = state["rates"]
        if self._scheduler is not None:
            self._scheduler.load_state_dict(state["scheduler"])

    def _advance(self) -> None:
        assert self._scheduler is not None
        # OneCycleLR counts its steps and refuses one past the last
        total = getattr(self._scheduler, "total_steps", None)
        if total is None or self._scheduler.last_epoch < total - 1:
            self._scheduler.step()

    def _apply_warmup(self) -> None:
        if self._steps < self._warmup:
            for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
                group["lr"] = rate * (self._steps + 1) / (self._warmup + 1)

    def _restore_rates(self) -> None:
        for group, rate in zip(self._optimizer.param_groups, self._rates, strict=True):
            group["lr"] = rate


def _build(
    optimizer: torch.optim.Optimizer,
    config: SchedulerConfig,
    steps: int,
    steps_per_epoch: int,
    direction: Literal["max", "min"],
) -> tuple[lr_scheduler.LRScheduler, str]:
    """The scheduler over ``steps`` optimiser steps, and whether it moves per ``step`` or per ``epoch``."""
    function = SCHEDULERS.resolve(config.name)
    name = _name(function)
    per = config.per if config.per != "auto" else ("step" if name in _PER_STEP else "epoch")
    length = steps if per == "step" else max(1, -(-steps // steps_per_epoch))
    arguments = config.arguments | dict.fromkeys(_unwritten(function, config), length)
    for key in _FUNCTIONS & arguments.keys():
        arguments[key] = _imported(arguments[key], key)
    if name == "ReduceLROnPlateau":
        arguments.setdefault("mode", direction)
        per = "epoch"
    try:
        scheduler: lr_scheduler.LRScheduler = function(optimizer, **arguments)
    except (TypeError, ValueError, AttributeError) as error:
        raise ConfigError(Problem(f"{name}: {error}", where="scheduler")) from None
    if not isinstance(scheduler, lr_scheduler.LRScheduler):
        raise ConfigError(Problem(f"'{config.name}' gave no LRScheduler of torch.optim", where="scheduler"))
    return scheduler, per


def _imported(value: Any, kind: str) -> Any:
    """The function that a path means, or a list of them, one a parameter group."""
    if isinstance(value, list | tuple):
        return [_imported(entry, kind) for entry in value]
    function = import_path(value, kind) if isinstance(value, str) else value
    # torch writes the attributes of what is no plain function into checkpoints; math.exp has none
    return partial(function) if inspect.isbuiltin(function) else function
