"""Train: from a configuration to a finished run folder."""

from __future__ import annotations

import shlex
import signal
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from epochal.config.text import ConfigText
from epochal.config.yaml import dump_yaml
from epochal.console import Console, log
from epochal.data.folds import groups_of
from epochal.data.split import split_table
from epochal.dotenv import read_dotenv
from epochal.engine.compute import compute_settings, give_back_memory, keep_freed_memory
from epochal.engine.interruption import ignoring, listen
from epochal.engine.processes import is_one_of_several, join
from epochal.errors import Problem, RequestError
from epochal.experiment.assemble import Experiment, assemble
from epochal.experiment.config import ExperimentConfig, PathsConfig, located, read_experiment
from epochal.experiment.dry_run import dry_run
from epochal.experiment.earlier import finished_run, run_in, run_to_resume
from epochal.experiment.ending import flagged
from epochal.experiment.longer import begin_from, is_longer
from epochal.experiment.preflight import preflight as run_preflight
from epochal.experiment.record import derived
from epochal.experiment.secret_settings import keep_secrets
from epochal.experiment.settle import settle
from epochal.experiment.start import fresh_state, steps_per_epoch
from epochal.experiment.training import explained, train_in
from epochal.run.catalog import find_run
from epochal.run.durable import write_json, write_text
from epochal.run.environment import describe_environment
from epochal.run.folder import RunFolder, create_run_folder
from epochal.run.run import Run
from epochal.run.sessions import at_work
from epochal.run.status import command_to_continue
from epochal.secrets import redacted_values
from epochal.verbs.launch import Order, launch


def train(
    config: str | Path | Mapping[str, Any] | None = None,
    *overrides: str,
    resume: bool | str | Path = False,
    again: bool = False,
    preflight: bool = True,
    profile: bool = False,
    folder: str | Path | None = None,
    quiet: bool = False,
) -> Run:
    """Train a model as a configuration says, test it, and write everything into a run folder.

    config: a YAML file, a bundled recipe's name, or a mapping; None is that of the run that is resumed.
    overrides: ``"optimizer.lr=3e-4"``. resume: continue the newest unfinished run of this experiment, or the
        run named. With nothing changed but more ``training.epochs``, a finished run that is named is the
        beginning of a new one, where that gives bit for bit what training so from the start gives.
    again: train although a finished run of the same experiment exists; otherwise that run is returned.
    preflight: take one batch through the whole life of a run first.
    profile: write where the time goes, and a trace of a few steps, into the run's folder ``profile``.
    folder: of the run, instead of a new one below ``paths.runs``. A run that is there is continued, or
        returned where it is finished.

    With ``compute.processes`` above 1 it starts so many processes; under torchrun, it is one of them.

    Raises RequestError before anything is written when the request is wrong, RunError when the run fails,
    and ``Interrupted`` after SIGINT or SIGTERM, with a checkpoint to resume from.
    """
    read_dotenv()
    if resume is not False and again:
        mend = "leave out --again to continue a run, or --resume to train once more"
        raise RequestError(Problem("a run is either continued or trained again", mend=mend))
    command = _command(config, overrides, resume)
    if config is None:
        config, resume = _config_of(resume)
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
    place = None if folder is None else RunFolder(Path(folder))
    return train_loaded(loaded, text, Request(command, resume, again, preflight, profile, place, quiet))


def _config_of(resume: bool | str | Path) -> tuple[Path, Path]:
    """The configuration and the folder of the run that is to be continued."""
    if isinstance(resume, bool):
        raise RequestError(Problem("there is nothing to train", mend="name a config, or a run to resume"))
    run = find_run(resume, Path(PathsConfig().runs))
    if run.folds:
        mend = f"continue it with `{command_to_continue(run.folder)}`"
        raise RequestError(Problem("it is a cross-validation", str(run.path), mend))
    return run.folder.config, run.path


