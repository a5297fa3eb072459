"""The state at the start of training."""

from __future__ import annotations

import torch
from torch import nn

from epochal.engine.ema import Ema
from epochal.engine.freezing import Freezing
from epochal.engine.optimizers import build_optimizers
from epochal.engine.processes import ALONE, Processes
from epochal.engine.schedules import Schedule
from epochal.engine.sharding import shard
from epochal.engine.state import TrainState
from epochal.errors import ConfigError, Problem
from epochal.experiment.assemble import Experiment
from epochal.experiment.network import build_network


def fresh_state(experiment: Experiment, processes: Processes = ALONE) -> TrainState:
    """Optimizer, schedule, average and counters around the experiment's model."""
    config, compute = experiment.config, experiment.compute
    if config.training.step is not None and processes.count > 1:
        what = "training.step takes a step for each batch itself, in one process"
        raise ConfigError(Problem(what, "training.step", "start one"))
    ema = Ema(experiment.model, config.training.ema) if config.training.ema is not None else None
    if in_parts(experiment, processes):
        if config.training.freeze and config.training.unfreeze:
            what = "a model in parts (fsdp) can't begin to train weights that were frozen"
            raise ConfigError(Problem(what, "training.unfreeze", "use compute.strategy=ddp"))
        shard(experiment.model, compute.device, processes.count)
        if ema is not None:
            shard(ema.model, compute.device, processes.count)
            ema.attach(experiment.model)
    freezing = Freezing(config.training, experiment.model)
    optimizers = build_optimizers(config.optimizers, experiment.model)
    epochs, steps, direction = (
        config.training.epochs,
        steps_per_epoch(experiment),
        experiment.monitor.direction,
    )
    schedules = {
        name: Schedule(optimizer, config.schedulers[name], epochs, steps, direction)
        for name, optimizer in optimizers.items()
    }
    return TrainState(
        model=experiment.model,
        optimizers=optimizers,
        schedules=schedules,
        scaler=torch.amp.GradScaler(compute.device.type, enabled=compute.precision == "float16"),
        ema=ema,
        device=compute.device,
        freezing=freezing,
        processes=processes,
    )


def in_parts(experiment: Experiment, processes: Processes) -> bool:
    """Whether each process has but a part of the weights."""
    return processes.count > 1 and experiment.config.compute.strategy == "fsdp"


def plain_model(experiment: Experiment) -> nn.Module:
    """The experiment's model as it was built, for weights to be loaded into."""
    data = experiment.data
    shape = data.input_shape
    model = build_network(
        experiment.config, shape, experiment.task, data.model_facts, data.normalizer, data.anchors
    )
    return experiment.compute.lay_out(model, shape)


def steps_per_epoch(experiment: Experiment) -> int:
    """Optimiser steps of an epoch."""
    return -(-len(experiment.train) // experiment.config.training.accumulate)
