"""The state of training: the one list of what a checkpoint holds."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from epochal.engine.ema import Ema
from epochal.engine.flat import flatten, unflatten
from epochal.engine.freezing import Freezing
from epochal.engine.optimizers import plain_step
from epochal.engine.processes import ALONE, Processes
from epochal.engine.running import Running
from epochal.engine.schedules import Schedule
from epochal.engine.sharding import is_part, part_of, whole
from epochal.errors import Problem, RequestError


@dataclass
class Counters:
    """Where training stands, and what it has seen; plain numbers.

    epoch: epochs that are complete, validation included. batch: batches done in the epoch that is not.
    step: optimiser steps done. best, best_epoch: the best monitored score so far and its epoch (1-based; 0
    before the first). mark, mark_epoch: the score that early stopping wants beaten, and its epoch.
    history: bytes of ``metrics.jsonl`` that belong to this state.
    left_out: (epoch, batch) of each batch that ``training.on_nan: restore`` leaves out, counted from 0.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: float | None = None
    best_epoch: int = 0
    mark: float | None = None
    mark_epoch: int = 0
    history: int = 0
    left_out: list[list[int]] = field(default_factory=list)


@dataclass
class TrainState:
    """Everything that training changes.

    optimizers, schedules: by the sub-module that they train; ``""`` is the only one, of the whole model.
    running: the scores of the current epoch's training batches so far.
    confirm: raises where the last step turns out to have gone wrong, which a GPU tells late.
    network: the model as training calls it: with gradients that are averaged over several processes.
    """

    model: nn.Module
    optimizers: dict[str, torch.optim.Optimizer]
    schedules: dict[str, Schedule]
    scaler: torch.amp.GradScaler
    ema: Ema | None
    device: torch.device
    freezing: Freezing | None = None
    processes: Processes = ALONE
    counters: Counters = field(default_factory=Counters)
    running: Running = field(default_factory=Running)
    confirm: Callable[[], None] = field(default=lambda: None)
    network: nn.Module = field(init=False)
    steps: dict[str, Callable[[], object]] = field(init=False)
    _parameters: list[nn.Parameter] = field(init=False)

    def __post_init__(self) -> None:
        self.network = self.model
        self.steps = {name: plain_step(optimizer) for name, optimizer in self.optimizers.items()}
        every = self.optimizers.values()
        own = any(type(each).zero_grad is not torch.optim.Optimizer.zero_grad for each in every)
        groups = [group for each in every for group in each.param_groups]
        self._parameters = [] if own else [parameter for group in groups for parameter in group["params"]]

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The only optimizer."""
        (optimizer,) = self.optimizers.values()
        return optimizer

    @property
    def schedule(self) -> Schedule:
        """The only schedule."""
        (schedule,) = self.schedules.values()
        return schedule

    @property
    def rates(self) -> dict[str, float]:
        """The learning rates as they are logged: ``train/lr``, or ``train/lr/generator``, ..."""
        return {
            f"train/lr/{name}" if name else "train/lr": schedule.rate
            for name, schedule in self.schedules.items()
        }

    @property
    def evaluated(self) -> nn.Module:
        """The model that is validated and kept as the best: the average where there is one."""
        return self.ema.model if self.ema is not None else self.model

    def enter_epoch(self, epoch: int) -> str:
        """Training mode, frozen as the epoch, counted from 0, asks for; in words what is new."""
        if self.freezing is None:
            self.model.train()
            return ""
        changed = self.freezing.enter(self.model, epoch)
        if changed:
            # what averages gradients knows only weights that asked for one when it was made
            self.network = self.processes.wrap(self.model, self.device)
        return changed

    def forget_gradients(self) -> None:
        """What ``optimizer.zero_grad()`` does, in a tenth of its time for a small model."""
        if not self._parameters:
            for optimizer in self.optimizers.values():
                optimizer.zero_grad(set_to_none=True)
        for parameter in self._parameters:
            parameter.grad = None

    def weights(self) -> dict[str, Tensor]:
        """The weights of ``evaluated`` by their own names; every one of several processes calls it."""
        return {name: self._whole(tensor) for name, tensor in self.evaluated.state_dict().items()}

    def _whole(self, tensor: Tensor) -> Tensor:
        """A tensor that is spread over the processes, for the one that writes; others as they are."""
        return whole(tensor, self.processes.leads) if is_part(tensor) else tensor

    def to_checkpoint(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Tensors by name, and plain values: all of the state, generators included.

        Every one of several processes calls it, after the same step.
        """
        self.confirm()
        tensors: dict[str, Tensor] = {}
        values = flatten(
            {
                "model": dict(self.model.state_dict()),
                "ema": self.ema.state_dict() if self.ema is not None else None,
                "optimizer": _states(self.optimizers),
                "schedule": _states(self.schedules),
                "scaler": self.scaler.state_dict(),
                "counters": vars(self.counters),
                "processes": self.processes.gather(
                    {"running": self.running.state_dict(), "generators": _generators(self.device)}
                ),
            },
            "state",
            tensors,
        )
        return {name: self._whole(tensor) for name, tensor in tensors.items()}, values

    def restore(self, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        """Become the state that a checkpoint holds; RequestError where it is of another model."""
        state = unflatten(values, tensors)
        check_fit(state["model"], self.model)
        _load(self.model, state["model"])
        if self.ema is not None and state["ema"] is not None:
            _load(self.ema.model, state["ema"])
        for name, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizer"][name] if name else state["optimizer"])
            _match_layout(optimizer)
        for name, schedule in self.schedules.items():
            schedule.load_state_dict(state["schedule"][name] if name else state["schedule"])
        self.scaler.load_state_dict(state["scaler"])
        self.counters = Counters(**state["counters"])
        parts, rank = state["processes"], self.processes.rank
        if len(parts) == self.processes.count:
            self.running.load_state_dicts([parts[rank]["running"]], self.device)
        elif self.processes.leads:
            self.running.load_state_dicts([part["running"] for part in parts], self.device)
        if rank < len(parts):
            _restore_generators(parts[rank]["generators"], self.device)


class _Stateful(Protocol):
    def state_dict(self) -> dict[str, Any]: ...


def _states(parts: Mapping[str, _Stateful]) -> dict[str, Any]:
    """The state of each by its name; that of the only one without a name."""
    states = {name: part.state_dict() for name, part in parts.items()}
    return states.get("", states)


def check_fit(weights: dict[str, Tensor], model: nn.Module) -> None:
    """RequestError where weights are of another model."""
    own = model.state_dict()
    found = [f"{name} is missing" for name in own if name not in weights]
    found += [f"{name} is no longer there" for name in weights if name not in own]
    found += [
        f"{name} was {list(weights[name].shape)} and is {list(tensor.shape)}"
        for name, tensor in own.items()
        if name in weights and isinstance(tensor, Tensor) and weights[name].shape != tensor.shape
    ]
    if found:
        listed = ", ".join(found[:8]) + (f" and {len(found) - 8} more" if len(found) > 8 else "")
        mend = "undo the change to the model, or train anew"
        raise RequestError(Problem(f"the checkpoint is of another model: {listed}", "model", mend))


def _load(model: nn.Module, weights: dict[str, Tensor]) -> None:
    """Give a model its weights, or its parts of them."""
    own = model.state_dict()
    model.load_state_dict({name: part_of(tensor, own[name]) for name, tensor in weights.items()})


def _match_layout(optimizer: torch.optim.Optimizer) -> None:
    """Give the optimizer's tensors the memory layout of their parameters, which fused kernels rely on."""
    for parameter, entries in optimizer.state.items():
        for name, value in entries.items():
            if not isinstance(value, Tensor) or value.shape != parameter.shape:
                continue
            if is_part(parameter):
                entries[name] = part_of(value, parameter)
            else:
                entries[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _generators(device: torch.device) -> dict[str, Any]:
    """The states of the global generators of Python, NumPy and torch."""
    version, words, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": [version, list(words), gauss],
        "numpy": [kind, torch.from_numpy(np.asarray(keys).astype(np.int64)), position, has_gauss, cached],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
    }


def _restore_generators(state: dict[str, Any], device: torch.device) -> None:
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    kind, keys, position, has_gauss, cached = state["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), position, has_gauss, cached))
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
