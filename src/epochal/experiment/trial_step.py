"""The first steps of a training, on a few samples."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Literal

import torch

from epochal.config.component import Component
from epochal.data.batches import Batches
from epochal.data.buffers import Buffers
from epochal.engine.clock import Clock
from epochal.engine.interruption import Interruption
from epochal.engine.own_step import OwnStep
from epochal.engine.recovery import Recovery
from epochal.engine.state import TrainState
from epochal.engine.step import after_update, backward, optimizer_step
from epochal.errors import ConfigError, Problem
from epochal.experiment.assemble import Experiment
from epochal.experiment.phase import phase

_FEW = 8  # samples


def few(batches: Batches) -> Batches:
    """The first samples as one batch, of the size that batches have at most."""
    count = min(_FEW, batches.size, len(batches.rows))
    pool = replace(batches.pool, workers=0, buffers=Buffers())
    return replace(batches, pool=pool, rows=batches.rows[:count], size=count, rank=0, processes=1)


def train_steps(experiment: Experiment, state: TrainState) -> float:
    """Two steps on the first samples of training, augmented; the seconds of the second.

    The first one allocates, and a model may keep of it what fails in the second.
    """
    if experiment.config.training.step is not None:
        return _own_steps(experiment, experiment.config.training.step, state)
    clock = Clock()
    recovery = _recovery(experiment)
    batches = few(experiment.train)
    mend = "in training mode too the model gives one tensor [batch, outputs], through which gradients flow"
    for epoch in (0, experiment.config.training.epochs - 1):  # then with all that is thawed by then
        state.enter_epoch(epoch)
        clock.wait(experiment.compute.device)
        started = time.perf_counter()
        with phase("the training step would fail", "model", mend):
            batch = next(batches.epoch(epoch))
            backward(
                state, experiment.task, batch, experiment.compute, 1.0, True, recovery, Interruption(), clock
            )
        with phase("the optimizer's step would fail", "optimizer", "it is called without arguments"):
            optimizer_step(state, experiment.config.training.gradient_clip)
    clock.wait(experiment.compute.device)
    return time.perf_counter() - started


def _own_steps(experiment: Experiment, step: Component, state: TrainState) -> float:
    """The same with a step of the user's own; ConfigError where it changes nothing."""
    names = experiment.data.source.manifest.filenames.__getitem__
    own_step = OwnStep(step, state, experiment.compute, experiment.config.training.gradient_clip, names)
    batches, clock = few(experiment.train), Clock()
    before = [parameter.detach().clone() for parameter in state.model.parameters()]
    for epoch in (0, experiment.config.training.epochs - 1):
        state.enter_epoch(epoch)
        clock.wait(experiment.compute.device)
        started = time.perf_counter()
        with phase("the training step would fail", "training.step", ""):
            own_step.take(next(batches.epoch(epoch)), clock)
            state.confirm()
            after_update(state)
    if all(map(torch.equal, before, state.model.parameters())):
        mend = "call state.update(name, loss), or state.backward(loss) and the step of an optimizer"
        raise ConfigError(Problem(f"{step.name} changes no parameter of the model", "training.step", mend))
    return time.perf_counter() - started


def _recovery(experiment: Experiment) -> Recovery:
    """Lets a loss pass that is not finite where training would; there is no checkpoint to go back to."""
    on_nan: Literal["stop", "skip"] = "stop" if experiment.config.training.on_nan == "stop" else "skip"
    names = experiment.data.source.manifest.filenames
    return Recovery(
        on_nan, experiment.task, experiment.compute.autocast, names.__getitem__, restore=lambda: None
    )
