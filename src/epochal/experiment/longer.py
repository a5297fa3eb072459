"""More epochs for a run that is finished: a run of its own, which begins where that one ended.

The finished run stays as it is. The new one has the identity of the longer experiment, and ends bit for bit
as if it had been trained so from the start; where it would not, it is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from epochal.engine.schedules import filled_in_lengths
from epochal.errors import Problem, RequestError
from epochal.experiment.assemble import Experiment
from epochal.experiment.differences import Recorded, changed_data, changed_settings
from epochal.run.durable import write_chunks
from epochal.run.folder import RunFolder
from epochal.run.index import read_entries
from epochal.run.run import Run

_EPOCHS = "training.epochs"
_PIECE = 2**22  # bytes
_LOOKED_AT = 5  # runs; reading the whole configuration of one takes 20 ms


def is_longer(experiment: Experiment, run: Run) -> bool:
    """Whether the experiment is that of a finished run, with more epochs."""
    if run.status != "finished" or run.folds or epochs_of(run) >= experiment.config.training.epochs:
        return False
    changes = changed_settings(run, experiment)
    return [change.where for change in changes] == [_EPOCHS] and not changed_data(run, experiment)


def shorter_run(experiment: Experiment) -> Run | None:
    """The newest finished run that the experiment could go on from; None where there is none."""
    config = experiment.config
    entries = [
        entry
        for entry in read_entries(config.runs_folder, config.name)
        if entry.status == "finished" and 0 < entry.epoch < config.training.epochs and not entry.folds
    ]
    for run in [entry.run for entry in entries[: -_LOOKED_AT - 1 : -1]]:
        if is_longer(experiment, run) and not _obstacle(run, experiment):
            return run
    return None


def refuse_inexact(run: Run, experiment: Experiment) -> None:
    """RequestError where going on would not end as the longer training does."""
    if reason := _obstacle(run, experiment):
        mend = f"leave --resume out to train {experiment.config.training.epochs} epochs from the start"
        raise RequestError(Problem(reason, str(run.path), mend))


def _obstacle(run: Run, experiment: Experiment) -> str:
    """Why the longer training would not have been in this state; empty where it would."""
    planned, done = epochs_of(run), len(run.epochs)
    for schedule in experiment.config.schedulers.values():
        if schedule is not None and (lengths := filled_in_lengths(schedule)):
            of = f"{schedule.name}'s {lengths[0]} is the length of training"
            return f"with more epochs its learning rate would have been another one from the start: {of}"
    if done < planned:
        return f"early stopping ended it in epoch {done} of {planned}; more epochs would change nothing"
    return "" if run.folder.last.exists() else "its last checkpoint is gone"


def epochs_of(run: Run) -> int:
    """The epochs that a run was to have."""
    return int(Recorded.of(run).settings["training"]["epochs"])


def begin_from(run: Run, folder: RunFolder) -> None:
    """Give a new folder the state in which a run ended, and what it recorded."""
    old = run.folder
    copies = [(old.history, folder.history), (old.best, folder.best), (old.last, folder.last)]
    copies += [
        (path, folder.tensorboard / path.relative_to(old.tensorboard))
        for path in sorted(old.tensorboard.rglob("*"))
        if path.is_file()
    ]
    for source, target in copies:
        write_chunks(target, _pieces(source))


def _pieces(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
