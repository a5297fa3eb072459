"""``data.batch_size: auto``: the largest batch that memory has room for, found before training."""

from __future__ import annotations

import copy
import functools
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks

from epochal.console import log
from epochal.data.batch import Batch
from epochal.data.batches import Batches
from epochal.data.foreign import forked_generators
from epochal.engine.freezing import Freezing
from epochal.engine.memory import available_memory, memory_advice, out_of_memory
from epochal.engine.optimizers import build_optimizers, plain_step
from epochal.errors import ConfigError, EpochalError, Problem
from epochal.experiment.assemble import Experiment

_SMALLEST, _LARGEST = 2, 4096  # batch normalisation can't train on one sample
_STEPS = 8
"""Steps that an epoch keeps, whatever memory allows."""
_SHARE_MEASURED, _SHARE_ESTIMATED = 0.9, 0.8
"""The part of the memory that a step may take, where it was tried and where it was calculated."""

Measure = Callable[[int], float]
"""The bytes that a training step of so many samples takes; infinite where memory ran out."""


def choose_batch_size(experiment: Experiment, known: int | None = None) -> Experiment:
    """The experiment with batches of the size that ``auto`` means; the same experiment where a number is set.

    known: the ``batch_size`` that an unfinished run derived. The size is a power of two, at most 4,096 and an
    eighth of the training split. On a GPU, steps of a copy of the model are tried; elsewhere, where running
    out of memory ends the process, what a step keeps is counted at two small sizes and drawn out in a line.
    Weights, buffers and generators stay as they are. Raises ConfigError where two samples are too many.
    """
    config = experiment.config
    if config.data.batch_size != "auto":
        return experiment
    if known := known or (config.derived or {}).get("batch_size"):
        return _with_size(experiment, known)
    device = experiment.compute.device
    limit = _limit(len(experiment.train.rows))
    try:
        with forked_generators(device) as seed:
            seed(0)
            trial = _Trial.of(experiment)
            measure, budget = _on_gpu(trial) if device.type == "cuda" else _elsewhere(trial)
            size, needed = largest(measure, budget, limit)
            least = needed if size else measure(_SMALLEST)
    except EpochalError:
        raise
    except Exception as error:  # a user's model may refuse to be copied; if it can't train, training says so
        log.info(f"batch size {experiment.train.size}: none was tried: {type(error).__name__}: {error}")
        return experiment
    if not size:
        takes = "more than is there" if least == math.inf else _shown(least)
        what = f"a training step of {_SMALLEST} samples takes {takes}, and {_shown(budget)} are free for it"
        accumulate = config.training.accumulate
        mend = memory_advice(_SMALLEST, accumulate, experiment.compute, auto=True)
        raise ConfigError(Problem(what, "data.batch_size", mend))
    bound = " (the most that auto takes here)" if size == limit else ""
    log.info(f"batch size {size}{bound}: a step takes about {_shown(needed)} of {_shown(budget)}")
    return _with_size(experiment, size)


def largest(measure: Measure, budget: float, limit: int) -> tuple[int, float]:
    """The largest power of two up to ``limit`` that needs no more than ``budget``, and what it needs.

    (0, 0.0) where even two samples need more.
    """
    found, needed = 0, 0.0
    size = _SMALLEST
    while size <= limit and (bytes_of_size := measure(size)) <= budget:
        found, needed = size, bytes_of_size
        size *= 2
    return found, needed


