"""The test phase: scores, predictions, curves and plots of the best weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import polars as pl
from torch import Tensor, nn

from epochal.analysis.assessment import assess, mistakes
from epochal.analysis.decision import Decision, curves_at, learn_decision, scores_at
from epochal.analysis.losses import sample_losses
from epochal.analysis.mistakes import sorted_by_loss
from epochal.console import log
from epochal.data.batch import Batch
from epochal.data.batches import Batches
from epochal.data.folds import groups_of
from epochal.data.manifest import Array, Manifest
from epochal.engine.checkpoint import read_checkpoint
from epochal.engine.own_step import StepState
from epochal.experiment.assemble import Experiment
from epochal.experiment.check_evaluation import check_evaluation
from epochal.experiment.doubts import warn_of_doubts
from epochal.experiment.forecasts import with_more
from epochal.experiment.overlays import draw_worst
from epochal.experiment.own_validation import own_scores
from epochal.experiment.pictures import write_pictures
from epochal.experiment.restore import read_decision
from epochal.experiment.whole_split import WholeSplit
from epochal.inference.evaluate import Outcome, collect, score
from epochal.plots.draw import draw_plots
from epochal.run.durable import write_json, write_text
from epochal.run.folder import RunFolder
from epochal.tasks.scores import Scores
from epochal.tasks.task import Task

_Collected = tuple[Tensor, Tensor, Tensor]
"""Outputs [N, ...], targets [N, ...] and row numbers [N]."""


def load_best(experiment: Experiment, folder: RunFolder) -> tuple[nn.Module, int]:
    """The experiment's model with the best weights, and the epoch (1-based) that they are from."""
    weights, values = read_checkpoint(folder.best)
    experiment.model.load_state_dict(weights)
    return experiment.model, int(values["epoch"])


Checked = Callable[[Iterable[Batch]], Iterable[Batch]]
"""Passes batches on, and may raise between two of them."""


@dataclass(frozen=True)
class Asked:
    """What an evaluation is asked for beside what it always gives.

    learn: fit on validation what the configuration, or an earlier fit, asks for; else take what is stored.
    calibrate: fit a temperature, whatever the configuration says. by_loss: write predictions/..._by_loss.csv.
    remarks: what the metrics say beside the scores.
    """

    learn: bool = True
    calibrate: bool = False
    by_loss: bool = False
    remarks: Mapping[str, Any] = field(default_factory=dict)


def write_evaluations(
    experiment: Experiment,
    folder: RunFolder,
    splits: Iterable[str],
    checked: Checked = iter,
    asked: Asked = Asked(),
) -> dict[str, Outcome]:
    """Evaluate the best weights on each split that has samples, and write what section 4 of a run lists."""
    of_splits = {split: experiment.batches(split) for split in splits}
    found = {name: batches for name, batches in of_splits.items() if len(batches.rows)}
    return _write(experiment, folder, found, checked, asked)


def write_other_evaluation(
    experiment: Experiment,
    folder: RunFolder,
    label: str,
    by_loss: bool = False,
    remarks: Mapping[str, Any] = MappingProxyType({}),
) -> Outcome:
    """Evaluate the best weights on all rows of other data, and write it under its label.

    It is not asked for subgroups whose columns it lacks. remarks: what the metrics say beside the scores.
    """
    evaluation, columns = experiment.config.evaluation, experiment.data.source.manifest.columns
    known = tuple(name for name in evaluation.subgroups if columns is not None and name in columns.columns)
    if known != evaluation.subgroups:
        missing = [name for name in evaluation.subgroups if name not in known]
        log.warning(f"{label}: no subgroups by {', '.join(missing)}, which this data does not have")
        evaluation = evaluation.model_copy(update={"subgroups": known})
        experiment = replace(
            experiment, config=experiment.config.model_copy(update={"evaluation": evaluation})
        )
    asked = Asked(learn=False, by_loss=by_loss, remarks=remarks)
    return _write(experiment, folder, {label: experiment.test}, iter, asked)[label]


def _write(
    experiment: Experiment, folder: RunFolder, batches: dict[str, Batches], checked: Checked, asked: Asked
) -> dict[str, Outcome]:
    check_evaluation(experiment)
    model, best_epoch = load_best(experiment, folder)
    collected: dict[str, _Collected] = {}
    decision = read_decision(folder)
    if asked.learn:
        evaluation = experiment.config.evaluation
        calibrate = asked.calibrate or evaluation.calibrate or decision.temperature is not None
        decision = Decision()
        if (calibrate or evaluation.threshold) and len(experiment.val.rows):
            collected["val"] = _collect(experiment, model, experiment.val, checked)
            outputs, targets, _ = collected["val"]
            decision = learn_decision(experiment.task, outputs, targets, calibrate, evaluation.threshold)
            write_json(folder.calibration, decision.to_json())
            log.info(f"learnt on validation: {decision}")
            if decision.doubt:
                log.warning(decision.doubt)
        elif calibrate or evaluation.threshold:
            log.warning("no temperature and no threshold are chosen, for there is no validation split")
    outcomes, contents = {}, {}
    for label, found in batches.items():
        own = _own_scores(experiment, model, checked(found.epoch()))
        if not experiment.task.has_loss:
            if own:
                write_json(folder.scores(label), {"samples": len(found.rows), "overall": own})
            continue
        of_label = collected.get(label) or _collect(experiment, model, found, checked)
        outcomes[label], contents[label] = _write_split(
            experiment, found, of_label, folder, label, decision, asked, own
        )
    warn_of_doubts(folder, contents)
    best = (experiment.monitor.name, best_epoch)
    draw_plots(folder.curves, folder.plots, folder.history, splits=tuple(outcomes), best=best)
    for label in outcomes:
        draw_worst(experiment, model, batches[label], folder, label)
    write_pictures(experiment, model, folder)
    return outcomes


