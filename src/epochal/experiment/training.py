"""Training in a run folder: from its last checkpoint, or from the start, to the tested best weights."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from epochal.console import Console, log
from epochal.engine.checkpoint import read_newest
from epochal.engine.clock import Clock
from epochal.engine.compute import seed_generators
from epochal.engine.hooks import CheckpointHook, LogHook, ProgressHook
from epochal.engine.interruption import Interrupted, Interruption
from epochal.engine.loop import Hook, fit
from epochal.engine.memory import memory_advice, out_of_memory
from epochal.engine.recovery import Recovery
from epochal.engine.state import TrainState
from epochal.engine.writer import CheckpointWriter
from epochal.errors import EpochalError, Problem, RunError
from epochal.experiment.assemble import Experiment
from epochal.experiment.own_code import describe
from epochal.experiment.profile import ProfileHook
from epochal.experiment.record import hyperparameters
from epochal.experiment.start import steps_per_epoch
from epochal.experiment.testing import write_evaluations
from epochal.inference.evaluate import evaluate_batches
from epochal.run.durable import LineFile
from epochal.run.folder import RunFolder
from epochal.run.run import Run
from epochal.run.status import set_flag
from epochal.tasks.scores import Scores

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

    The caller holds the folder's lock. Raises RunError, or Interrupted with the state in a checkpoint.
    """
    config, training, monitor = experiment.config, experiment.config.training, experiment.monitor
    seed_generators(config.seed)  # here, after everything that may have drawn from them
    lines = LineFile(folder.history)
    writer = CheckpointWriter(folder, lines)
    checkpoints = CheckpointHook(writer, lines, monitor, training.checkpoint, interruption)

    def restore() -> None:
        writer.wait()
        newest = read_newest(folder.last, folder.previous)
        if newest is not None:
            state.restore(*newest)
        lines.truncate(state.counters.history)

    def validate() -> Scores:
        batches = interruption.checked(experiment.val.epoch())
        return evaluate_batches(state.evaluated, experiment.task, batches, experiment.compute.autocast).scores

    with ExitStack() as stack:
        stack.callback(lines.close)
        restore()
        resumed = folder.last.exists()
        if resumed:
            log.info(f"resumed at epoch {state.counters.epoch + 1}, step {state.counters.step}")
        elif training.on_nan == "restore":
            checkpoints.order(state)  # what the first epoch goes back to
        if config.compute.compile:
            state.model.compile()
        clock = Clock(experiment.compute.device if profile else None)
        advance = stack.enter_context(
            console.progress("training", steps_per_epoch(experiment) * training.epochs, "steps")
        )
        advance(state.counters.step)
        samples = len(experiment.train.rows)
        hooks: list[Hook] = [
            ProgressHook(advance),
            LogHook(lines, training.epochs, training.log_every, samples, monitor),
        ]
        board = _tensorboard(experiment, folder, state, resumed)
        if board is not None:
            hooks.append(stack.enter_context(board))
        if profile:
            hooks.append(stack.enter_context(ProfileHook(experiment, folder, clock)))
        hooks.append(checkpoints)  # last, so that a checkpoint stands for a step that is wholly recorded
        names = experiment.data.source.manifest.filenames
        recovery = Recovery(
            training.on_nan, experiment.task, experiment.compute.autocast, names.__getitem__, restore
        )
        try:
            fit(
                state,
                experiment.task,
                experiment.train,
                validate,
                training,
                experiment.compute,
                monitor,
                interruption,
                recovery,
                hooks,
                clock,
            )
        except Interrupted:
            checkpoints.order(state)
            writer.wait()
            raise
        except Exception:
            with suppress(Exception):  # the first error is the one to tell
                writer.wait()
            raise
        writer.wait()
        best = state.counters.best
        log.info(f"testing epoch {state.counters.best_epoch}, the best: {monitor.name} {best:.4g}")
        outcomes = write_evaluations(experiment, folder, ("val", "test"), interruption.checked)
        if board is not None:
            board.finish(
                state.counters.step, Run(folder.path).metrics, hyperparameters(experiment), tuple(outcomes)
            )
    log.info(clock.summary())


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


@contextmanager
def flagged(folder: RunFolder, experiment: Experiment) -> Iterator[None]:
    """Leave the flag that says how the block ended; a traceback goes to the log, a line to the user."""
    try:
        yield
    except Interrupted as interrupted:
        set_flag(folder, "interrupted", f"stopped by {interrupted}")
        log.warning(f"stopped by {interrupted}; --resume continues {folder.path}")
        raise
    except KeyboardInterrupt:
        set_flag(folder, "interrupted", "stopped at once; the last checkpoint stands")
        raise
    except EpochalError as error:
        set_flag(folder, "failed", str(error))
        log.error(f"failed: {error}", extra={"file_only": True})
        raise
    except Exception as error:
        reason = describe(error)
        mend = f"the traceback is in {folder.log}; --resume continues from the last checkpoint"
        if out_of_memory(error):
            reason = f"out of memory: {reason}"
            auto = experiment.config.data.batch_size == "auto"
            accumulate = experiment.config.training.accumulate
            mend = memory_advice(experiment.train.size, accumulate, experiment.compute, auto)
        set_flag(folder, "failed", f"{reason}; {mend}")
        log.error(f"failed: {reason}\n{traceback.format_exc()}", extra={"file_only": True})
        raise RunError(Problem(reason, mend=mend)) from error
    set_flag(folder, "finished", "finished")
