"""A training step of the user's own, which takes the place of forward, loss, backward and optimiser step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from numbers import Real
from typing import Any, final

import torch
from torch import Tensor, nn

from epochal.config.component import Component, Registry
from epochal.console import log
from epochal.data.batch import Batch
from epochal.engine.clock import Clock
from epochal.engine.compute import Compute
from epochal.engine.not_finite import explain_data, sample_list
from epochal.engine.state import Counters, TrainState
from epochal.engine.step import finite_check
from epochal.errors import ConfigError, Problem, RunError, did_you_mean

STEPS = Registry("training step", {})
VALIDATIONS = Registry("validation", {})

_TAKEN = ("lr", "batch_loss")
_SHOWN = 8
_SCALARS = "return a dict of scalars by name, such as {'loss': loss}"


@final
@dataclass(frozen=True)
class StepState:
    """What a function of your own trains, or validates, with.

    model: in training mode, on the device; in validation the one that is evaluated. Its sub-modules are
        attributes of this object too: ``state.generator`` is ``state.model.generator``.
    optimizers: by the sub-module that they train; ``model`` is the only one, of the whole model.
    device: where ``batch`` lies. autocast: a context for forward passes under ``compute.precision``.
    """

    model: nn.Module
    device: torch.device
    autocast: Callable[[], AbstractContextManager[object]]
    optimizers: Mapping[str, torch.optim.Optimizer] = field(default_factory=dict)
    _counters: Counters = field(default_factory=Counters)
    _steps: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    _scaler: torch.amp.GradScaler | None = None
    _gradient_clip: float | None = None

    @property
    def optimizer(self) -> torch.optim.Optimizer:
        """The only optimizer; ConfigError where there are several."""
        if len(self.optimizers) != 1:
            mend = f"name one of state.optimizers: {', '.join(self.optimizers) or 'there is none'}"
            raise ConfigError(Problem("there is no single optimizer", "optimizer", mend))
        return next(iter(self.optimizers.values()))

    @property
    def epoch(self) -> int:
        """The epoch at hand, from 1."""
        return self._counters.epoch + 1

    @property
    def step(self) -> int:
        """The step at hand, from 1."""
        return self._counters.step + 1

    def backward(self, loss: Tensor, **options: Any) -> None:
        """``loss.backward(**options)``, scaled where float16 needs it."""
        scaled = loss if self._scaler is None else self._scaler.scale(loss)
        scaled.backward(**options)  # type: ignore[no-untyped-call]

    def update(self, name: str, loss: Tensor) -> None:
        """One step of one optimizer on a loss: forget its gradients, backward, clip, step.

        Gradients are computed for the parameters of this optimizer alone; those of other sub-modules, which
        the loss may go through, are left as they are. ``training.gradient_clip`` is the norm of its own.
        name: of the optimizer; ``model`` where there is but one.
        """
        if name not in self.optimizers:
            mend = did_you_mean(name, self.optimizers) or f"there are {', '.join(self.optimizers)}"
            raise ConfigError(Problem(f"no optimizer is called '{name}'", "optimizer", mend))
        optimizer = self.optimizers[name]
        parameters = [each for group in optimizer.param_groups for each in group["params"]]
        optimizer.zero_grad(set_to_none=True)
        self.backward(loss, inputs=parameters)
        scaler = self._scaler
        if self._gradient_clip is not None:
            if scaler is not None:
                scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(parameters, self._gradient_clip)
        if scaler is None:
            self._steps[name]()
        else:
            scaler.step(optimizer)
            scaler.update()

    def __getattr__(self, name: str) -> Any:
        modules = dict(vars(self)["model"].named_children())
        if name not in modules:
            raise AttributeError(f"neither the state nor the model has '{name}'")
        return modules[name]


@final
class OwnStep:
    """Calls the user's function for each batch, and keeps what it returns.

    names: a sample's name from its row.
    """

    def __init__(
        self,
        component: Component,
        state: TrainState,
        compute: Compute,
        gradient_clip: float | None,
        names: Callable[[int], str],
    ) -> None:
        self._function = partial(STEPS.resolve(component.name), **component.arguments)
        self._name = component.name
        self._state = state
        self._names = names
        self._view = view_of(state, state.model, compute, gradient_clip)
        self._unknown: Callable[[], None] | None = None
        state.confirm = self.confirm

    def take(self, batch: Batch, clock: Clock) -> Tensor:
        """Train on a batch; returns its ``loss``, or the first scalar where none is called so, on the device.

        RunError where a scalar of the step, or on a GPU of the one before it, is NaN or infinite; ConfigError
        where what the function returns is no dict of scalars.
        """
        self.confirm()
        means = scalars(self._function(self._view, batch), self._name, "training.step", batch.inputs.device)
        clock.lap("forward")
        together = torch.stack([mean.float() for mean in means.values()])
        is_finite = finite_check((together - together).sum())
        self._unknown = partial(self._check, is_finite, batch, means)
        if not together.is_cuda:
            self.confirm()
        self._state.running.add_means(means, len(batch))
        clock.samples += len(batch)
        return means.get("loss", next(iter(means.values())))

    def confirm(self) -> None:
        """RunError where the last step gave a number that is not finite; waits for the device."""
        check, self._unknown = self._unknown, None
        if check is not None:
            check()

    def _check(self, is_finite: Callable[[], bool], batch: Batch, means: Mapping[str, Tensor]) -> None:
        if is_finite():
            return
        bad = {name: float(mean) for name, mean in means.items() if not torch.isfinite(mean)}
        said = ", ".join(f"{name} became {value:g}" for name, value in bad.items())
        counters = self._state.counters
        what = f"{said} at step {counters.step + 1} (epoch {counters.epoch + 1})"
        reason = explain_data(batch, self._names) or _explain_weights(self._state.model)
        names = sample_list(batch.samples.tolist(), self._names)
        log.error(f"{what}: {reason}; {names}", extra={"file_only": True})
        mend = "lower the learning rates, set training.gradient_clip, or use compute.precision=float32"
        raise RunError(Problem(f"{what}: {reason}", "training.step", mend))


def view_of(
    state: TrainState, model: nn.Module, compute: Compute, gradient_clip: float | None = None
) -> StepState:
    """What the user's function sees of the state of training; model: the one that it trains or evaluates."""
    return StepState(
        model=model,
        device=state.device,
        autocast=compute.autocast,
        optimizers={name or "model": optimizer for name, optimizer in state.optimizers.items()},
        _counters=state.counters,
        _steps={name or "model": step for name, step in state.steps.items()},
        _scaler=state.scaler if state.scaler.is_enabled() else None,
        _gradient_clip=gradient_clip,
    )


