"""The network of an experiment as it is built, also when a run is read back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from epochal.data.statistics import Normalizer
from epochal.experiment.config import ExperimentConfig
from epochal.models.build import build_model
from epochal.models.from_last import FromLast
from epochal.tasks.task import Task


def build_network(
    config: ExperimentConfig,
    shape: tuple[int, ...],
    task: Task,
    facts: Mapping[str, Any],
    normalizer: Normalizer,
    anchors: Sequence[int | None] = (),
) -> nn.Module:
    """The model that a configuration names; in a forecast, what it gives is added to the last known values.

    shape, facts: as of ``build_model``. anchors: of each output the channel of the input that it continues,
    or None; none at all where nothing is forecast.
    """
    assert config.model is not None
    model = build_model(config.model, shape, task.outputs, seed=config.seed, facts=facts)
    if all(channel is None for channel in anchors):
        return model
    index = [channel or 0 for channel in anchors]
    of_each = (each.cpu().flatten().expand(shape[0]) for each in (normalizer.shift, normalizer.scale))
    shift, scale = (values[index] for values in of_each)
    context = task.context
    target_shift, target_scale = torch.tensor(context.target_shift), torch.tensor(context.target_scale)
    return FromLast(model, anchors, shape[0], scale / target_scale, (shift - target_shift) / target_scale)
