"""Validation within training, by one process or shared by several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from epochal.data.foreign import forked_generators
from epochal.engine.interruption import Interruption
from epochal.engine.own_step import view_of
from epochal.engine.state import TrainState
from epochal.experiment.assemble import Experiment
from epochal.experiment.own_validation import own_scores
from epochal.inference.evaluate import collect, score
from epochal.tasks.scores import Scores


def validation(experiment: Experiment, state: TrainState, interruption: Interruption) -> Callable[[], Scores]:
    """A function that scores the state's weights on the validation split, as the task and the user say.

    Several processes evaluate a part of the rows each; the first one scores all outputs, in their order.
    """
    processes, task, val = state.processes, experiment.task, experiment.val
    total = len(val.rows)
    each = -(-total // processes.count)  # as many for all: of a model in parts, all compute at once
    first = min(processes.rank * each, total - each)
    part = replace(val, rows=val.rows[first : first + each])
    seen = processes.rank * each - first  # by the processes before this one

    def of_task() -> Scores:
        model = state.evaluated
        processes.share(list(model.buffers()))
        batches = interruption.checked(part.epoch())
        with forked_generators(state.device):  # a model may draw in evaluation too
            found = collect(model, task, batches, experiment.compute.autocast)
        if processes.count > 1:
            everyone = processes.gather([tensor[seen:].cpu() for tensor in found])
            outputs, targets, samples = map(torch.cat, zip(*everyone, strict=True))
            found = outputs.to(state.device), targets.to(state.device), samples
        return processes.first(lambda: score(task, *found).scores)

    def of_user() -> dict[str, float]:
        view = view_of(state, state.evaluated, experiment.compute)
        return own_scores(experiment, view, interruption.checked(val.epoch()))

    def validate() -> Scores:
        found = of_task() if task.has_loss else Scores({})
        if experiment.config.training.validation is None:
            return found
        return Scores(found.overall | processes.first(of_user), found.per_class)

    return validate