def _command(
    config: str | Path | Mapping[str, Any] | None, overrides: tuple[str, ...], resume: bool | str | Path
) -> tuple[str, ...] | None:
    """What was typed, or might have been, without what it resumes; None where only the run's folder tells."""
    if isinstance(config, Mapping) or config is None or not isinstance(resume, bool):
        return None
    return ("epochal", "train", str(config), *overrides)


@dataclass(frozen=True)
class Request:
    """The arguments of ``train`` beside the configuration; command: see ``_command``."""

    command: tuple[str, ...] | None
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

    def how_to_go_on(self, folder: RunFolder) -> str:
        """What to do after an interruption."""
        if self.place is not None:
            return f"the same command continues {folder.path}"
        command = shlex.join([*self.command, "--resume"]) if self.command else command_to_continue(folder)
        return f"{folder.path} goes on with: {command}"


def train_loaded(loaded: ExperimentConfig, text: ConfigText, request: Request) -> Run:
    """What ``train`` does in one process with a configuration that is read."""
    keep_freed_memory()
    try:
        return _run(loaded, text, request)
    finally:
        give_back_memory()


def _run(loaded: ExperimentConfig, text: ConfigText, request: Request) -> Run:
    """The same, with all that it needs let go of at the end."""
    began = time.time()
    with ExitStack() as stack:
        stack.enter_context(ignoring(signal.SIGUSR1))  # there is nothing to save yet
        processes = stack.enter_context(join(loaded.compute.device))
        console = stack.enter_context(Console(quiet=request.quiet or not processes.leads).messages())
        keep_secrets(loaded, text)
        with located(text):
            experiment = assemble(loaded, console)
            stack.enter_context(compute_settings(experiment.config.compute, experiment.compute.device))
            dry_run(experiment)
            earlier = processes.first(lambda: request.earlier(experiment))
            shorter = earlier if earlier is not None and is_longer(experiment, earlier) else None
            if earlier is not None and earlier.status == "finished" and shorter is None:
                log.info(f"{earlier.path} is finished already; --again trains it once more")
                return earlier
            experiment = settle(experiment, earlier, processes)
            if request.preflight and earlier is None:
                steps = steps_per_epoch(experiment) * experiment.config.training.epochs
                processes.first(lambda: run_preflight(experiment, steps))
            state = fresh_state(experiment, processes)
        interruption = stack.enter_context(listen(processes))
        folder = (
            earlier.folder
            if earlier is not None and shorter is None
            else processes.first(lambda: _new_folder(experiment, request.place, shorter))
        )
        processes.first(lambda: stack.enter_context(at_work(folder, began, console.said)))
        origin = f", which begins where {shorter.path} ended" if shorter else ""
        log.info(f"{'run' if shorter or not earlier else 'continuing'} {folder.path}{origin}")
        with ExitStack() as ending:
            if processes.leads:
                explain = partial(explained, experiment=experiment, folder=folder)
                ending.enter_context(flagged(folder, request.how_to_go_on(folder), explain))
            train_in(folder, experiment, state, interruption, console, request.profile)
        return Run(folder.path)


def _new_folder(experiment: Experiment, place: RunFolder | None, shorter: Run | None) -> RunFolder:
    """A run folder with everything that is known before training; with the state that it begins from."""
    config, data = experiment.config, experiment.data
    folder = place or create_run_folder(config.runs_folder, config.name, experiment.id)
    manifest = data.source.manifest
    groups = groups_of(config.data.split, manifest)
    write_text(folder.split, split_table(data.split, manifest, groups).write_csv())
    write_json(folder.statistics, data.statistics.to_json())
    if encodings := data.encodings():
        write_json(folder.encoding, encodings)
    write_json(folder.inspection, redacted_values(data.inspection()))
    hardware = experiment.compute.describe()
    environment = describe_environment(config.seed, data.source.digest, hardware)
    if shorter is not None:
        environment["begins_from"] = str(shorter.path)
        begin_from(shorter, folder)
    write_json(folder.environment, environment)
    steps = steps_per_epoch(experiment) * config.training.epochs
    settings = {**config.to_plain(), "derived": derived(experiment, steps)}
    write_text(folder.config, dump_yaml(redacted_values(settings)))
    return folder