def scalars(found: Any, name: str, where: str, device: torch.device) -> dict[str, Tensor]:
    """What a function of the user's returned as tensors of one number; ConfigError for anything else."""
    if not isinstance(found, Mapping) or not (found or where == "training.validation"):
        given = "an empty dict" if isinstance(found, Mapping) else f"a {type(found).__name__}"
        raise ConfigError(Problem(f"{name} returns {given}", where, _SCALARS))
    for key, value in found.items():
        number = isinstance(value, Real) or (isinstance(value, Tensor) and value.numel() == 1)
        if not isinstance(key, str) or not number:
            given = f"shape {list(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"
            what = f"{name} returns {given} as {key!r}"
            raise ConfigError(Problem(what, where, _SCALARS))
        if key in _TAKEN:
            mend = "choose another name"
            raise ConfigError(Problem(f"{name} returns '{key}', which epochal logs itself", where, mend))
    return {key: torch.as_tensor(value, device=device).detach().reshape(()) for key, value in found.items()}


def _explain_weights(model: nn.Module) -> str:
    bad = [name for name, weight in model.named_parameters() if not torch.isfinite(weight).all()]
    if not bad:
        return "inputs, targets and weights are finite"
    more = f" and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
    return f"the weights {', '.join(bad[:_SHOWN])}{more} are not finite after it"
