"""Sweep: a grid of runs, each trained once, and how they compare."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from epochal.console import Console
from epochal.errors import EpochalError, Interrupted, Problem, RequestError
from epochal.experiment.comparison import Comparison, compare_runs
from epochal.experiment.grid import Trial, draws_other_splits, plan
from epochal.run.run import Run
from epochal.verbs.launch import Order
from epochal.verbs.together import train_together
from epochal.verbs.train import train


@dataclass(frozen=True)
class Sweep:
    """trials: in the order of the grid, as they stand now. comparison: of the finished ones; None without."""

    trials: tuple[Trial, ...]
    comparison: Comparison | None

    @property
    def runs(self) -> tuple[Run, ...]:
        """The finished runs."""
        return tuple(trial.run for trial in self.trials if trial.run and trial.status == "finished")

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "trials": [
                {
                    "overrides": list(trial.overrides),
                    "id": trial.id,
                    "action": trial.action,
                    "status": trial.status,
                    "run": str(trial.run) if trial.run else None,
                    "error": trial.error,
                }
                for trial in self.trials
            ],
            "comparison": self.comparison.to_json() if self.comparison else None,
        }


def sweep(
    config: str | Path | Mapping[str, Any],
    *overrides: str,
    retry: bool = False,
    dry_run: bool = False,
    jobs: int = 1,
    metric: str | Sequence[str] = (),
    quiet: bool = False,
) -> Sweep:
    """Train every combination of the values given, and compare what is finished.

    overrides: ``"optimizer.lr=1e-3,1e-4"``, ``"seed=1,2,3"``; values are separated by commas outside brackets
    and quotes. Combinations that are finished are not trained again, unfinished ones are continued; failed
    ones only with ``retry``. One that fails stops no other. jobs: trainings at once, in processes of their
    own, which share the processor's cores. dry_run: say what would be done, and do nothing.

    Raises RequestError for a combination that can't be trained, before any is; ``Interrupted`` after SIGINT
    or SIGTERM: the same call goes on.
    """
    console = Console(quiet=quiet)
    trials = plan(config, overrides, retry, console)
    if draws_other_splits(trials) and not quiet:
        fixed = "data.split={name: file, path: RUN/split.csv}"
        console.show(f"each seed draws a split of its own; {fixed} gives all of them the split of RUN")
    if dry_run:
        return Sweep(tuple(trials), None)
    if jobs < 1:
        raise RequestError(Problem(f"{jobs} jobs can't work", mend="give 1 or more"))
    done = list(trials)
    before = sum(trial.status == "finished" for trial in trials)
    if before and not quiet:
        console.show(f"{before} of {len(trials)} are finished already")
    try:
        finished = _one_by_one(trials, quiet, console) if jobs == 1 else _together(trials, jobs, console)
        for place, trial in finished:
            done[place] = trial
            if trial.status == "failed":
                console.show(f"failed: {trial.title}: {trial.error}")
    except Interrupted:
        count = sum(trial.status == "finished" for trial in done)
        console.show(f"stopped with {count} of {len(done)} finished; the same command goes on")
        raise
    runs = [trial.run for trial in done if trial.run and trial.status == "finished"]
    return Sweep(tuple(done), compare_runs(runs, metric, console, one=True) if runs else None)


def _waiting(trials: Sequence[Trial]) -> list[tuple[int, Trial]]:
    return [(place, trial) for place, trial in enumerate(trials) if trial.action in ("run", "resume")]


def _one_by_one(trials: Sequence[Trial], quiet: bool, console: Console) -> Iterator[tuple[int, Trial]]:
    """In this process; gives each trial's place and outcome as it ends."""
    waiting = _waiting(trials)
    for number, (place, trial) in enumerate(waiting, start=1):
        if not quiet:
            console.show(f"[{number}/{len(waiting)}] {trial.action} {trial.title}")
        try:
            run = train(trial.config, *trial.overrides, resume=trial.resume, quiet=quiet)
        except EpochalError as error:
            yield place, _failed(trial, str(error))
        except Exception as error:  # one that fails, however it does, stops no other
            yield place, _failed(trial, f"{type(error).__name__}: {error}")
        else:
            yield place, replace(trial, status=run.status, run=run)


def _together(trials: Sequence[Trial], jobs: int, console: Console) -> Iterator[tuple[int, Trial]]:
    """So many at once, each in a process of its own."""
    waiting = dict(_waiting(trials))
    number = itertools.count(1)

    def begun(place: int) -> None:
        if not console.quiet:
            console.show(f"[{next(number)}/{len(waiting)}] {waiting[place].action} {waiting[place].title}")

    orders = {
        place: Order(trial.config, trial.overrides, {"resume": trial.resume, "quiet": True})
        for place, trial in waiting.items()
    }
    for place, outcome in train_together(orders, jobs, stop_at_error=False, begun=begun):
        trial = waiting[place]
        if isinstance(outcome, Run):
            yield place, replace(trial, status=outcome.status, run=outcome)
        else:
            yield place, _failed(trial, str(outcome))


def _failed(trial: Trial, error: str) -> Trial:
    return replace(trial, status="failed", error=" ".join(error.splitlines()))
