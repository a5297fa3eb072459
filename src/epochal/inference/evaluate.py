"""Outputs and scores of a model over one split: in training, after it, and for new data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from epochal.data.batch import Batch
from epochal.data.manifest import Array
from epochal.tasks.scores import Scores
from epochal.tasks.task import Task

Autocast = Callable[[], AbstractContextManager[object]]


@dataclass(frozen=True)
class Outcome:
    """N evaluated samples, in the order of the batches.

    samples: row numbers int64 [N]. predictions: probabilities [N, K] or values [N, T], float32; of masks,
    pixels by true and predicted class, int32 [N, K, K]. targets: as in a Batch, or as the task keeps them.
    scores: with the loss of the whole split as ``loss``.
    """

    samples: Array
    predictions: Array
    targets: Array
    scores: Scores


def collect(
    model: nn.Module, task: Task, batches: Iterable[Batch], autocast: Autocast
) -> tuple[Tensor, Tensor, Tensor]:
    """What the task keeps of outputs and targets [N, ...], and row numbers [N], in evaluation mode.

    All of both, unless the task's outputs are too large to be held for a whole split.

    The model's training mode is restored; no generator is drawn from; nothing waits for the device.
    """
    outputs, targets, samples = [], [], []
    training = model.training
    model.eval()
    try:
        for batch in batches:
            # not inference_mode: a mask that the model keeps from here could not be trained with later;
            # and not around the batches: a Dataset's own code runs there
            with torch.no_grad(), autocast():
                raw = task.forward(model, batch)
            with torch.no_grad():
                kept, truth = task.keep(raw.float(), batch.targets)
            outputs.append(kept)
            targets.append(truth)
            samples.append(batch.samples)
    finally:
        model.train(training)
    return torch.cat(outputs), torch.cat(targets), torch.cat(samples)


def evaluate_batches(model: nn.Module, task: Task, batches: Iterable[Batch], autocast: Autocast) -> Outcome:
    """Predictions and scores; the loss is that of the whole split, whatever the size of batches."""
    return score(task, *collect(model, task, batches, autocast))


def score(task: Task, outputs: Tensor, targets: Tensor, samples: Tensor) -> Outcome:
    """Predictions and scores of what ``collect`` gave."""
    with torch.no_grad():
        loss = float(task.kept_loss(outputs, targets))
        predictions = task.kept_predictions(outputs)
    values: Array = predictions.cpu().numpy()
    truth: Array = targets.cpu().numpy()
    scores = task.all_scores(values, truth) if np.isfinite(values).all() else Scores({}, {})
    overall = {"loss": loss, **scores.overall}
    return Outcome(samples.cpu().numpy(), values, truth, Scores(overall, scores.per_class))
