"""A few samples through the model, the loss and the scores, before a run folder exists."""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
from torch import Tensor, nn

from epochal.config.given import PREFIX, shown_name
from epochal.data.batch import Batch
from epochal.data.batches import Batches
from epochal.data.manifest import Array, TargetKind
from epochal.errors import ConfigError, EpochalError, Problem, did_you_mean
from epochal.experiment.assemble import Experiment
from epochal.experiment.check_evaluation import check_evaluation
from epochal.experiment.own_code import describe
from epochal.experiment.whole_split import enough
from epochal.losses.build import accepts_probabilities
from epochal.losses.dice import DiceLoss
from epochal.losses.focal import FocalLoss, SigmoidFocalLoss
from epochal.tasks.task import Task

_ONE_OF_SEVERAL = (nn.CrossEntropyLoss, nn.NLLLoss, nn.MultiMarginLoss, FocalLoss)
_YES_OR_NO = (nn.BCEWithLogitsLoss, nn.BCELoss, nn.SoftMarginLoss, SigmoidFocalLoss)
_UNFIT: dict[TargetKind, tuple[type[nn.Module], ...]] = {
    "class": (),
    "labels": (*_ONE_OF_SEVERAL, DiceLoss),
    "value": (
        *_ONE_OF_SEVERAL,
        *_YES_OR_NO,
        DiceLoss,
        nn.MultiLabelMarginLoss,
        nn.MultiLabelSoftMarginLoss,
    ),
    "mask": _YES_OR_NO,
    "none": (),
}
"""Losses that compute something with the targets of a task, but not what the task means by its outputs."""
_FIT = {
    "class": "cross_entropy or focal",
    "labels": "bce_with_logits or sigmoid_focal",
    "value": "mse, l1, smooth_l1 or huber",
    "none": "mse, l1, smooth_l1 or huber",
    "mask": "cross_entropy, dice, focal or a sum of them",
}


def dry_run(experiment: Experiment) -> None:
    """Check that samples, model, task, loss and monitor fit each other; ConfigError says which doesn't.

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
            batch = _batch(few)
            if experiment.task.has_loss:
                outputs = _outputs(experiment, batch)
                _check_loss(experiment, outputs, batch.targets)
                _check_scores(experiment, outputs, batch.targets)
            else:
                _check_plots(experiment, batch)
            check_evaluation(experiment)
    finally:
        experiment.model.train(training)


def _batch(few: Batches) -> Batch:
    """The first samples, augmented: code of the user's may run here for the first time."""
    try:
        return next(few.epoch(0))
    except EpochalError:
        raise
    except Exception as error:
        what = f"making a batch of the first samples fails: {describe(error)}"
        raise ConfigError(
            Problem(what, "data", "look at the line named, of data.augment or the source")
        ) from error


def _outputs(experiment: Experiment, batch: Batch) -> Tensor:
    """The model's outputs, of the width that the task needs."""
    task = experiment.task
    assert experiment.config.model is not None
    name = experiment.config.model.name
    try:
        with experiment.compute.autocast():
            outputs = task.forward(experiment.model, batch).float()
    except EpochalError:
        raise
    except Exception as error:
        shape = "×".join(map(str, batch.inputs.shape))
        what = f"{name} fails on a batch of shape {shape}: {describe(error)}"
        mend = "the shape is [batch, ...one sample after prepare]"
        raise ConfigError(Problem(what, "model", mend)) from error
    width = tuple(outputs.shape[1:])
    expected = task.output_shape(batch.targets)
    if task.outputs and width != expected:
        raise ConfigError(_wrong_width(experiment, name, width, expected))
    return outputs


def _check_plots(experiment: Experiment, batch: Batch) -> None:
    """The model does what a task without a loss asks of it."""
    try:
        experiment.task.plots(experiment.model, batch)
    except EpochalError:
        raise
    except Exception as error:
        what = f"drawing what the model makes fails: {describe(error)}"
        raise ConfigError(Problem(what, "model")) from error


