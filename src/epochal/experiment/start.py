"""The state at the start of training."""

from __future__ import annotations

import torch

from epochal.engine.ema import Ema
from epochal.engine.optimizers import build_optimizer
from epochal.engine.processes import ALONE, Processes
from epochal.engine.schedules import Schedule
from epochal.engine.state import TrainState
from epochal.experiment.assemble import Experiment


def fresh_state(experiment: Experiment, processes: Processes = ALONE) -> TrainState:
    """Optimizer, schedule, average and counters around the experiment's model."""
    config, compute = experiment.config, experiment.compute
    optimizer = build_optimizer(config.optimizer, experiment.model)
    schedule = Schedule(
        optimizer,
        config.scheduler,
        config.training.epochs,
        steps_per_epoch(experiment),
        experiment.monitor.direction,
    )
    return TrainState(
        model=experiment.model,
        optimizer=optimizer,
        schedule=schedule,
        scaler=torch.amp.GradScaler(compute.device.type, enabled=compute.precision == "float16"),
        ema=Ema(experiment.model, config.training.ema) if config.training.ema is not None else None,
        device=compute.device,
        processes=processes,
    )


def steps_per_epoch(experiment: Experiment) -> int:
    """Optimiser steps of an epoch."""
    return -(-len(experiment.train) // experiment.config.training.accumulate)
