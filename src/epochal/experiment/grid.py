"""A grid of experiments: every combination of the values given for some settings."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from epochal.console import Console
from epochal.errors import Problem, RequestError
from epochal.experiment.assemble import fill_in
from epochal.experiment.config import ExperimentConfig, located, read_experiment
from epochal.experiment.data import Data, assemble_data
from epochal.experiment.identity import experiment_id
from epochal.run.catalog import runs_of
from epochal.run.run import Run
from epochal.run.status import Status

Action = Literal["run", "resume", "skip"]


@dataclass(frozen=True)
class Trial:
    """One combination.

    title: the settings that vary, ``optimizer.lr=1e-3 seed=1``. overrides: all of them. id: the experiment's.
    run: its newest run, a finished one before others. status: that run's; None where there is none. action:
    what a sweep does. error: why it failed in this sweep.
    """

    config: str | Path | Mapping[str, Any]
    title: str
    overrides: tuple[str, ...]
    id: str
    action: Action
    run: Run | None
    status: Status | None
    error: str = ""

    @property
    def resume(self) -> str | bool:
        """The argument of ``train``: the run to continue, or False."""
        return str(self.run.path) if self.action == "resume" and self.run else False


def plan(
    config: str | Path | Mapping[str, Any], overrides: Sequence[str], retry: bool, console: Console
) -> list[Trial]:
    """Every combination once, and what is to be done about it.

    Raises RequestError with the mistakes of all combinations; a mistake that several share is told once.
    """
    found: dict[str, Trial] = {}
    problems: dict[Problem, None] = {}
    known: dict[str, Data] = {}
    grid = combinations(overrides)
    with console.progress("reading the grid", len(grid)) as advance:
        for title, chosen in grid:
            try:
                loaded, text = read_experiment(config, chosen)
                with located(text):
                    identity = _identity(loaded, known, console)
            except RequestError as error:
                problems.update(dict.fromkeys(error.problems))
                continue
            finally:
                advance(1)
            if identity not in found:
                run = _newest(loaded, identity)
                status = run.status if run else None
                found[identity] = Trial(config, title, chosen, identity, _action(status, retry), run, status)
    if problems:
        raise RequestError(*problems)
    return list(found.values())


def _identity(config: ExperimentConfig, known: dict[str, Data], console: Console) -> str:
    """The experiment's id, as training computes it; data that several combinations share is read once."""
    key = json.dumps([config.to_plain()[part] for part in ("data", "task", "seed")])
    if key not in known:
        known[key] = assemble_data(config, console, judge=False)  # training judges it
    data = known[key]
    return experiment_id(fill_in(config, data.source.kind), data)


def _newest(config: ExperimentConfig, identity: str) -> Run | None:
    """The newest finished run of the experiment, else the newest."""
    runs = runs_of(config.runs_folder, config.name, identity)[::-1]
    return next((run for run in runs if run.status == "finished"), runs[0] if runs else None)


def _action(status: Status | None, retry: bool) -> Action:
    if status is None:
        return "run"
    return "resume" if status in ("interrupted", "crashed") or (status == "failed" and retry) else "skip"


def combinations(overrides: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """For each combination its title, which names what varies, and its overrides."""
    each = [(text.partition("=")[0], split_values(text.partition("=")[2])) for text in overrides]
    varying = [key for key, values in each if len(values) > 1]
    keys = [key for key, _ in each]
    grid = []
    for values in itertools.product(*(values for _, values in each)):
        chosen = tuple(f"{key}={value}" for key, value in zip(keys, values, strict=True))
        title = " ".join(text for key, text in zip(keys, chosen, strict=True) if key in varying)
        grid.append((title or " ".join(chosen), chosen))
    return grid


def split_values(text: str) -> list[str]:
    """The parts between commas that stand outside brackets and quotes: ``1,[2,3]`` is two."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        if letter == "," and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
