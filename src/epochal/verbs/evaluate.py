"""Evaluate: the scores of a trained run on one of its splits, or on other data with targets."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from epochal.analysis.decision import takes_temperature
from epochal.console import Console, log
from epochal.data.folds import groups_of
from epochal.data.remote import fetch, is_remote
from epochal.dotenv import read_dotenv
from epochal.engine.compute import compute_settings
from epochal.errors import Problem, RequestError, did_you_mean
from epochal.experiment.assemble import Experiment, assemble
from epochal.experiment.data import data_of_run
from epochal.experiment.differences import warn_of_other_code
from epochal.experiment.other_data import other_data
from epochal.experiment.restore import load_run_config, read_decision
from epochal.experiment.seen import seen_in_training
from epochal.experiment.testing import Asked, prediction_table, write_evaluations, write_other_evaluation
from epochal.run.catalog import find_run
from epochal.run.durable import Lock
from epochal.run.run import Run

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation gave.

    label: the split, or the name of the data. metrics: ``accuracy``, ... overall. per_class: of each class.
    intervals: score -> the ends of its 95 % interval. predictions: INDEX, FILENAME, TARGET, PREDICTION,
    probabilities, one row a sample. details: all of ``metrics/<label>.json``.
    """

    run: Run
    label: str
    metrics: dict[str, float]
    per_class: dict[str, dict[str, float]]
    intervals: dict[str, tuple[float, float]]
    predictions: pl.DataFrame
    details: dict[str, Any]


def evaluate(
    run: str | Path | Run,
    split: str = "test",
    *,
    data: str | Path | None = None,
    runs: str | Path = "runs",
    device: str = "auto",
    calibrate: bool = False,
    sort_by_loss: bool = False,
    quiet: bool = False,
) -> Evaluation:
    """Score the best weights of a run on ``train``, ``val`` or ``test``, or on other data with targets.

    data: a folder or table laid out as the training data was; it is scored whole, and a warning says how
    many of its samples the run learnt from. The scores, predictions, curves and plots are written into the
    run folder under the split's, or the data's, name.
    calibrate: first fit a temperature on the run's validation split; from then on ``predict``, ``load`` and
    ``evaluate`` use it, and the scores of validation and test are written anew.
    sort_by_loss: also write ``predictions/<name>_by_loss.csv``, the worst sample first.

    Raises RequestError where the run, the split or the data is not there or does not fit.
    """
    found = find_run(run, Path(runs))
    config = load_run_config(found, (f"compute.device={device}",))
    _check_run(found, split)
    read_dotenv()
    with ExitStack() as stack:
        console = stack.enter_context(Console(quiet=quiet).messages())
        if data is not None and is_remote(str(data)):
            data = fetch(str(data), config.cache_folder, console)
        parts = (
            other_data(found, config, Path(data), console) if data else data_of_run(found, config, console)
        )
        experiment = assemble(config, console, parts)
        _check_scored(experiment, found)
        stack.enter_context(compute_settings(config.compute, experiment.compute.device))
        warn_of_other_code(found, config)
        stack.enter_context(Lock(found.folder.lock))
        label = split if data is None else _label(Path(data))
        if calibrate:
            _check_calibrate(experiment, data, found)
        if data is None:
            splits = dict.fromkeys(("val", "test", split)) if calibrate else (split,)
            asked = Asked(learn=calibrate, calibrate=calibrate, by_loss=sort_by_loss)
            outcomes = write_evaluations(experiment, found.folder, splits, asked=asked)
            if split not in outcomes:
                raise RequestError(Problem(f"the split '{split}' has no samples", str(found.path)))
            outcome = outcomes[split]
            if calibrate:
                _name_scored_before(found, splits)
        else:
            seen = seen_in_training(found, config, parts.source, Path(data), console)
            remarks = {"seen_in_training": seen}
            outcome = write_other_evaluation(experiment, found.folder, label, sort_by_loss, remarks)
    manifest = parts.source.manifest
    groups = groups_of(config.data.split, manifest)
    table = prediction_table(experiment.task, outcome, manifest, read_decision(found.folder), groups)
    details = json.loads(found.folder.scores(label).read_text())
    intervals = {name: (low, high) for name, (low, high) in details.get("intervals", {}).items()}
    overall, per_class = dict(outcome.scores.overall), dict(outcome.scores.per_class)
    return Evaluation(found, label, overall, per_class, intervals, table, details)


def _check_run(found: Run, split: str) -> None:
    """RequestError where the run has no weights to score, or the split is none."""
    if found.folds:
        mend = f"name one of its folds, such as {found.folds[0]}; their test scores are in crossval.json"
        raise RequestError(Problem("a cross-validation has a model for each fold", str(found.path), mend))
    if not found.folder.best.exists():
        raise RequestError(
            Problem("the run has no best checkpoint yet", str(found.path), f"it is {found.status}")
        )
    if split not in SPLITS:
        mend = did_you_mean(split, SPLITS)
        raise RequestError(Problem(f"no split is called '{split}'", mend=mend))


def _check_scored(experiment: Experiment, found: Run) -> None:
    if not experiment.task.has_loss:
        mend = "metrics/ has what training.validation computed, if there is one"
        raise RequestError(Problem("a run that generates has no predictions to score", str(found.path), mend))


def _check_calibrate(experiment: Experiment, data: str | Path | None, run: Run) -> None:
    """RequestError where there is nothing to fit a temperature to."""
    where = str(run.path)
    if data is not None:
        mend = "first `epochal evaluate RUN --calibrate`, then `--data`"
        raise RequestError(Problem("a temperature is fitted on the run's own validation split", where, mend))
    if not takes_temperature(experiment.task):
        raise RequestError(Problem("a temperature is for logits of classes or labels", where))
    if not len(experiment.val.rows):
        raise RequestError(Problem("there is no validation split to fit a temperature on", where))


def _name_scored_before(run: Run, written: Collection[str]) -> None:
    """A warning where the run holds scores that the new temperature, and new thresholds, do not reach."""
    found = sorted(path.stem for path in run.folder.scores("test").parent.glob("*.json"))
    before = [label for label in found if label not in written]
    if before:
        log.warning(f"{', '.join(before)}: scored before this temperature was fitted; evaluate anew")


def _label(path: Path) -> str:
    """The name that results of other data are kept under; never that of a split."""
    stem = re.sub(r"[^\w.-]+", "-", path.absolute().stem)
    return f"data-{stem}" if stem in SPLITS else stem
