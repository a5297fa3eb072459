"""Scores that a function of the user's computes, in training and after it."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import torch

from epochal.data.batch import Batch
from epochal.data.draws import key_integer
from epochal.data.foreign import forked_generators
from epochal.engine.own_step import VALIDATIONS, StepState, scalars
from epochal.experiment.assemble import Experiment

_KEY = 0x7A11


def own_scores(experiment: Experiment, view: StepState, batches: Iterable[Batch]) -> dict[str, float]:
    """What ``training.validation`` returns for some batches, by names without ``val/``; empty without one.

    The model of ``view`` is in evaluation mode, and draws are the same at every call; the generators stay as
    they are. ConfigError where the function returns no dict of scalars.
    """
    component = experiment.config.training.validation
    if component is None:
        return {}
    function = partial(VALIDATIONS.resolve(component.name), **component.arguments)
    training = view.model.training
    view.model.eval()
    try:
        with torch.no_grad(), forked_generators(view.device) as seed:
            seed(key_integer(experiment.config.seed, _KEY))
            found = scalars(function(view, batches), component.name, "training.validation", view.device)
    finally:
        view.model.train(training)
    return {name.removeprefix("val/"): float(value) for name, value in found.items()}