def _limit(samples: int) -> int:
    """A power of two: at most 4,096, and so many that an epoch keeps eight steps."""
    most = min(_LARGEST, max(_SMALLEST, samples // _STEPS))
    return 1 << (most.bit_length() - 1)


def _with_size(experiment: Experiment, size: int) -> Experiment:
    evaluation_size = experiment.config.data.evaluation_batch_size or size
    return replace(
        experiment,
        train=replace(experiment.train, size=size),
        val=replace(experiment.val, size=evaluation_size),
        test=replace(experiment.test, size=evaluation_size),
    )


@dataclass(frozen=True)
class _Trial:
    """A copy of the model that may be trained for nothing, and a few samples to train it on."""

    experiment: Experiment
    model: nn.Module
    optimizers: list[torch.optim.Optimizer]
    few: Batch

    @classmethod
    def of(cls, experiment: Experiment) -> _Trial:
        model, training = copy.deepcopy(experiment.model), experiment.config.training
        Freezing(training, model).enter(model, training.epochs - 1)
        train = experiment.train
        rows = train.largest(8)
        few = Batches(replace(train.pool, workers=0), rows, len(rows), train.augment)
        optimizers = build_optimizers(experiment.config.optimizers, model)
        return cls(experiment, model, list(optimizers.values()), next(few.epoch(0)))

    def forget_gradients(self) -> None:
        """As after a step."""
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)

    def step(self, size: int, keep: Callable[[Tensor], Tensor] = lambda tensor: tensor) -> None:
        """A training step of ``size`` samples; ``keep`` sees each tensor that waits for the backward pass."""
        task, compute = self.experiment.task, self.experiment.compute
        rows = torch.arange(size, device=self.few.inputs.device) % len(self.few)
        batch = self.few[rows]
        with saved_tensors_hooks(keep, lambda tensor: tensor):
            with compute.autocast():
                outputs = task.forward(self.model, batch)
            loss = task.loss(outputs.float(), batch.targets)
        for tensor in (batch.inputs, batch.targets, outputs):
            keep(tensor)
        loss.backward()  # type: ignore[no-untyped-call]
        for optimizer in self.optimizers:
            plain_step(optimizer)()
        if (
            self.experiment.config.training.accumulate == 1
        ):  # else gradients wait beside the next forward pass
            self.forget_gradients()


def _on_gpu(trial: _Trial) -> tuple[Measure, float]:
    """Real steps, and 90 % of what the device has left for this process."""
    device = trial.few.inputs.device
    torch.cuda.empty_cache()
    there = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    return functools.partial(_peak, trial, device), _SHARE_MEASURED * there


def _peak(trial: _Trial, device: torch.device, size: int) -> float:
    torch.cuda.reset_peak_memory_stats(device)
    try:
        for _ in range(2):  # the optimiser's state is there from the second step on
            trial.step(size)
        peak: float = torch.cuda.max_memory_reserved(device)
    except Exception as error:
        if not out_of_memory(error):
            raise
        peak = math.inf
    trial.forget_gradients()
    torch.cuda.empty_cache()
    return peak


def _elsewhere(trial: _Trial) -> tuple[Measure, float]:
    """The line through what steps of two and four samples keep, and 80 % of the memory available."""
    budget = _SHARE_ESTIMATED * available_memory()
    two, four = _kept(trial, 2), _kept(trial, 4)
    sample = (four - two) / 2
    weights = sum(map(_bytes, _weights(trial.model)))
    gradients = sum(_bytes(weight) for weight in trial.model.parameters() if weight.requires_grad)
    entries = (entry for optimizer in trial.optimizers for entry in optimizer.state.values())
    states = (value for entry in entries for value in entry.values())
    averages = weights if trial.experiment.config.training.ema is not None else 0
    state = sum(_bytes(value) for value in states if isinstance(value, Tensor))
    fixed = weights + gradients + state + averages + max(0.0, two - 2 * sample)
    return lambda size: fixed + sample * size, budget


def _kept(trial: _Trial, size: int) -> int:
    """Bytes that wait for the backward pass of a step, and the gradient of the largest tensor among them.

    Each storage counts once, and weights don't.
    """
    own = {weight.untyped_storage().data_ptr() for weight in _weights(trial.model)}
    storages: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    trial.step(size, keep)
    return sum(storages.values()) + max(storages.values())


def _weights(model: nn.Module) -> Iterator[Tensor]:
    return itertools.chain(model.parameters(), model.buffers())


def _bytes(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _shown(count: float) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.1f} MiB"
