"""Train: from a configuration to a finished run folder."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from epochal.config.yaml import dump_yaml
from epochal.console import Console, log, log_file
from epochal.data.split import split_table
from epochal.engine.compute import (
    choose_compute,
    compute_settings,
    give_back_memory,
    is_known,
    keep_freed_memory,
)
from epochal.engine.interruption import ignoring, listen
from epochal.experiment.assemble import Experiment, assemble
from epochal.experiment.config import located, read_experiment
from epochal.experiment.dry_run import dry_run
from epochal.experiment.earlier import finished_run, run_to_resume
from epochal.experiment.record import derived
from epochal.experiment.restore import load_run_config
from epochal.experiment.start import fresh_state, steps_per_epoch
from epochal.experiment.training import flagged, train_in
from epochal.experiment.tune import tune
from epochal.run.durable import Lock, write_json, write_text
from epochal.run.environment import describe_environment
from epochal.run.folder import RunFolder, create_run_folder
from epochal.run.run import Run
from epochal.run.status import clear_flags


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
        stack.enter_context(ignoring(signal.SIGUSR1))  # there is nothing to save yet
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
        with flagged(folder, experiment):
            train_in(folder, experiment, state, interruption, console, profile)
        return Run(folder.path)


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
