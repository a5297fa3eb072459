"""One batch through the whole life of a run, in a scratch folder, before the run starts."""

from __future__ import annotations

import copy
import json
import math
import time
import warnings
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from epochal.console import log
from epochal.data.foreign import forked_generators
from epochal.engine.checkpoint import read_checkpoint, write_checkpoint
from epochal.engine.loop import LATEST
from epochal.engine.memory import out_of_memory
from epochal.engine.own_step import view_of
from epochal.engine.schedules import Schedule
from epochal.engine.state import TrainState
from epochal.errors import ConfigError, Problem, did_you_mean
from epochal.experiment.assemble import Experiment
from epochal.experiment.disk_space import check_room, room, scratch_folder
from epochal.experiment.own_code import describe
from epochal.experiment.own_validation import own_scores
from epochal.experiment.phase import phase, section_of
from epochal.experiment.pictures import has_pictures, task_pictures
from epochal.experiment.start import fresh_state, steps_per_epoch
from epochal.experiment.testing import load_best, write_evaluation
from epochal.experiment.trial_step import few, train_steps
from epochal.experiment.whole_split import WholeSplit, enough
from epochal.inference.evaluate import collect
from epochal.plots.draw import draw_plots
from epochal.run.durable import write_text
from epochal.run.folder import RunFolder
from epochal.tasks.task import Task

_ITEMS, _READING = 64, 1.0  # samples read in search of another shape, and seconds for it
_WALKED = 2000  # calls of a schedule
_LONG = 60.0  # seconds of training from which on a second for the plots is little
_WHOLE_STATES = 3  # the last one, the one before it, and one being written


def preflight(experiment: Experiment, steps: int) -> None:
    """Take a few samples through everything that a run does, so that what would fail late fails now.

    A copy of the model takes a training step; its state is written, read and restored; the schedule is
    walked through; validation, scores, predictions, curves and, where training is long or the task is the
    user's, plots are made, by the functions that the end of a run uses. The experiment and the global
    generators stay as they are, and nothing is left in the runs folder.

    steps: optimiser steps of the whole training.
    Raises ConfigError where code of the user's fails, DataError for a sample of another shape, RequestError
    where the runs folder can't be written to or has too little room.
    """
    _check_items(experiment)
    config = experiment.config
    with (
        forked_generators(experiment.compute.device),
        scratch_folder(config.runs_folder) as scratch,
    ):
        _rehearse(experiment, steps, RunFolder(scratch))


def _check_items(experiment: Experiment) -> None:
    """Samples that are made anew each time, some of all: DataError where one has another shape."""
    samples = experiment.data.samples
    if samples.array is not None:  # all were looked at when it was filled
        return
    rows = np.sort(
        np.concatenate([each.rows for each in (experiment.train, experiment.val, experiment.test)])
    )
    chosen = np.unique(np.linspace(0, len(rows) - 1, _ITEMS).round().astype(int))
    inner = np.random.default_rng(0).permutation(chosen[1:-1])  # spread, where time doesn't suffice for all
    started = time.perf_counter()
    for place in (0, len(rows) - 1, *inner):
        row = int(rows[place])
        name = experiment.data.source.manifest.filenames[row]
        with phase(f"making the sample '{name}' fails", "data", "look at data.prepare and the source"):
            samples.read_keyed(row, experiment.config.seed, 0)
        if time.perf_counter() - started > _READING:
            return


def _rehearse(experiment: Experiment, steps: int, folder: RunFolder) -> None:
    """The life of a run, and the room that its files will need."""
    try:
        copied = _copied(experiment)
    except Exception as error:
        if out_of_memory(error):
            raise
        log.info(f"the preflight is left out, for the model can't be copied: {describe(error)}")
        return
    _walk_schedule(copied, steps)
    state = fresh_state(copied)
    seconds = train_steps(copied, state)
    mend = "state_dict() gives tensors, numbers, text, and dicts, lists and tuples of them"
    with phase("the checkpoint would fail", "model", mend):
        tensors, values = state.to_checkpoint()
    weights = state.weights()
    for name, value in weights.items():
        if not isinstance(value, Tensor):
            what = f"the best weights can't be written: '{name}' is a {type(value).__name__}"
            raise ConfigError(Problem(what, "model", "get_extra_state() gives a tensor"))
    needed = _WHOLE_STATES * _bytes(tensors.values()) + _bytes(weights.values())
    with room(folder.path, needed):
        with phase("the checkpoint would fail", "model", mend):
            write_checkpoint(folder.last, tensors, values)
        row = _validate(copied, state)
        del state, tensors, weights  # a second state takes their place in the memory of the device
        copied = _copied(experiment)
        _resume(copied, folder.last)
        scores, predictions = _test(experiment, copied, folder) if copied.task.has_loss else ({}, 0)
        _check_monitor(copied, row | scores)
        _draw_pictures(copied)
        if seconds * steps > _LONG or _is_own(copied.task):
            _plot(copied, folder, row | scores)
    used = sum(file.stat().st_size for file in folder.path.rglob("*"))
    check_room(folder.path, needed + predictions, used)


def _copied(experiment: Experiment) -> Experiment:
    """The same experiment with a model and a task of its own."""
    model, task = copy.deepcopy((experiment.model, experiment.task))
    return replace(experiment, model=model, task=task)


