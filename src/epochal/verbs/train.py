"""Train: from a configuration to a finished run folder."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from epochal.config.text import ConfigText
from epochal.config.yaml import dump_yaml
from epochal.console import Console, log, log_file
from epochal.data.split import split_table
from epochal.engine.compute import compute_settings, give_back_memory, keep_freed_memory
from epochal.engine.interruption import ignoring, listen
from epochal.engine.processes import is_one_of_several, join
from epochal.experiment.assemble import Experiment, assemble
from epochal.experiment.config import ExperimentConfig, located, read_experiment
from epochal.experiment.dry_run import dry_run
from epochal.experiment.earlier import finished_run, run_in, run_to_resume
from epochal.experiment.ending import flagged
from epochal.experiment.preflight import preflight as run_preflight
from epochal.experiment.record import derived
from epochal.experiment.settle import settle
from epochal.experiment.start import fresh_state, steps_per_epoch
from epochal.experiment.training import explained, train_in
from epochal.run.durable import Lock, write_json, write_text
from epochal.run.environment import describe_environment
from epochal.run.folder import RunFolder, create_run_folder
from epochal.run.run import Run
from epochal.run.status import clear_flags
from epochal.verbs.launch import Order, launch


def train(
    config: str | Path | Mapping[str, Any],
    *overrides: str,
    resume: bool | str | Path = False,
    again: bool = False,
    preflight: bool = True,
    profile: bool = False,
    folder: str | Path | None = None,
    quiet: bool = False,
) -> Run:
    """Train a model as a configuration says, test it, and write everything into a run folder.

    config: a YAML file, a bundled recipe's name, or a mapping. overrides: ``"optimizer.lr=3e-4"``.
    resume: continue the newest unfinished run of this experiment, or the run named.
    again: train although a finished run of the same experiment exists; otherwise that run is returned.
    preflight: take one batch through the whole life of a run first.
    profile: write where the time goes, and a trace of a few steps, into the run's folder ``profile``.
    folder: of the run, instead of a new one below ``paths.runs``. A run that is there is continued, or
        returned where it is finished.

    With ``compute.processes`` above 1 it starts so many processes; under torchrun, it is one of them.

    Raises RequestError before anything is written when the request is wrong, RunError when the run fails,
    and ``Interrupted`` after SIGINT or SIGTERM, with a checkpoint to resume from.
    """
    loaded, text = read_experiment(config, overrides)
    if loaded.compute.processes > 1 and not is_one_of_several():
        options = {
            "resume": resume,
            "again": again,
            "preflight": preflight,
            "profile": profile,
            "folder": None if folder is None else str(folder),
            "quiet": quiet,
        }
        return launch(Order(config, overrides, options), loaded.compute.processes)
    keep_freed_memory()
    try:
        place = None if folder is None else RunFolder(Path(folder))
        return _run(loaded, text, _Request(resume, again, preflight, profile, place, quiet))
    finally:
        give_back_memory()


@dataclass(frozen=True)
class _Request:
    """The arguments of ``train`` beside the configuration."""

    resume: bool | str | Path
    again: bool
    preflight: bool
    profile: bool
    place: RunFolder | None
    quiet: bool

    def earlier(self, experiment: Experiment) -> Run | None:
        """A run of the experiment to continue, or a finished one that makes training needless."""
        if self.place is not None:
            return run_in(self.place.path, experiment)
        return run_to_resume(experiment, self.resume) or (None if self.again else finished_run(experiment))


def _run(loaded: ExperimentConfig, text: ConfigText, request: _Request) -> Run:
    """What ``train`` does in one process, with all that it needs let go of at the end."""
    with ExitStack() as stack:
        stack.enter_context(ignoring(signal.SIGUSR1))  # there is nothing to save yet
        processes = stack.enter_context(join(loaded.compute.device))
        console = stack.enter_context(Console(quiet=request.quiet or not processes.leads).messages())
        with located(text):
            experiment = assemble(loaded, console)
            stack.enter_context(compute_settings(experiment.config.compute, experiment.compute.device))
            dry_run(experiment)
            earlier = processes.first(lambda: request.earlier(experiment))
            if earlier is not None and earlier.status == "finished":
                log.info(f"{earlier.path} is finished already; --again trains it once more")
                return earlier
            experiment = settle(experiment, earlier, processes)
            if request.preflight and earlier is None:
                steps = steps_per_epoch(experiment) * experiment.config.training.epochs
                processes.first(lambda: run_preflight(experiment, steps))
            state = fresh_state(experiment, processes)
        interruption = stack.enter_context(listen(processes))
        folder = (
            earlier.folder if earlier else processes.first(lambda: _new_folder(experiment, request.place))
        )
        processes.first(lambda: _take(folder, stack, console))
        log.info(f"{'continuing' if earlier else 'run'} {folder.path}")
        with ExitStack() as ending:
            if processes.leads:
                explain = partial(explained, experiment=experiment, folder=folder)
                ending.enter_context(flagged(folder, "--resume continues", explain))
            train_in(folder, experiment, state, interruption, console, request.profile)
        return Run(folder.path)


def _take(folder: RunFolder, stack: ExitStack, console: Console) -> None:
    """Make the folder this process's to write to, until the stack is unwound."""
    stack.enter_context(Lock(folder.lock))
    stack.enter_context(log_file(folder.log, console.said))
    clear_flags(folder)


def _new_folder(experiment: Experiment, place: RunFolder | None) -> RunFolder:
    """A run folder with everything that is known before training."""
    config, data = experiment.config, experiment.data
    folder = place or create_run_folder(config.runs_folder, config.name, experiment.id)
    write_text(folder.split, split_table(data.split, data.source.manifest).write_csv())
    write_json(folder.statistics, data.statistics.to_json())
    if encodings := data.encodings():
        write_json(folder.encoding, encodings)
    write_json(folder.inspection, data.inspection())
    hardware = experiment.compute.describe()
    write_json(folder.environment, describe_environment(config.seed, data.source.digest, hardware))
    steps = steps_per_epoch(experiment) * config.training.epochs
    write_text(folder.config, dump_yaml({**config.to_plain(), "derived": derived(experiment, steps)}))
    return folder