def _check_loss(experiment: Experiment, outputs: Tensor, targets: Tensor) -> None:
    """A finite number comes out, and it means what the task takes it for."""
    task = experiment.task
    criterion = task.context.criterion
    assert isinstance(criterion, nn.Module)
    assert experiment.config.loss is not None
    name = experiment.config.loss.name
    fitting = f"for {experiment.config.task.name} there are {_FIT[task.target]}"
    if type(criterion) in _UNFIT[task.target]:
        raise ConfigError(
            Problem(
                f"{name} is no loss for {experiment.config.task.name}", "loss", f"use {_FIT[task.target]}"
            )
        )
    if targets.ndim == 2 and task.target == "class" and not accepts_probabilities(criterion):
        what = f"{name} takes class indices, and mixup and cutmix make probabilities"
        raise ConfigError(Problem(what, "loss", "use cross_entropy or focal, or leave the mixing out"))
    try:
        with warnings.catch_warnings():
            # torch only warns where outputs [8, 2] and targets [8] are broadcast against each other
            warnings.filterwarnings("error", message="Using a target size", category=UserWarning)
            loss = task.loss(outputs, targets)
    except EpochalError:
        raise
    except UserWarning:
        what = f"{name} compares outputs {list(outputs.shape)} with targets {list(targets.shape)}"
        raise ConfigError(Problem(what, "loss", fitting)) from None
    except Exception as error:
        shapes = f"outputs {list(outputs.shape)} and targets {list(targets.shape)}"
        raise ConfigError(Problem(f"{name} fails on {shapes}: {describe(error)}", "loss", fitting)) from error
    if not isinstance(loss, Tensor) or loss.ndim != 0:
        given = f"{list(loss.shape)} numbers" if isinstance(loss, Tensor) else f"a {type(loss).__name__}"
        mend = "a loss gives a tensor with one number: the mean over the batch"
        raise ConfigError(Problem(f"{name} gives {given}", "loss", mend))
    if not math.isfinite(float(loss)):
        what = f"the loss of the first samples is {float(loss)} before any training"
        raise ConfigError(Problem(what, "loss", "look for NaN or huge values in the data: `epochal inspect`"))


def _check_scores(experiment: Experiment, outputs: Tensor, targets: Tensor) -> None:
    """Everything that is reported can be computed, and the score to follow is among it.

    The predictions are those of the few samples, repeated to the length of the validation split: which
    scores are defined depends on the targets alone.
    """
    task, val = experiment.task, experiment.val
    truth = enough(val.kept_targets(), task.outputs).cpu().numpy()
    try:
        running = task.running(outputs, targets)
        kept, _ = task.keep(outputs, targets)
        predictions = task.kept_predictions(kept).cpu().numpy()
        predictions = np.resize(predictions, (len(truth), *predictions.shape[1:]))
        scores = task.scores(predictions, truth)
        _check_metrics(task, predictions, truth)
        task.curves(predictions, truth)
        task.table(predictions, truth)
    except EpochalError:
        raise
    except Exception as error:
        what = f"{experiment.config.task.name} fails on its first predictions: {describe(error)}"
        raise ConfigError(Problem(what, "task")) from error
    training = experiment.config.training
    if training.step is not None or training.validation is not None:
        return  # their scores are known when they have run, in the preflight
    own = [metric.name for metric in task.context.metrics]
    known = [f"val/{name}" for name in ("loss", *scores.overall, *own)]
    known += [f"train/{name}" for name in ("loss", *running)]
    name = experiment.monitor.name
    if name not in known:
        near = did_you_mean(name, known)
        mend = near if near.startswith("did you") else "this run has " + ", ".join(known)
        raise ConfigError(Problem(f"there is no score '{name}' to follow", "training.monitor", mend))


def _check_metrics(task: Task, predictions: Array, targets: Array) -> None:
    """Each metric of the user's gives a number under a name of its own."""
    for position, metric in enumerate(task.context.metrics):
        try:
            metric(predictions, targets)
        except Exception as error:
            shapes = f"predictions {list(predictions.shape)} and targets {list(targets.shape)}"
            mend = "a metric gives a number, from arrays of NumPy"
            what = f"{metric.name} fails on {shapes}: {describe(error)}"
            raise ConfigError(Problem(what, f"evaluation.metrics.{position}", mend)) from error


def _wrong_width(
    experiment: Experiment, name: str, width: tuple[int, ...], expected: tuple[int, ...]
) -> Problem:
    task = experiment.task
    if len(expected) > 1:
        given, wanted = ("×".join(map(str, shape)) for shape in (width, expected))
        what = f"{name} gives {given or 'one number'} for a sample, and masks of its classes are {wanted}"
        return Problem(what, "model", "use a network for segmentation, such as unet")
    kinds = {"class": "classes", "labels": "labels", "value": "target columns", "mask": "classes"}
    shown = ", ".join(task.names[:6]) + (", ..." if len(task.names) > 6 else "")
    given = str(width[0]) if len(width) == 1 else f"an array of shape {list(width)}"
    found = f"{len(task.names)} {kinds[task.target]} ({shown})"
    return Problem(
        f"{shown_name(name)} gives {given} outputs a sample, the data has {found}"
        + (f", which takes {task.outputs} under this loss" if task.outputs != len(task.names) else ""),
        "model",
        "give it as many; targets that are integers are classes, floats are values"
        if name.startswith(PREFIX)
        else "let its class count be an argument named num_classes, which is filled in, or set it to fit",
    )