def _walk_schedule(experiment: Experiment, steps: int) -> None:
    """Every call that training will make, unless they are too many."""
    if experiment.config.scheduler is None:
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch misses the optimizer's steps in between
        with phase("the scheduler would fail", "scheduler", "look at its arguments"):
            schedules = fresh_state(experiment).schedules.values()
        for schedule in schedules:
            _walk(schedule, experiment, steps)


def _walk(schedule: Schedule, experiment: Experiment, steps: int) -> None:
    """Every call of one schedule."""
    epochs = experiment.config.training.epochs
    by_steps = schedule.per == "step"
    calls = steps if by_steps else epochs
    if calls > _WALKED:
        return
    mend = f"it is called {calls} times, after every {'step' if by_steps else 'epoch'}"
    for epoch in range(epochs):
        with phase(f"the scheduler would fail in epoch {epoch + 1}", "scheduler", mend):
            for _ in range(steps_per_epoch(experiment)):
                schedule.after_step()
            schedule.after_epoch(0.0)


def _resume(experiment: Experiment, path: Path) -> None:
    """A fresh state becomes what the checkpoint holds; ConfigError where it does not."""
    tensors, values = read_checkpoint(path)
    mend = "load_state_dict() brings back everything that state_dict() gave"
    with phase("resuming from a checkpoint would fail", "model", mend):
        state = fresh_state(experiment)
        state.restore(tensors, values)
        restored, _ = state.to_checkpoint()
    for name, tensor in tensors.items():
        if name not in restored or not _is_same(tensor, restored[name]):
            what = f"resuming from a checkpoint would not bring back '{name}'"
            raise ConfigError(Problem(what, section_of(name, "model"), mend))


def _is_same(first: Tensor, second: Tensor) -> bool:
    """Byte by byte."""
    if (first.dtype, first.shape) != (second.dtype, second.shape):
        return False
    bytes_of = (each.detach().cpu().contiguous().reshape(-1).view(torch.uint8) for each in (first, second))
    return torch.equal(*bytes_of)


def _validate(experiment: Experiment, state: TrainState) -> dict[str, float]:
    """The end of an epoch: its numbers, and the trained model's outputs for validation."""
    mend = "in evaluation mode too the model gives one tensor [batch, outputs]"
    with phase("validation would fail", "model", mend):
        if experiment.task.has_loss:
            found = few(experiment.val).epoch()
            collect(state.evaluated, experiment.task, found, experiment.compute.autocast)
    with phase("validation would fail", "training.validation", ""):
        view = view_of(state, state.evaluated, experiment.compute)
        own = own_scores(experiment, view, few(experiment.val).epoch())
    with phase("the end of an epoch would fail", "task", "running() gives scalars, means over samples"):
        means = state.running.close(experiment.task.running)
    row = {f"train/{name}": value for name, value in means.items()}
    return row | {f"val/{name}": value for name, value in own.items()} | state.rates


def _test(experiment: Experiment, copied: Experiment, folder: RunFolder) -> tuple[dict[str, float], int]:
    """The end of a run; scores under the names that validation has, and the bytes of the run's predictions.

    One split stands for both: ``dry_run`` has scored the targets of validation already. The weights are
    those of before the training steps, which may have made them useless for scores.
    """
    split = "test" if len(copied.test.rows) else "val"
    batches = copied.batches(split)
    some = few(batches)
    targets = enough(batches.kept_targets(), copied.task.outputs)
    mend = "scores(), curves() and table() get predictions [N, ...] and targets [N, ...] of the whole split"
    with phase("the test phase would fail", "task" if _is_own(copied.task) else "model", mend):
        write_checkpoint(folder.best, experiment.model.state_dict(), {"epoch": 1})
        model, _ = load_best(copied, folder)
        whole = replace(copied, task=WholeSplit(copied.task, targets))
        outcome = write_evaluation(whole, model, some, folder, split, iter)
    scores = {f"val/{name}": value for name, value in outcome.scores.overall.items()}
    samples = len(copied.val.rows) + len(copied.test.rows)
    return scores, folder.predictions(split).stat().st_size * samples // len(some.rows)


def _check_monitor(experiment: Experiment, row: dict[str, float]) -> None:
    """The score to follow is there, where functions of the user's own decide what there is."""
    training, monitor = experiment.config.training, experiment.monitor
    own = training.step is not None or training.validation is not None
    if own and monitor != LATEST and monitor.name not in row:
        near = did_you_mean(monitor.name, row)
        mend = near if near.startswith("did you") else "this run has " + ", ".join(row)
        raise ConfigError(Problem(f"there is no score '{monitor.name}' to follow", "training.monitor", mend))


def _draw_pictures(experiment: Experiment) -> None:
    if has_pictures(experiment.task):
        mend = "plots() gets the model in evaluation mode and a batch of validation"
        with phase("the pictures would fail", "task", mend):
            task_pictures(experiment, experiment.model)


def _plot(experiment: Experiment, folder: RunFolder, row: dict[str, float]) -> None:
    """The pictures of a run of one epoch."""
    finite = {name: value for name, value in row.items() if math.isfinite(value)}
    write_text(folder.history, json.dumps({"step": 1, "epoch": 1, **finite}) + "\n")
    names = "confusion, roc, precision_recall or scatter"
    mend = f"a table that curves() calls {names} has the columns of epochal's own; call others otherwise"
    with phase("the plots would fail", "task", mend):
        draw_plots(folder.curves, folder.plots, folder.history, best=(experiment.monitor.name, 1))


def _is_own(task: Task) -> bool:
    """Whether a task is the user's."""
    return not type(task).__module__.startswith("epochal.")


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)
