"""Cross-validate: k trainings, each tested on what it did not see, and what they come to together."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from epochal.config.component import Component
from epochal.config.yaml import dump_yaml
from epochal.console import Console, log
from epochal.data.folds import FOLDS, fold_count
from epochal.data.manifest import Source
from epochal.data.split import build_split
from epochal.dotenv import read_dotenv
from epochal.errors import ConfigError, Problem
from epochal.experiment.config import ExperimentConfig, located, read_experiment
from epochal.experiment.data import read_and_split
from epochal.experiment.ending import flagged
from epochal.experiment.identity import id_of_splits
from epochal.experiment.own_code import describe
from epochal.experiment.pooled import write_pooled
from epochal.experiment.secret_settings import keep_secrets
from epochal.run.catalog import runs_of
from epochal.run.durable import make_folders, write_text
from epochal.run.folder import RunFolder, create_run_folder
from epochal.run.run import Run
from epochal.run.sessions import at_work
from epochal.secrets import redacted_values
from epochal.tasks.build import task_class
from epochal.verbs.launch import Order
from epochal.verbs.together import train_together
from epochal.verbs.train import train


@dataclass(frozen=True)
class CrossValidation:
    """A finished cross-validation.

    run: the parent folder. folds: each a run of its own. mean, std: of each score over folds. pooled: scores
    of all predictions together.
    """

    run: Run
    folds: tuple[Run, ...]
    mean: dict[str, float]
    std: dict[str, float]
    pooled: dict[str, float]


def crossval(
    config: str | Path | Mapping[str, Any],
    *overrides: str,
    jobs: int = 1,
    again: bool = False,
    quiet: bool = False,
) -> CrossValidation:
    """Train and test every fold of ``data.split`` (kfold, leave_one_group_out), and put them together.

    Each fold is a run in the parent's folder ``folds``, with the statistics of its own training part. A
    cross-validation that was interrupted goes on where it stopped; a finished one is returned, unless
    ``again``. jobs: folds at once.

    Raises ConfigError where the split makes no folds, and what ``train`` raises.
    """
    read_dotenv()
    began = time.time()
    with ExitStack() as stack:
        console = stack.enter_context(Console(quiet=quiet).messages())
        loaded, text = read_experiment(config, overrides)
        keep_secrets(loaded, text)
        with located(text):
            source, count, identity = _plan(loaded, console)
        run = _parent(loaded, identity, again)
        folder = run.folder
        folds = [Run(folder.path / "folds" / str(number)) for number in range(1, count + 1)]
        if run.status != "finished":
            stack.enter_context(at_work(folder, began, console.said))
            log.info(f"cross-validation {folder.path}: {count} folds")
            with flagged(
                folder, f"the same command continues {folder.path}", partial(_explained, folder=folder)
            ):
                orders = [_order(config, overrides, fold, number) for number, fold in enumerate(folds, 1)]
                _train_each(orders, folds) if jobs == 1 else _train_together(orders, folds, jobs)
                write_pooled(folder, loaded, folds, source)
        else:
            log.info(f"{folder.path} is finished already; --again does it once more")
    content = json.loads(folder.crossval.read_text())
    pooled = content["pooled"].get("overall", {})
    return CrossValidation(run, tuple(folds), content["mean"], content["std"], pooled)


def _plan(config: ExperimentConfig, console: Console) -> tuple[Source, int, str]:
    """The data, the number of folds, and the identity of the whole."""
    split = config.data.split
    if split is None or split.name not in FOLDS or "fold" in split.arguments:
        mend = "write data.split: {name: kfold, folds: 5}, without a fold of its own"
        raise ConfigError(Problem("the split makes no folds", "data.split", mend))
    if not task_class(config.task).has_loss:
        what = f"{config.task.name} has no predictions that folds could be tested on"
        raise ConfigError(Problem(what, "task", "use `epochal train`"))
    reading, _ = read_and_split(_with_fold(config, 1), console)
    source = reading.source
    count = fold_count(split, source.manifest)
    each = [_with_fold(config, number).data.split for number in range(1, count + 1)]
    splits = [build_split(component, source.manifest, config.seed) for component in each]
    return source, count, id_of_splits(config, source, splits)


def _with_fold(config: ExperimentConfig, number: int) -> ExperimentConfig:
    split = config.data.split
    assert split is not None
    one = Component.model_validate({"name": split.name, **split.arguments, "fold": number})
    return config.model_copy(update={"data": config.data.model_copy(update={"split": one})})


def _parent(config: ExperimentConfig, identity: str, again: bool) -> Run:
    """The newest cross-validation of this experiment, or a new folder for one."""
    runs = runs_of(config.runs_folder, config.name, identity)
    if runs and (not again or runs[-1].status != "finished"):
        return runs[-1]
    folder = create_run_folder(config.runs_folder, config.name, identity)
    make_folders(folder.path / "folds")  # by which it is known as what it is
    write_text(folder.config, dump_yaml(redacted_values(config.to_plain())))
    return Run(folder.path)


def _order(
    config: str | Path | Mapping[str, Any], overrides: tuple[str, ...], fold: Run, number: int
) -> Order:
    return Order(config, (*overrides, f"data.split.fold={number}"), {"folder": str(fold.path), "quiet": True})


def _train_each(orders: list[Order], folds: list[Run]) -> None:
    """One after the other, in this process."""
    for number, (order, fold) in enumerate(zip(orders, folds, strict=True), start=1):
        if fold.status != "finished" or not fold.folder.config.exists():
            train(order.config, *order.overrides, **order.options)
        _say(number, fold)


def _train_together(orders: list[Order], folds: list[Run], jobs: int) -> None:
    """So many at once, in processes of their own; after an error no other fold is begun."""
    left = {
        number: order
        for number, (order, fold) in enumerate(zip(orders, folds, strict=True), start=1)
        if fold.status != "finished"
    }
    errors = []
    for number, outcome in train_together(left, jobs, stop_at_error=True):
        if isinstance(outcome, Run):
            _say(number, outcome)
        else:
            errors.append(outcome)
    if errors:
        raise errors[0]


def _say(number: int, fold: Run) -> None:
    shown = {name: value for name, value in fold.metrics.items() if name.startswith("test/")}
    log.info(f"fold {number}  " + "  ".join(f"{name} {value:.4g}" for name, value in list(shown.items())[:4]))


def _explained(error: Exception, folder: RunFolder) -> Problem:
    return Problem(describe(error), str(folder.path), f"the traceback is in {folder.log}")
