"""Earlier runs of the same experiment: one to continue, or one that is finished already."""

from __future__ import annotations

from pathlib import Path

from epochal.console import log
from epochal.errors import Problem, RequestError
from epochal.experiment.assemble import Experiment
from epochal.experiment.differences import (
    changed_data,
    changed_settings,
    commit_change,
    differences,
    differs_by_code_only,
)
from epochal.experiment.longer import epochs_of, is_longer, refuse_inexact, shorter_run
from epochal.run.catalog import find_run, list_runs, runs_of
from epochal.run.run import Run
from epochal.run.status import command_to_continue

_MOST = 8


def run_to_resume(experiment: Experiment, resume: bool | str | Path) -> Run | None:
    """The run to continue, None for a new one; a warning says what is otherwise than when the run started.

    resume: True is the newest unfinished run of the experiment; where there is none, the newest of the same
    name that differs by the code of the user's own modules only. Raises RequestError where there is no run to
    continue, and where it is one of other settings, other data or another split, with all that differs. A
    finished run of fewer epochs is one to begin from, where that is exact: ``is_longer`` tells it.
    """
    if resume is False:
        _point_out_unfinished(experiment)
        return None
    run = _newest_unfinished(experiment) if resume is True else _named(experiment, resume)
    if run.status == "finished" and not is_longer(experiment, run):
        return run
    _warn_of_differences(run, experiment)
    return run


def run_in(folder: Path, experiment: Experiment) -> Run | None:
    """The run in this very folder, None where there is none; RequestError where it is another experiment."""
    run = Run(folder)
    if not run.folder.config.is_file():
        return None
    if found := [*changed_settings(run, experiment), *changed_data(run, experiment)]:
        what = "the run in this folder is of another experiment"
        raise RequestError(Problem(what, str(folder)), *_shortened(found))
    _warn_of_differences(run, experiment)
    return run


def finished_run(experiment: Experiment) -> Run | None:
    """The newest finished run of the experiment; None where there is none."""
    runs = runs_of(experiment.config.runs_folder, experiment.config.name, experiment.id)
    return next((run for run in reversed(runs) if run.status == "finished"), None)


def _point_out_unfinished(experiment: Experiment) -> None:
    runs = runs_of(experiment.config.runs_folder, experiment.config.name, experiment.id)
    unfinished = [run for run in runs if run.status != "finished"]
    if unfinished:
        run, status = unfinished[-1], unfinished[-1].status
        hint = "" if status == "running" else "; --resume continues it"
        log.info(f"{run.path} of the same experiment is {status}{hint}")
    elif not runs and (shorter := shorter_run(experiment)) is not None:
        log.info(_more_epochs(shorter))


def _more_epochs(run: Run) -> str:
    return f"{run.path} is the same with {epochs_of(run)} epochs; --resume {run.path} goes on from its end"


def _newest_unfinished(experiment: Experiment) -> Run:
    config = experiment.config
    runs = list_runs(config.runs_folder, config.name)[::-1]
    unfinished = [run for run in runs if run.status != "finished"]
    same = (run for run in unfinished if run.id == experiment.id)
    similar = (run for run in unfinished if differs_by_code_only(run, experiment))
    found = next(same, None) or next(similar, None)
    if found is not None:
        return found
    what = f"no unfinished run of '{config.name}' ({experiment.id})"
    mend = "leave --resume out to start one; a changed configuration is another experiment"
    if any(run.id == experiment.id for run in runs):
        what += ": it is finished"
        mend = "leave --resume out to see its scores; --again trains it once more"
        raise RequestError(Problem(what, mend=mend))
    if (shorter := shorter_run(experiment)) is not None:
        raise RequestError(Problem(what, mend=_more_epochs(shorter)))
    if not unfinished:
        raise RequestError(Problem(what, mend=mend))
    newest = unfinished[0]
    what += f"; the newest that is unfinished, {newest.path}, is of another experiment"
    changes = [*changed_settings(newest, experiment), *changed_data(newest, experiment)]
    if not changes:  # an older version did not write down enough to be sure
        mend = f"if it is the one you mean, name it: --resume {newest.path}"
    raise RequestError(Problem(what, mend=mend), *_shortened(changes))


def _named(experiment: Experiment, reference: str | Path) -> Run:
    run = find_run(reference, experiment.config.runs_folder)
    if run.id == experiment.id:
        return run
    if is_longer(experiment, run):
        refuse_inexact(run, experiment)
        config = experiment.config
        longer = runs_of(config.runs_folder, config.name, experiment.id)  # the same was asked for before
        return longer[-1] if longer else run
    where, settings, data = str(run.path), changed_settings(run, experiment), changed_data(run, experiment)
    if settings or data:
        goes_on = settings and run.status != "finished"
        mend = f"continue it with `{command_to_continue(run.folder)}`" if goes_on else ""
        raise RequestError(
            Problem("the run is of another experiment", where, mend), *_shortened([*settings, *data])
        )
    if run.status == "finished":
        mend = "leave --resume out to train with what is changed"
        raise RequestError(Problem("the run is finished, there is nothing to continue", where, mend))
    return run


def _shortened(problems: list[Problem]) -> list[Problem]:
    more = len(problems) - _MOST
    return problems if more <= 0 else [*problems[:_MOST], Problem(f"and {more} more differences")]


def _warn_of_differences(run: Run, experiment: Experiment) -> None:
    changes, commit = differences(run, experiment), commit_change(run)
    if changes:
        changed = "; ".join([*changes, *([commit] if commit else [])])
        log.warning(f"{run.path} may not end bit-identical to a run without a break: {changed}")
    elif commit:
        log.info(f"{run.path} goes on with another {commit}")
