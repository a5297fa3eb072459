"""The test phase: scores, predictions, curves and plots of the best weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import polars as pl
from torch import nn

from epochal.data.batch import Batch
from epochal.data.batches import Batches
from epochal.data.manifest import Manifest
from epochal.engine.checkpoint import read_checkpoint
from epochal.experiment.assemble import Experiment
from epochal.inference.evaluate import Outcome, evaluate_batches
from epochal.plots.draw import draw_plots
from epochal.run.durable import write_json, write_text
from epochal.run.folder import RunFolder
from epochal.tasks.task import Task


def load_best(experiment: Experiment, folder: RunFolder) -> tuple[nn.Module, int]:
    """The experiment's model with the best weights, and the epoch (1-based) that they are from."""
    weights, values = read_checkpoint(folder.best)
    experiment.model.load_state_dict(weights)
    return experiment.model, int(values["epoch"])


Checked = Callable[[Iterable[Batch]], Iterable[Batch]]
"""Passes batches on, and may raise between two of them."""


def write_evaluations(
    experiment: Experiment, folder: RunFolder, splits: Iterable[str], checked: Checked = iter
) -> dict[str, Outcome]:
    """Evaluate the best weights on each split that has samples, and write what section 4 of a run lists."""
    of_splits = {split: experiment.batches(split) for split in splits}
    found = {name: batches for name, batches in of_splits.items() if len(batches.rows)}
    return _write(experiment, folder, found, checked)


def write_other_evaluation(experiment: Experiment, folder: RunFolder, label: str) -> Outcome:
    """Evaluate the best weights on all rows of other data, and write it under its label."""
    return _write(experiment, folder, {label: experiment.test}, iter)[label]


def _write(
    experiment: Experiment, folder: RunFolder, batches: dict[str, Batches], checked: Checked
) -> dict[str, Outcome]:
    model, best_epoch = load_best(experiment, folder)
    outcomes = {
        label: write_evaluation(experiment, model, found, folder, label, checked)
        for label, found in batches.items()
    }
    best = (experiment.monitor.name, best_epoch)
    draw_plots(folder.curves, folder.plots, folder.history, splits=tuple(outcomes), best=best)
    return outcomes


def write_evaluation(
    experiment: Experiment,
    model: nn.Module,
    batches: Batches,
    folder: RunFolder,
    label: str,
    checked: Checked,
) -> Outcome:
    """Scores, predictions and curves of some batches, under a label such as ``test``."""
    task = experiment.task
    outcome = evaluate_batches(model, task, checked(batches.epoch()), experiment.compute.autocast)
    write_json(folder.scores(label), outcome.scores.to_json())
    table = prediction_table(task, outcome, batches.pool.source.manifest)
    write_text(folder.predictions(label), table.write_csv())
    for kind, curve in task.curves(outcome.predictions, outcome.targets).items():
        write_text(folder.curve(kind, label), curve.write_csv())
    return outcome


def prediction_table(task: Task, outcome: Outcome, manifest: Manifest) -> pl.DataFrame:
    """INDEX, FILENAME, TARGET, PREDICTION, PROBABILITY_<class>..., one row a sample."""
    filenames = manifest.filenames.gather(outcome.samples)
    columns = task.table(outcome.predictions, outcome.targets)
    return pl.DataFrame({"INDEX": outcome.samples, "FILENAME": filenames, **columns})
