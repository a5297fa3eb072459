"""Validation within training, by one process or shared by several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from epochal.engine.interruption import Interruption
from epochal.engine.state import TrainState
from epochal.experiment.assemble import Experiment
from epochal.inference.evaluate import collect, score
from epochal.tasks.scores import Scores


def validation(experiment: Experiment, state: TrainState, interruption: Interruption) -> Callable[[], Scores]:
    """A function that scores the state's weights on the validation split.

    Several processes evaluate a part of the rows each, in their order; the first one scores all outputs.
    """
    processes, task, val = state.processes, experiment.task, experiment.val
    part = replace(val, rows=val.rows[processes.part(len(val.rows))])

    def validate() -> Scores:
        model = state.evaluated
        processes.share(list(model.buffers()))
        own = None
        if len(part.rows):
            batches = interruption.checked(part.epoch())
            own = collect(model, task, batches, experiment.compute.autocast)
        found = [each for each in processes.gather(own) if each is not None]
        outputs, targets, samples = found[0] if len(found) == 1 else map(torch.cat, zip(*found, strict=True))
        return processes.first(lambda: score(task, outputs, targets, samples).scores)

    return validate
