"""A grid of experiments: every combination of the values given for some settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from epochal.config.grid import combinations
from epochal.console import Console
from epochal.data.check.reading import Reading
from epochal.data.prepare import first_rate
from epochal.data.sounds import sound_rate
from epochal.data.split import Split
from epochal.errors import Problem, RequestError
from epochal.experiment.assemble import fill_in
from epochal.experiment.config import ExperimentConfig, located, read_experiment
from epochal.experiment.data import read_data, split_of
from epochal.experiment.identity import id_of_splits, split_digest
from epochal.run.catalog import runs_of
from epochal.run.run import Run
from epochal.run.status import Status

Action = Literal["run", "resume", "skip"]


@dataclass(frozen=True)
class Trial:
    """One combination.

    title: the settings that vary, ``optimizer.lr=1e-3 seed=1``. overrides: all of them. id: the experiment's.
    split: a digest of its split.
    run: its newest run, a finished one before others. status: that run's; None where there is none. action:
    what a sweep does. error: why it failed in this sweep.
    """

    config: str | Path | Mapping[str, Any]
    title: str
    overrides: tuple[str, ...]
    id: str
    split: str
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
    reader = _Reader(console)
    grid = combinations(overrides)
    with console.progress("reading the grid", len(grid)) as advance:
        for title, chosen in grid:
            try:
                loaded, text = read_experiment(config, chosen)
                with located(text):
                    reading, split = reader.read(loaded)
                source = reading.source
                filled = fill_in(loaded, source.kind, sound=sound_rate(source) is not None)
                identity = id_of_splits(filled, source, [split])
            except RequestError as error:
                problems.update(dict.fromkeys(error.problems))
                continue
            finally:
                advance(1)
            if identity not in found:
                run = _newest(loaded, identity)
                status = run.status if run else None
                action = _action(status, retry)
                found[identity] = Trial(
                    config, title, chosen, identity, split_digest(split), action, run, status
                )
    if problems:
        raise RequestError(*problems)
    return list(found.values())


def draws_other_splits(trials: Sequence[Trial]) -> bool:
    """Whether a seed that varies gives each of its values a split of its own."""
    seeds = any(override.startswith("seed=") for trial in trials for override in trial.title.split())
    return seeds and len({trial.split for trial in trials}) > 1


@dataclass
class _Reader:
    """Reads what identities rest on: one source at a time, which may fill the memory, and its splits."""

    console: Console
    key: str = ""
    reading: Reading | None = None
    splits: dict[str, tuple[Reading, Split]] = field(default_factory=dict)

    def read(self, config: ExperimentConfig) -> tuple[Reading, Split]:
        """The samples and their split, as training reads them; training judges them."""
        plain = config.to_plain()
        data = plain["data"]
        read = ("source", "exclude", "checks", "classes", "target_range")
        rate = first_rate(config.data.prepare)
        key = json.dumps([plain["task"], rate, *(data[name] for name in read)])
        if self.reading is None or key != self.key:
            self.reading = None  # the one before goes first
            self.splits.clear()
            self.key, self.reading = key, read_data(config, self.console)
        drawn = json.dumps([key, data["split"], config.seed])
        if drawn not in self.splits:
            self.splits[drawn] = split_of(self.reading, config)
        return self.splits[drawn]


def _newest(config: ExperimentConfig, identity: str) -> Run | None:
    """The newest finished run of the experiment, else the newest."""
    runs = runs_of(config.runs_folder, config.name, identity)[::-1]
    return next((run for run in runs if run.status == "finished"), runs[0] if runs else None)


def _action(status: Status | None, retry: bool) -> Action:
    if status is None:
        return "run"
    return "resume" if status in ("interrupted", "crashed") or (status == "failed" and retry) else "skip"
