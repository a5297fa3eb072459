"""DVC in a project: data/raw is tracked, and dvc.yaml prepares, trains and evaluates."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from epochal.errors import Problem, RequestError, RunError

INSTALL = "pip install dvc"
_DATA = ("data/raw", "data/processed")


def require_dvc() -> None:
    """RequestError where DVC or git is not installed."""
    for program, mend in (("dvc", INSTALL), ("git", "install git")):
        if shutil.which(program) is None:
            raise RequestError(Problem(f"'{program}' is not installed, which --dvc needs", mend=mend))


def set_up_dvc(project: Path) -> None:
    """Make a project a repository of git and of DVC where it is none, and let DVC track its raw data.

    What is there stays; git no longer tracks what DVC does. Nothing is committed.
    """
    if not _succeeds(project, "git", "rev-parse", "--is-inside-work-tree"):
        _run(project, "git", "init", "--quiet", "--initial-branch=main")
    if not (project / ".dvc").is_dir():
        of_folder = () if (project / ".git").exists() else ("--subdir",)
        _run(project, "dvc", "init", "--quiet", *of_folder)
    if (project / "scripts" / "prepare_data.py").exists():
        _run(project, "git", "rm", "-r", "--quiet", "--cached", "--ignore-unmatch", *_DATA)
        (project / "data" / "raw").mkdir(parents=True, exist_ok=True)
        _run(project, "dvc", "add", "--quiet", "data/raw")


def _run(project: Path, *command: str) -> None:
    """Raise RunError with what a command says where it fails."""
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)
    if done.returncode:
        said = " ".join(done.stderr.split()) or "it failed"
        raise RunError(Problem(said, " ".join(command), f"run it in {project} to see more"))


def _succeeds(project: Path, *command: str) -> bool:
    return subprocess.run(command, cwd=project, capture_output=True, check=False).returncode == 0
