"""The training loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from torch import Tensor

from epochal.console import log
from epochal.data.batches import Batches
from epochal.engine.clock import Clock, Phase
from epochal.engine.compute import Compute
from epochal.engine.config import TrainingConfig
from epochal.engine.interruption import Interruption
from epochal.engine.own_step import OwnStep
from epochal.engine.recovery import CALMER, Recovery, RewoundError
from epochal.engine.state import Counters, TrainState
from epochal.engine.step import after_update, backward, optimizer_step
from epochal.errors import Problem, RunError
from epochal.tasks.scores import Scores
from epochal.tasks.task import Task

Validate = Callable[[], Scores]


@dataclass(frozen=True)
class Monitor:
    """The score that everything follows: the best checkpoint, early stopping, plateau schedules.

    name: ``val/accuracy``, ``train/loss``, ... direction: which way is better.
    """

    name: str
    direction: Literal["max", "min"]

    def better(self, score: float, best: float | None, min_delta: float = 0.0) -> bool:
        """Whether a score beats the best one by more than ``min_delta``; NaN never does."""
        if best is None:
            return not math.isnan(score)
        return score > best + min_delta if self.direction == "max" else score < best - min_delta


LATEST = Monitor("epoch", "max")
"""Follows no score: the last epoch is the best."""


class Hook:
    """What happens beside training; both methods do nothing unless they are written.

    phase: what the time that it takes is counted as.
    """

    phase: ClassVar[Phase] = "logging"

    def after_step(self, state: TrainState, loss: Tensor) -> None:
        """After an optimiser step. Reading ``loss`` waits for the device."""

    def after_epoch(self, state: TrainState, row: dict[str, float], is_best: bool) -> None:
        """After validation. row: the epoch's numbers, ``train/loss``, ``val/accuracy``, ..."""


def fit(
    state: TrainState,
    task: Task,
    batches: Batches,
    validate: Validate,
    config: TrainingConfig,
    compute: Compute,
    monitor: Monitor,
    interruption: Interruption,
    recovery: Recovery,
    hooks: Sequence[Hook],
    clock: Clock,
    own_step: OwnStep | None = None,
) -> None:
    """Train from where ``state`` stands to the last epoch.

    ::

        for each epoch that is left:
            freeze and thaw what the epoch asks for
            for each batch that is left of it:
                forward, loss, backward; what a loss that is not finite asks for
                every ``accumulate`` batches: clip, optimiser step, average, schedule; hooks
                (or ``own_step``, which does all of it up to the optimisers' steps)
            validate; schedule; hooks
            stop early if the monitored score no longer gets better

    Raises Interrupted after the step in which a signal came, and RunError when the loss of a batch is not
    finite (unless ``recovery`` mends it), or when the monitored score is not there or was NaN in every epoch.
    """
    clock.start()
    while state.counters.epoch < config.epochs and not _exhausted(state, config):
        counters = state.counters
        left = len(batches) - counters.batch
        if trains := state.enter_epoch(counters.epoch):
            log.info(trains)
        try:
            for batch in batches.epoch(counters.epoch, start=counters.batch):
                clock.lap("data")
                share = _share(batches, counters.batch, config.accumulate)
                left -= 1
                last = (counters.batch + 1) % config.accumulate == 0 or left == 0
                if own_step is None:
                    loss = backward(state, task, batch, compute, share, last, recovery, interruption, clock)
                else:
                    loss = own_step.take(batch, clock)
                counters.batch += 1
                if last:
                    if own_step is None:
                        optimizer_step(state, config.gradient_clip)
                    else:
                        after_update(state)
                    clock.lap("optimizer")
                    for hook in hooks:
                        hook.after_step(state, loss)
                    clock.lap("logging")
                    if left:
                        interruption.check()
        except RewoundError:  # the state is an earlier one, at a step's boundary
            state.forget_gradients()
            continue
        state.confirm()
        clock.lap("data")
        clock.wait(compute.device)
        clock.lap("optimizer")
        row = _close_epoch(state, task, validate, monitor)
        clock.lap("evaluation")
        is_best = _follow(counters, monitor, _score(row, monitor, counters.epoch), config)
        if counters.best is None:
            what = f"{monitor.name} is nan in epoch {counters.epoch}, and no epoch was better"
            raise RunError(Problem(what, mend=CALMER))
        for hook in hooks:
            hook.after_epoch(state, row, is_best)
            clock.lap(hook.phase)
        interruption.check()
    if state.counters.epoch < config.epochs:
        log.info(_why_early(state.counters, monitor, config))


def _share(batches: Batches, batch: int, accumulate: int) -> float:
    """The part of its optimiser step that a batch makes: each sample counts alike, in a short batch too."""
    if accumulate == 1 and batches.processes == 1:
        return 1.0
    first = batch - batch % accumulate
    total = batches.count(first, min(first + accumulate, len(batches)))
    return batches.processes * batches.own_count(batch) / total


def _close_epoch(state: TrainState, task: Task, validate: Validate, monitor: Monitor) -> dict[str, float]:
    """The epoch's numbers, and the schedule's step on them; the state then stands at the next epoch."""
    counters = state.counters
    validation = validate()  # first, for it may be interrupted, and nothing has changed until then
    row = {
        f"train/{name}": value for name, value in state.running.close(task.running, state.processes).items()
    }
    row |= {f"val/{name}": value for name, value in validation.overall.items()}
    row |= state.rates
    own = [f"val/{metric.name}" for metric in task.context.metrics]
    if monitor.name in own or not math.isfinite(row.get("val/loss", 0.0)):
        # undefined for these predictions; of some that are not finite nothing but the loss is computed
        row.setdefault(monitor.name, math.nan)
    if monitor.name not in row and monitor != LATEST:
        raise RunError(
            Problem(
                f"there is no score '{monitor.name}' to follow",
                where="training.monitor",
                mend="this run's scores: " + ", ".join(sorted(row)),
            )
        )
    for schedule in state.schedules.values():
        schedule.after_epoch(_score(row, monitor, counters.epoch + 1))
    counters.epoch += 1
    counters.batch = 0
    return row


def _score(row: dict[str, float], monitor: Monitor, epoch: int) -> float:
    """The score to follow; of no score, the number of the epoch."""
    return epoch if monitor == LATEST else row[monitor.name]


def _follow(counters: Counters, monitor: Monitor, score: float, config: TrainingConfig) -> bool:
    """Remember the score of the epoch that just ended; true where it is the best so far."""
    is_best = monitor.better(score, counters.best)
    if is_best:
        counters.best, counters.best_epoch = score, counters.epoch
    min_delta = config.early_stopping.min_delta if config.early_stopping else 0.0
    if monitor.better(score, counters.mark, min_delta):
        counters.mark, counters.mark_epoch = score, counters.epoch
    return is_best


def _exhausted(state: TrainState, config: TrainingConfig) -> bool:
    """Whether early stopping has waited long enough."""
    if config.early_stopping is None:
        return False
    return state.counters.epoch - state.counters.mark_epoch >= config.early_stopping.patience


def _why_early(counters: Counters, monitor: Monitor, config: TrainingConfig) -> str:
    """What early stopping says of itself."""
    assert config.early_stopping is not None, "nothing else ends training before its last epoch"
    patience, by = config.early_stopping.patience, config.early_stopping.min_delta
    better = f"better by more than {by:g}" if by else "better"
    epochs = "1 epoch" if patience == 1 else f"{patience} epochs"
    best = f"best epoch {counters.best_epoch}"
    return f"stopped early: {monitor.name} has not got {better} for {epochs}, {best}"
