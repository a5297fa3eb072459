"""A training small enough for a test, made of the real parts."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from epochal.config.component import is_keyed
from epochal.data.augment.pipeline import Augment
from epochal.data.batches import Batches, Pool, target_tensor
from epochal.data.cache import Samples
from epochal.data.manifest import Array, Manifest, Source
from epochal.data.statistics import Normalizer
from epochal.engine.clock import Clock
from epochal.engine.compute import Compute, seed_generators
from epochal.engine.config import CheckpointConfig, OptimizerConfig, SchedulerConfig, TrainingConfig
from epochal.engine.ema import Ema
from epochal.engine.freezing import Freezing
from epochal.engine.hooks import CheckpointHook
from epochal.engine.interruption import Interruption
from epochal.engine.loop import Hook, Monitor, Validate, fit
from epochal.engine.optimizers import build_optimizers
from epochal.engine.recovery import Recovery
from epochal.engine.schedules import Schedule
from epochal.engine.state import TrainState
from epochal.engine.writer import CheckpointWriter
from epochal.inference.evaluate import evaluate_batches
from epochal.run.durable import LineFile
from epochal.run.folder import RunFolder
from epochal.tasks.classification import Classification
from epochal.tasks.scores import Scores
from epochal.tasks.task import TaskContext

CLASSES = ("a", "b", "c")
CPU = Compute(torch.device("cpu"), "float32")


def pool_of(inputs: Array, targets: Array, seed: int = 1, channels_last: bool = False) -> Pool:
    """Samples in memory with classes for targets."""
    filenames = pl.Series([str(row) for row in range(len(inputs))])
    manifest = Manifest(filenames, targets, "class", CLASSES)
    kind: Any = "image" if inputs.ndim == 4 else "vector"
    source = Source(manifest, kind, inputs.__getitem__, "0" * 32, array=inputs)
    return Pool(
        source=source,
        samples=Samples(inputs.shape[1:], inputs.dtype, inputs, inputs.__getitem__),
        targets=target_tensor(manifest),
        normalizer=Normalizer(torch.tensor(0.25), torch.tensor(2.0)),
        device=torch.device("cpu"),
        seed=seed,
        workers=0,
        channels_last=channels_last,
    )


def blobs(count: int) -> tuple[Array, Array]:
    """Vectors [count, 6] in three clusters, and their classes."""
    generator = np.random.default_rng(0)
    targets = np.arange(count) % 3
    centres = generator.normal(size=(3, 6))
    return (centres[targets] + generator.normal(size=(count, 6))).astype(np.float32), targets


def pictures(count: int) -> tuple[Array, Array]:
    """Images uint8 [count, 3, 8, 8], brighter by class."""
    generator = np.random.default_rng(0)
    targets = np.arange(count) % 3
    noise = generator.integers(0, 100, (count, 3, 8, 8))
    return (noise + 70 * targets[:, None, None, None]).astype(np.uint8), targets


@final
class Recorder(Hook):
    """Keeps the loss of every step and the numbers of every epoch."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.rates: list[float] = []
        self.rows: list[dict[str, float]] = []
        self.best: list[int] = []

    def after_step(self, state: TrainState, loss: Tensor) -> None:
        self.losses.append(float(loss))
        self.rates += state.rates.values()

    def after_epoch(self, state: TrainState, row: dict[str, float], is_best: bool) -> None:
        self.rows.append(row)
        self.best += [state.counters.epoch] * is_best


@final
class StopAfter(Hook):
    """Asks for an interruption after so many optimiser steps."""

    def __init__(self, step: int, interruption: Interruption) -> None:
        self._step = step
        self._interruption = interruption

    def after_step(self, state: TrainState, loss: Tensor) -> None:
        if state.counters.step == self._step:
            self._interruption.signal = 2


@final
class Checkpoints(Hook):
    """A ``CheckpointHook`` and its writer."""

    def __init__(
        self,
        folder: RunFolder,
        lines: LineFile,
        monitor: Monitor,
        every: str = "epoch",
        interruption: Interruption | None = None,
    ) -> None:
        self.writer = CheckpointWriter(folder, lines)
        interval = CheckpointConfig(every=every)
        self._hook = CheckpointHook(self.writer, monitor, interval, interruption or Interruption())

    def after_step(self, state: TrainState, loss: Tensor) -> None:
        self._hook.after_step(state, loss)

    def after_epoch(self, state: TrainState, row: dict[str, float], is_best: bool) -> None:
        self._hook.after_epoch(state, row, is_best)


@final
class Drawing(nn.Module):
    """Noise in training from every global generator."""

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training:
            return inputs
        factor = 1 + 0.1 * random.random() + 0.1 * float(np.random.rand())
        return inputs * factor + 0.1 * torch.randn_like(inputs)


@dataclass
class Training:
    """Everything that ``fit`` takes. The validation split is the first 20 rows of the data."""

    state: TrainState
    train: Batches
    config: TrainingConfig
    monitor: Monitor
    recorder: Recorder = field(default_factory=Recorder)
    task: Classification = field(
        default_factory=lambda: Classification(TaskContext(CLASSES, nn.CrossEntropyLoss()))
    )

    def validate(self) -> Scores:
        val = Batches(self.train.pool, np.arange(20), 16)
        return evaluate_batches(self.state.evaluated, self.task, val.epoch(), CPU.autocast).scores

    def run(
        self,
        *hooks: Hook,
        interruption: Interruption | None = None,
        validate: Validate | None = None,
        recovery: Recovery | None = None,
    ) -> Recorder:
        fit(
            self.state,
            self.task,
            self.train,
            validate or self.validate,
            self.config,
            CPU,
            self.monitor,
            interruption or Interruption(),
            recovery or Recovery(self.config.on_nan, self.task, CPU.autocast, str, lambda: None),
            [self.recorder, *hooks],
            Clock(),
        )
        return self.recorder


def make_training(
    model: Callable[[], nn.Module],
    *,
    data: tuple[Array, Array] | None = None,
    size: int = 8,
    optimizer: dict[str, Any] | None = None,
    scheduler: dict[str, Any] | None = None,
    monitor: Monitor | None = None,
    **training: Any,
) -> Training:
    """A training from its start; the weights and all generators are seeded."""
    inputs, targets = data or blobs(60)
    image = inputs.ndim == 4
    pool = pool_of(inputs, targets, channels_last=image)
    batches = Batches(pool, np.arange(len(inputs)), size, Augment())
    config = TrainingConfig(**{"epochs": 3, **training})
    monitor = monitor or Monitor("val/loss", "min")
    seed_generators(3)
    network = model()
    if image:
        network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    freezing = Freezing(config, network)
    asked = optimizer or {"name": "SGD", "lr": 0.1}
    several = asked if is_keyed(asked) else {"": asked}
    built = build_optimizers({name: OptimizerConfig(**each) for name, each in several.items()}, network)
    steps = -(-len(batches) // config.accumulate)
    schedule_config = SchedulerConfig(**scheduler) if scheduler else None
    state = TrainState(
        model=network,
        optimizers=built,
        schedules={
            name: Schedule(each, schedule_config, config.epochs, steps, monitor.direction)
            for name, each in built.items()
        },
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        ema=Ema(network, config.ema) if config.ema else None,
        device=torch.device("cpu"),
        freezing=freezing,
    )
    return Training(state, batches, config, monitor)
