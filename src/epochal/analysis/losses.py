"""The loss of each sample, from a criterion that gives the mean of a batch."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from epochal.tasks.classification import Classification
from epochal.tasks.multilabel import Multilabel
from epochal.tasks.regression import Regression
from epochal.tasks.scores import Floats
from epochal.tasks.segmentation import Segmentation
from epochal.tasks.task import Task

_MOST_ONE_BY_ONE = 20_000  # about half a second


def sample_losses(
    task: Task, outputs: Tensor, targets: Tensor, *, patient: bool = False
) -> tuple[Floats, Floats] | None:
    """Of each sample its loss [N] and what it counts in the mean [N], float64.

    outputs, targets: as ``Task.loss`` takes them. A criterion with a ``reduction``, as torch's have it, is
    asked once for all; another one is asked sample by sample: None where these are more than 20,000, unless
    ``patient``; and where the mean of these losses is not the loss of all.
    """
    if isinstance(task, Segmentation):  # of what is kept of masks, these are a part
        each: Floats = task.losses(outputs).cpu().numpy()
        return np.nan_to_num(each), np.isfinite(each).astype(np.float64)
    with torch.no_grad():
        whole = float(task.loss(outputs, targets))
        losses = _at_once(task, outputs, targets)
        counts = _class_weights(task, targets)
        if losses is not None and counts is not None:
            losses = np.divide(losses, counts, out=np.zeros_like(losses), where=counts > 0)
        if losses is None:
            if len(outputs) > _MOST_ONE_BY_ONE and not patient:
                return None
            rows = zip(torch.split(outputs, 1), torch.split(targets, 1), strict=True)
            losses = torch.stack([task.loss(*row) for row in rows]).cpu().double().numpy()
    if counts is None:
        counts = np.ones(len(losses))
    total = counts.sum()
    matches = total > 0 and np.isclose(losses @ counts / total, whole, rtol=1e-3, atol=1e-6)
    return (losses, counts) if matches else None


def _at_once(task: Task, outputs: Tensor, targets: Tensor) -> Floats | None:
    criterion: Any = task.context.criterion
    if not isinstance(task, Classification | Multilabel | Regression) or not hasattr(criterion, "reduction"):
        return None
    each = copy.copy(criterion)
    each.reduction = "none"
    values = type(task)(replace(task.context, criterion=each)).loss(outputs, targets)
    if len(values) != len(outputs):
        return None
    found: Floats = values.reshape(len(values), -1).cpu().double().mean(dim=1).numpy()
    return found


def _class_weights(task: Task, targets: Tensor) -> Floats | None:
    """The weight of each sample's class, where a criterion divides by their sum."""
    criterion = task.context.criterion
    if isinstance(criterion, nn.CrossEntropyLoss | nn.NLLLoss) and criterion.weight is not None:
        weights: Floats = criterion.weight.cpu().double().numpy()[targets.cpu().numpy()]
        return weights
    return None
