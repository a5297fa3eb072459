"""A few samples through the model and the loss, before a run folder exists."""

from __future__ import annotations

import math

import torch
from torch import nn

from epochal.data.batches import Batches
from epochal.errors import ConfigError, EpochalError, Problem
from epochal.experiment.assemble import Experiment
from epochal.losses.build import accepts_probabilities


def dry_run(experiment: Experiment) -> None:
    """Check that samples, model, task and loss fit each other; ConfigError says which doesn't.

    The model runs in evaluation mode on one batch of training data; weights, buffers and the global
    generators stay as they are. Lazy modules take their shapes here, before an optimizer sees them.
    """
    pool = experiment.train.pool
    count = min(8, len(experiment.train.rows))
    few = Batches(pool, experiment.train.rows[:count], count, experiment.train.augment)
    training = experiment.model.training
    devices = [pool.device] if pool.device.type == "cuda" else []
    experiment.model.eval()
    try:
        with torch.random.fork_rng(devices), torch.no_grad():
            _check(experiment, few)
    finally:
        experiment.model.train(training)


def _check(experiment: Experiment, few: Batches) -> None:
    task = experiment.task
    batch = next(few.epoch(0))
    shape = "×".join(map(str, batch.inputs.shape))
    assert experiment.config.model is not None
    assert experiment.config.loss is not None
    name = experiment.config.model.name
    try:
        with experiment.compute.autocast():
            outputs = task.forward(experiment.model, batch).float()
    except EpochalError:
        raise
    except Exception as error:
        what = f"{name} fails on a batch of shape {shape}: {type(error).__name__}: {error}"
        raise ConfigError(
            Problem(what, "model", "the shape is [batch, ...one sample after prepare]")
        ) from error
    width = tuple(outputs.shape[1:])
    if width != (task.outputs,):
        raise ConfigError(_wrong_width(experiment, name, width))
    criterion = task.context.criterion
    assert isinstance(criterion, nn.Module)
    if batch.targets.ndim == 2 and task.target == "class" and not accepts_probabilities(criterion):
        what = f"{experiment.config.loss.name} takes class indices, and mixup and cutmix make probabilities"
        raise ConfigError(Problem(what, "loss", "use cross_entropy or focal, or leave the mixing out"))
    try:
        loss = task.loss(outputs, batch.targets)
    except EpochalError:
        raise
    except Exception as error:
        what = (
            f"{experiment.config.loss.name} fails on outputs {list(outputs.shape)} and targets "
            f"{list(batch.targets.shape)}: {type(error).__name__}: {error}"
        )
        raise ConfigError(
            Problem(what, "loss", f"is it a loss for {experiment.config.task.name}?")
        ) from error
    if loss.ndim != 0:
        what = f"{experiment.config.loss.name} gives {list(loss.shape)} numbers, not one"
        raise ConfigError(Problem(what, "loss", "give it reduction: mean"))
    if not math.isfinite(float(loss)):
        what = f"the loss of the first samples is {float(loss)} before any training"
        raise ConfigError(Problem(what, "loss", "look for NaN or huge values in the data: `epochal inspect`"))


def _wrong_width(experiment: Experiment, name: str, width: tuple[int, ...]) -> Problem:
    task = experiment.task
    kinds = {"class": "classes", "labels": "labels", "value": "target columns"}
    shown = ", ".join(task.names[:6]) + (", ..." if len(task.names) > 6 else "")
    given = str(width[0]) if len(width) == 1 else f"an array of shape {list(width)}"
    found = f"{len(task.names)} {kinds[task.target]} ({shown})"
    return Problem(
        f"{name} gives {given} outputs a sample, the data has {found}"
        + (f", which takes {task.outputs} under this loss" if task.outputs != len(task.names) else ""),
        "model",
        "let its class count be an argument named num_classes, which is filled in, or set it to fit",
    )
