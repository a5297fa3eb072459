"""Sweep: a grid of runs, each trained once, and how they compare."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from epochal.console import Console
from epochal.errors import EpochalError, Interrupted, Problem, RequestError
from epochal.experiment.comparison import Comparison, compare_runs
from epochal.experiment.grid import Trial, plan
from epochal.run.run import Run
from epochal.verbs.launch import Order, Training, end, forwarding, result, start
from epochal.verbs.train import train

_STOPPED = {128 + number: number for number in (signal.SIGINT, signal.SIGTERM)} | {
    -number: number for number in (signal.SIGINT, signal.SIGTERM)
}


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
    waiting = _waiting(trials)
    count = len(waiting)
    running: dict[int, Training] = {}
    stopped: Interrupted | None = None
    threads = max(1, len(os.sched_getaffinity(0)) // jobs)
    with tempfile.TemporaryDirectory(prefix="epochal-") as scratch, forwarding(lambda: [*running.values()]):
        try:
            while running or (waiting and stopped is None):
                while waiting and len(running) < jobs and stopped is None:
                    place, trial = waiting.pop(0)
                    if not console.quiet:
                        console.show(f"[{count - len(waiting)}/{count}] {trial.action} {trial.title}")
                    order = Order(trial.config, trial.overrides, {"resume": trial.resume, "quiet": True})
                    running[place] = start(order, Path(scratch) / str(place), 1, threads)
                for place in [place for place, each in running.items() if not each.running]:
                    try:
                        yield place, _outcome(trials[place], running.pop(place))
                    except Interrupted as interrupted:
                        stopped = interrupted
                time.sleep(0.05)
        finally:
            for training in running.values():
                end(training)
    if stopped is not None:
        raise stopped


def _outcome(trial: Trial, training: Training) -> Trial:
    """How a training in its own process ended; Interrupted where a signal stopped it, however early."""
    try:
        run = result(training)
    except EpochalError as error:
        code = training.processes[0].returncode
        if code in _STOPPED:
            raise Interrupted(_STOPPED[code]) from None
        return _failed(trial, str(error))
    return replace(trial, status=run.status, run=run)


def _failed(trial: Trial, error: str) -> Trial:
    return replace(trial, status="failed", error=" ".join(error.splitlines()))
