"""Earlier runs of the same experiment: one to continue, or one that is finished already."""

from __future__ import annotations

from pathlib import Path

from epochal.console import log
from epochal.errors import Problem, RequestError
from epochal.experiment.assemble import Experiment
from epochal.run.catalog import find_run, runs_of
from epochal.run.run import Run


def run_to_resume(experiment: Experiment, resume: bool | str | Path) -> Run | None:
    """The run to continue; RequestError where there is none, or where it is another experiment."""
    config = experiment.config
    others = runs_of(config.runs_folder, config.name, experiment.id)
    unfinished = [run for run in others if run.status in ("interrupted", "failed", "crashed", "running")]
    if resume is False:
        if unfinished:
            run, status = unfinished[-1], unfinished[-1].status
            hint = "" if status == "running" else "; --resume continues it"
            log.info(f"{run.path} of the same experiment is {status}{hint}")
        return None
    if resume is True:
        if not unfinished:
            mend = "leave --resume out to start one; a changed configuration is another experiment"
            raise RequestError(Problem(f"no unfinished run of '{config.name}' ({experiment.id})", mend=mend))
        return unfinished[-1]
    run = find_run(resume, config.runs_folder)
    if run.id != experiment.id:
        mend = f"continue it with `epochal train {run.folder.config} --resume {run.path}`"
        raise RequestError(
            Problem("the run is of another configuration or of other data", str(run.path), mend)
        )
    return run if run.status != "finished" else None


def finished_run(experiment: Experiment) -> Run | None:
    """The newest finished run of the experiment; None where there is none."""
    runs = runs_of(experiment.config.runs_folder, experiment.config.name, experiment.id)
    return next((run for run in reversed(runs) if run.status == "finished"), None)
