"""Finding runs: by folder, id, name or ``latest``."""

from __future__ import annotations

from pathlib import Path

from epochal.errors import Problem, RequestError, did_you_mean
from epochal.run.folder import RunFolder
from epochal.run.run import Run


def list_runs(root: Path, name: str | None = None) -> list[Run]:
    """The runs under ``root``, the newest last."""
    return [Run(path.parent) for path in sorted(root.glob(f"{name or '*'}/*/config.yaml"), key=_started)]


def _started(config: Path) -> tuple[str, int]:
    """When a run started: the second in its folder's name; of one second, the later written is the later."""
    return config.parent.name.rpartition("_")[0], config.stat().st_mtime_ns


def find_run(reference: str | Path | Run, root: Path) -> Run:
    """The run that a user means by a folder, an id, an experiment's name (its newest run) or ``latest``."""
    if isinstance(reference, Run):
        return reference
    folder = Path(reference)
    if RunFolder(folder).config.is_file():
        return Run(folder.resolve())
    runs = list_runs(root)
    text = str(reference)
    found = runs if text == "latest" else [run for run in runs if text in (run.id, run.path.name, run.name)]
    if found:
        return found[-1]
    if not runs:
        mend = f"there are none in {root.absolute()}; `epochal train CONFIG` makes one"
    else:
        mend = did_you_mean(text, [name for run in runs for name in (run.name, run.id)])
        mend = mend or "`epochal runs` lists them"
    raise RequestError(Problem("no such run", where=text, mend=mend))


def runs_of(root: Path, name: str, experiment_id: str) -> list[Run]:
    """The runs of one experiment, the newest last."""
    return [run for run in list_runs(root, name) if run.id == experiment_id]
