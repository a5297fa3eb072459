"""Train: from a configuration to a finished run folder."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from epochal.config.yaml import dump_yaml
from epochal.console import Console, log, log_file
from epochal.data.split import split_table
from epochal.engine.checkpoint import read_checkpoint
from epochal.engine.clock import Clock
from epochal.engine.compute import (
    choose_compute,
    compute_settings,
    give_back_memory,
    is_known,
    keep_freed_memory,
    seed_generators,
)
from epochal.engine.hooks import CheckpointHook, LogHook, ProgressHook
from epochal.engine.interruption import Interrupted, Interruption, listen
from epochal.engine.loop import Hook, fit
from epochal.engine.state import TrainState
from epochal.errors import EpochalError, Problem, RunError
from epochal.experiment.assemble import Experiment, assemble
from epochal.experiment.config import located, read_experiment
from epochal.experiment.dry_run import dry_run
from epochal.experiment.earlier import finished_run, run_to_resume
from epochal.experiment.own_code import describe
from epochal.experiment.profile import ProfileHook
from epochal.experiment.record import derived, hyperparameters
from epochal.experiment.restore import load_run_config
from epochal.experiment.start import fresh_state, steps_per_epoch
from epochal.experiment.testing import write_evaluations
from epochal.experiment.tune import tune
from epochal.inference.evaluate import evaluate_batches
from epochal.run.durable import LineFile, Lock, write_json, write_text
from epochal.run.environment import describe_environment
from epochal.run.folder import RunFolder, create_run_folder
from epochal.run.run import Run
from epochal.run.status import clear_flags, set_flag
from epochal.tasks.scores import Scores

if TYPE_CHECKING:
    from epochal.tracking.hook import TensorBoardHook


def train(
    config: str | Path | Mapping[str, Any],
    *overrides: str,
    resume: bool | str | Path = False,
    again: bool = False,
    profile: bool = False,
    quiet: bool = False,
) -> Run:
    """Train a model as a configuration says, test it, and write everything into a run folder.

    config: a YAML file, a bundled recipe's name, or a mapping. overrides: ``"optimizer.lr=3e-4"``.
    resume: continue the newest unfinished run of this experiment, or the run named.
    again: train although a finished run of the same experiment exists; otherwise that run is returned.
    profile: write where the time goes, and a trace of a few steps, into the run's folder ``profile``.

    Raises RequestError before anything is written when the request is wrong, RunError when the run fails,
    and ``Interrupted`` after SIGINT or SIGTERM, with a checkpoint to resume from.
    """
    keep_freed_memory()
    try:
        return _run(config, overrides, resume, again, profile, quiet)
    finally:
        give_back_memory()


def _run(
    config: str | Path | Mapping[str, Any],
    overrides: tuple[str, ...],
    resume: bool | str | Path,
    again: bool,
    profile: bool,
    quiet: bool,
) -> Run:
    """What ``train`` does, with all that it needs let go of at the end."""
    with ExitStack() as stack:
        console = stack.enter_context(Console(quiet=quiet).messages())
        loaded, text = read_experiment(config, overrides)
        with located(text):
            experiment = assemble(loaded, console)
            stack.enter_context(compute_settings(experiment.config.compute, experiment.compute.device))
            dry_run(experiment)
            unfinished = run_to_resume(experiment, resume)
            finished = None if unfinished or again else finished_run(experiment)
            if finished is not None:
                log.info(f"{finished.path} is finished already; --again trains it once more")
                return finished
            experiment = _settled(experiment, unfinished)
            state = fresh_state(experiment)
        interruption = stack.enter_context(listen())
        folder = unfinished.folder if unfinished else _new_folder(experiment)
        stack.enter_context(Lock(folder.lock))
        stack.enter_context(log_file(folder.log))
        clear_flags(folder)
        log.info(f"{'continuing' if unfinished else 'run'} {folder.path}")
        with _flagged(folder):
            _train(experiment, state, folder, interruption, console, profile)
        return Run(folder.path)


def _train(
    experiment: Experiment,
    state: TrainState,
    folder: RunFolder,
    interruption: Interruption,
    console: Console,
    profile: bool,
) -> None:
    """Fit from the folder's last checkpoint, or from the start; then test the best weights."""
    config, training = experiment.config, experiment.config.training
    seed_generators(config.seed)  # here, after everything that may have drawn from them
    resumed = folder.last.exists()
    if resumed:
        state.restore(*read_checkpoint(folder.last))
        log.info(f"resumed at epoch {state.counters.epoch + 1}, step {state.counters.step}")
    if config.compute.compile:
        state.model.compile()
    lines = LineFile(folder.history)
    lines.truncate(state.counters.history)
    steps = steps_per_epoch(experiment) * training.epochs
    checkpoints = CheckpointHook(folder, lines, experiment.monitor)
    clock = Clock(experiment.compute.device if profile else None)

    def validate() -> Scores:
        return evaluate_batches(
            state.evaluated, experiment.task, experiment.val.epoch(), experiment.compute.autocast
        ).scores

    with ExitStack() as stack:
        stack.callback(lines.close)
        advance = stack.enter_context(console.progress("training", steps, "steps"))
        advance(state.counters.step)
        samples = len(experiment.train.rows)
        hooks: list[Hook] = [
            ProgressHook(advance),
            LogHook(lines, training.epochs, training.log_every, samples, experiment.monitor),
        ]
        board = _tensorboard(experiment, folder, state, resumed)
        if board is not None:
            hooks.append(stack.enter_context(board))
        if profile:
            hooks.append(stack.enter_context(ProfileHook(experiment, folder, clock)))
        hooks.append(checkpoints)  # last, so that a checkpoint stands for a step that is wholly recorded
        try:
            fit(
                state,
                experiment.task,
                experiment.train,
                validate,
                training,
                experiment.compute,
                experiment.monitor,
                interruption,
                hooks,
                clock,
            )
        except Interrupted:
            checkpoints.save(state)
            raise
        best = state.counters.best
        log.info(f"testing epoch {state.counters.best_epoch}, the best: {experiment.monitor.name} {best:.4g}")
        outcomes = write_evaluations(experiment, folder, ("val", "test"))
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