def _own_scores(experiment: Experiment, model: nn.Module, batches: Iterable[Batch]) -> dict[str, float]:
    """Of ``training.validation``, as far as they are finite: a score that is undefined is absent."""
    view = StepState(model, experiment.compute.device, experiment.compute.autocast)
    found = own_scores(experiment, view, batches)
    return {name: value for name, value in found.items() if np.isfinite(value)}


def _collect(experiment: Experiment, model: nn.Module, batches: Batches, checked: Checked) -> _Collected:
    return collect(model, experiment.task, checked(batches.epoch()), experiment.compute.autocast)


def write_evaluation(
    experiment: Experiment,
    model: nn.Module,
    batches: Batches,
    folder: RunFolder,
    label: str,
    checked: Checked,
) -> Outcome:
    """Scores, predictions and curves of some batches, under a label such as ``test``."""
    check_evaluation(experiment)
    collected = _collect(experiment, model, batches, checked)
    outcome, _ = _write_split(experiment, batches, collected, folder, label, Decision(), Asked(), {})
    return outcome


def _write_split(
    experiment: Experiment,
    batches: Batches,
    collected: _Collected,
    folder: RunFolder,
    label: str,
    decision: Decision,
    asked: Asked,
    own: dict[str, float],
) -> tuple[Outcome, dict[str, Any]]:
    """The outcome, and what was written of its scores; what counts decisions counts those at thresholds.

    own: scores of the user's own, which have no intervals.
    """
    task, manifest = experiment.task, batches.pool.source.manifest
    outputs, targets = decision.scaled(collected[0]), collected[1]
    outcome = score(task, outputs, targets, collected[2])
    outcome = replace(outcome, scores=replace(outcome.scores, overall=outcome.scores.overall | own))
    groups = groups_of(experiment.config.data.split, manifest)
    table = prediction_table(task, outcome, manifest, decision, groups)
    finite = bool(np.isfinite(outcome.predictions).all())
    decided = decision.decided(outcome.predictions) if finite else None
    content: dict[str, Any] = {}
    if decided is not None:
        content = {"threshold": decision.described(task), "without_threshold": outcome.scores.to_json()}
        found = scores_at(task, outcome.predictions, decided, outcome.targets)
        overall = {"loss": outcome.scores.overall["loss"], **found.overall, **own}
        outcome = replace(outcome, scores=Scores(overall, found.per_class))
    unseen = experiment.data.unseen_in(outcome.samples)
    remarks = {**({"unseen": unseen} if unseen else {}), **asked.remarks}
    content = {"samples": len(outcome.samples), **remarks, **outcome.scores.to_json(), **content}
    curves = curves_at(task, outcome.predictions, decided, outcome.targets)
    # a few samples that stand for a split, before training, have no interval worth its time
    if not isinstance(task, WholeSplit) and finite:
        content |= _assessed(experiment, outcome, outputs, targets, manifest, decided, groups)
        content.get("calibration", {}).update(temperature=decision.temperature)
        curves |= mistakes(task, table, outcome.predictions, decided, outcome.targets)
        curves = with_more(curves, batches, outcome, content)
    write_json(folder.scores(label), content)
    write_text(folder.predictions(label), table.write_csv())
    for kind, curve in curves.items():
        write_text(folder.curve(kind, label), curve.write_csv())
    if asked.by_loss:
        _write_by_loss(task, outcome, decided, outputs, targets, table, folder, label)
    return outcome, content


def _assessed(
    experiment: Experiment,
    outcome: Outcome,
    outputs: Tensor,
    targets: Tensor,
    manifest: Manifest,
    decided: Array | None,
    groups: pl.Series | None,
) -> dict[str, Any]:
    """Intervals, calibration, subgroups."""
    evaluation = experiment.config.evaluation
    columns = None
    if evaluation.subgroups and manifest.columns is not None:
        columns = manifest.columns.select(evaluation.subgroups)[outcome.samples.tolist()]
    return assess(
        experiment.task,
        outcome.predictions,
        outcome.targets,
        evaluation,
        experiment.config.seed,
        decided=decided,
        groups=None if groups is None else groups.gather(outcome.samples).to_numpy().astype(str),
        columns=columns,
        losses=sample_losses(experiment.task, outputs, targets) if evaluation.resamples else None,
    )


def _write_by_loss(
    task: Task,
    outcome: Outcome,
    decided: Array | None,
    outputs: Tensor,
    targets: Tensor,
    table: pl.DataFrame,
    folder: RunFolder,
    label: str,
) -> None:
    losses = sample_losses(task, outputs, targets, patient=True)
    if losses is None:
        log.warning("the loss is no mean over samples, so that none can be sorted by it")
        return
    predictions = outcome.predictions
    chosen = predictions if decided is None else decided
    worst_first = sorted_by_loss(task, table, predictions, chosen, losses[0])
    write_text(folder.predictions(f"{label}_by_loss"), worst_first.write_csv())


def prediction_table(
    task: Task,
    outcome: Outcome,
    manifest: Manifest,
    decision: Decision = Decision(),  # noqa: B008 (frozen)
    groups: pl.Series | None = None,
) -> pl.DataFrame:
    """INDEX, FILENAME, TARGET, PREDICTION, PROBABILITY_<class>..., one row a sample.

    groups: of each row of the manifest; they are the column GROUP after FILENAME.
    """
    filenames = manifest.filenames.gather(outcome.samples)
    named = {} if groups is None else {"GROUP": groups.gather(outcome.samples)}
    columns = decision.table(task, outcome.predictions, outcome.targets)
    return pl.DataFrame({"INDEX": outcome.samples, "FILENAME": filenames, **named, **columns})
