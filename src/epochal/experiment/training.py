"""Training in a run folder: from its last checkpoint, or from the start, to the tested best weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from torch import Tensor

from epochal.config.given import PREFIX
from epochal.console import Console, log
from epochal.data.draws import key_integer
from epochal.engine.checkpoint import read_newest
from epochal.engine.clock import Clock
from epochal.engine.compute import seed_generators
from epochal.engine.freezing import late_unfreezing
from epochal.engine.hooks import CheckpointHook, LogHook, ProgressHook
from epochal.engine.interruption import Interruption
from epochal.engine.loop import LATEST, Hook, fit
from epochal.engine.memory import memory_advice, out_of_memory
from epochal.engine.own_hooks import build_hooks
from epochal.engine.own_step import OwnStep
from epochal.engine.processes import lost_connection
from epochal.engine.recovery import Recovery
from epochal.engine.sharding import is_sharded
from epochal.engine.state import TrainState
from epochal.engine.sync_norm import synchronise_norms
from epochal.engine.writer import CheckpointWriter
from epochal.errors import Interrupted, Problem
from epochal.experiment.assemble import Experiment
from epochal.experiment.own_code import describe
from epochal.experiment.pictures import PicturesHook, has_pictures
from epochal.experiment.profile import ProfileHook
from epochal.experiment.record import hyperparameters
from epochal.experiment.start import plain_model, steps_per_epoch
from epochal.experiment.testing import write_evaluations
from epochal.experiment.validation import validation
from epochal.run.durable import LineFile
from epochal.run.folder import RunFolder
from epochal.run.run import Run

if TYPE_CHECKING:
    from epochal.tracking.hook import TensorBoardHook


def train_in(
    folder: RunFolder,
    experiment: Experiment,
    state: TrainState,
    interruption: Interruption,
    console: Console,
    profile: bool,
) -> None:
    """Fit from the folder's last checkpoint, or from the start; then test the best weights.

    The caller holds the folder's lock. Of several processes the first one writes, and tests. Raises RunError,
    or Interrupted with the state in a checkpoint.
    """
    training, monitor, processes = experiment.config.training, experiment.monitor, state.processes
    # here, after everything that may have drawn from the generators; dropout differs between processes
    seed_generators(
        key_integer(experiment.config.seed, processes.rank) if processes.rank else experiment.config.seed
    )
    with ExitStack() as stack:
        writer = None
        if processes.leads:
            lines = LineFile(folder.history)
            stack.callback(lines.close)
            writer = CheckpointWriter(folder, lines)
        restore = partial(_restore, state, folder, writer)
        resumed = restore()
        _say_what_is_unusual(experiment)
        checkpoints = CheckpointHook(writer, monitor, training.checkpoint, interruption)
        passed = experiment.config.model is not None and experiment.config.model.name.startswith(PREFIX)
        if not resumed and (training.on_nan == "restore" or passed):
            checkpoints.order(state)  # what the first epoch goes back to; no seed makes a passed model anew
        if experiment.config.compute.compile:
            # a step of one's own may call the parts of the model, each for itself
            for module in [state.model, *(state.model.children() if training.step is not None else ())]:
                module.compile()
        if processes.count > 1:
            synchronise_norms(state.model)
            state.network = processes.wrap(state.model, experiment.compute.device)
        clock = Clock(experiment.compute.device if profile else None)
        hooks: list[Hook] = []
        board = None
        if writer is not None:
            hooks += _recorders(experiment, state, writer.lines, stack, console)
            if board := _tensorboard(experiment, folder, state, resumed):
                hooks.append(stack.enter_context(board))
            if profile:
                hooks.append(stack.enter_context(ProfileHook(experiment, folder, clock)))
            if has_pictures(experiment.task) and not is_sharded(state.model):
                hooks.append(PicturesHook(experiment, folder, board.show if board is not None else None))
            hooks += build_hooks(training.hooks)
        hooks.append(checkpoints)  # last, so that a checkpoint stands for a step that is wholly recorded
        names = experiment.data.source.manifest.filenames.__getitem__
        recovery = Recovery(training.on_nan, experiment.task, experiment.compute.autocast, names, restore)
        own_step = None
        if training.step is not None:
            own_step = OwnStep(training.step, state, experiment.compute, training.gradient_clip, names)
        with _written(writer, checkpoints, state):
            fit(
                state,
                experiment.task,
                experiment.train,
                validation(experiment, state, interruption),
                training,
                experiment.compute,
                monitor,
                interruption,
                recovery,
                hooks,
                clock,
                own_step,
            )
        processes.first(lambda: _test(experiment, state, folder, interruption, board))
    log.info(clock.summary())


def _say_what_is_unusual(experiment: Experiment) -> None:
    if late := late_unfreezing(experiment.config.training):
        log.warning(late)
    if experiment.train.pool.samples.array is None:
        workers = experiment.config.data.workers
        log.info(f"samples are not cached: each is read anew for its batch, data.workers={workers}")


def _restore(state: TrainState, folder: RunFolder, writer: CheckpointWriter | None) -> bool:
    """Make the state that of the last checkpoint, and cut the history back; False where there is none."""

    def read() -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        assert writer is not None
        writer.wait()
        return read_newest(folder.last, folder.previous)

    newest = state.processes.first(read)
    if newest is not None:
        state.restore(*newest)
        log.info(f"resumed at epoch {state.counters.epoch + 1}, step {state.counters.step}")
    if writer is not None:
        writer.lines.truncate(state.counters.history)
    return newest is not None


def _recorders(
    experiment: Experiment, state: TrainState, lines: LineFile, stack: ExitStack, console: Console
) -> list[Hook]:
    """The progress bar and ``metrics.jsonl``."""
    training = experiment.config.training
    steps = steps_per_epoch(experiment) * training.epochs
    advance = stack.enter_context(console.progress("training", steps, "steps"))
    advance(state.counters.step)
    samples = len(experiment.train.rows)
    log_hook = LogHook(lines, training.epochs, training.log_every, samples, experiment.monitor)
    return [ProgressHook(advance), log_hook]


@contextmanager
def _written(
    writer: CheckpointWriter | None, checkpoints: CheckpointHook, state: TrainState
) -> Iterator[None]:
    """However the block ends, what is to be written is written; after an interruption, the state as it is."""
    try:
        yield
    except Interrupted:
        checkpoints.order(state)
        if writer is not None:
            writer.wait()
        raise
    except BaseException:  # a notebook goes on after KeyboardInterrupt, maybe with this run
        with suppress(Exception):  # the first error is the one to tell
            if writer is not None:
                writer.wait()
        raise
    if writer is not None:
        writer.wait()


def _test(
    experiment: Experiment,
    state: TrainState,
    folder: RunFolder,
    interruption: Interruption,
    board: TensorBoardHook | None,
) -> None:
    """Score the best weights on validation and test data, and draw the plots."""
    counters = state.counters
    followed = experiment.monitor != LATEST
    why = f"the best: {experiment.monitor.name} {counters.best:.4g}" if followed else "the last"
    log.info(f"testing epoch {counters.best_epoch}, {why}")
    interruption.leave()
    if is_sharded(experiment.model):
        experiment = replace(experiment, model=plain_model(experiment))
    outcomes = write_evaluations(experiment, folder, ("val", "test"), interruption.checked)
    if board is not None:
        board.finish(counters.step, Run(folder.path).metrics, hyperparameters(experiment), tuple(outcomes))


def _tensorboard(
    experiment: Experiment, folder: RunFolder, state: TrainState, resumed: bool
) -> TensorBoardHook | None:
    """The hook, if it is asked for; a new run shows its first augmented batch and its graph first."""
    if "tensorboard" not in experiment.config.tracking:
        return None
    from epochal.tracking.hook import (
        TensorBoardHook,  # tensorboard and matplotlib load only where they are used
    )

    pool, every = experiment.train.pool, experiment.config.training.log_every
    counters = state.counters
    purge_step = counters.step if resumed else None
    if counters.epoch > 0 or counters.step >= every:  # shown before the cut
        return TensorBoardHook(folder, pool.normalizer, every, purge_step)
    example = state.model, next(experiment.train.epoch(0))
    return TensorBoardHook(folder, pool.normalizer, every, purge_step, example)


def explained(error: Exception, experiment: Experiment, folder: RunFolder) -> Problem:
    """What ended a training, and what to do about it."""
    if lost_connection(error):
        what = "another process of this run ended, or can no longer be reached"
    else:
        what = describe(error)
    if out_of_memory(error):
        auto = experiment.config.data.batch_size == "auto"
        accumulate = experiment.config.training.accumulate
        mend = memory_advice(experiment.train.size, accumulate, experiment.compute, auto)
        return Problem(f"out of memory: {what}", mend=mend)
    mend = f"the traceback is in {folder.log}; --resume continues from the last checkpoint"
    return Problem(what, mend=mend)