def _settled(experiment: Experiment, unfinished: Run | None) -> Experiment:
    """With everything that ``auto`` left open chosen: as an unfinished run chose it, or by timing."""
    config = experiment.config
    if unfinished is not None:
        return experiment.on(choose_compute(config.compute, load_run_config(unfinished).derived))
    if config.derived is not None and is_known(config.derived, experiment.compute.device):
        return experiment
    return tune(experiment, steps_per_epoch(experiment) * config.training.epochs)


def _new_folder(experiment: Experiment) -> RunFolder:
    """A run folder with everything that is known before training."""
    config, data = experiment.config, experiment.data
    folder = create_run_folder(config.runs_folder, config.name, experiment.id)
    write_text(folder.split, split_table(data.split, data.source.manifest).write_csv())
    write_json(folder.statistics, data.statistics.to_json())
    hardware = experiment.compute.describe()
    write_json(folder.environment, describe_environment(config.seed, data.source.digest, hardware))
    steps = steps_per_epoch(experiment) * config.training.epochs
    write_text(folder.config, dump_yaml({**config.to_plain(), "derived": derived(experiment, steps)}))
    return folder


@contextmanager
def _flagged(folder: RunFolder) -> Iterator[None]:
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
        set_flag(folder, "failed", reason)
        log.error(f"failed: {reason}\n{traceback.format_exc()}", extra={"file_only": True})
        mend = f"the traceback is in {folder.log}; --resume continues from the last checkpoint"
        raise RunError(Problem(reason, mend=mend)) from error
    set_flag(folder, "finished", "finished")
