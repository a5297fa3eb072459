from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from epochal.run.environment import describe_environment, git_state


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def repository(folder: Path) -> Path:
    git(folder, "init", "-q", "-b", "main")
    (folder / "train.py").write_text("a = 1\nb = 2\n\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def state_of(folder: Path) -> dict[str, Any]:
    state = git_state(folder)
    assert state is not None
    return state


def test_a_clean_repository_is_its_commit_and_branch(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    assert state_of(folder) == {
        "commit": git(folder, "rev-parse", "HEAD").strip(),
        "branch": "main",
        "diff": "",
        "untracked": [],
    }


def test_the_recorded_diff_brings_the_changes_back(tmp_path: Path) -> None:
    """Its last line is an empty line of context, which would be lost if the text were stripped."""
    folder = repository(tmp_path)
    (folder / "train.py").write_text("a = 1\nb = 3\n\n")
    (folder / "new file.py").write_text("")
    state = state_of(folder)
    assert state["untracked"] == ["new file.py"]
    git(folder, "checkout", "-q", ".")
    subprocess.run(["git", "-C", str(folder), "apply", "-"], input=state["diff"], text=True, check=True)
    assert (folder / "train.py").read_text() == "a = 1\nb = 3\n\n"


def test_staged_changes_and_a_differ_of_the_users_own(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    git(folder, "config", "diff.external", "false")
    (folder / "train.py").write_text("a = 2\n")
    git(folder, "add", ".")
    assert "+a = 2" in state_of(folder)["diff"]


def test_a_huge_diff_is_cut(tmp_path: Path) -> None:
    folder = repository(tmp_path)
    (folder / "train.py").write_text("x" * 300_000)
    diff = state_of(folder)["diff"]
    assert len(diff) < 201_000
    assert diff.endswith("cut at 200000 characters")


def test_outside_a_repository_there_is_no_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))  # git is not installed
    assert git_state(tmp_path) is None


def test_the_environment_is_written_as_json_with_what_repeats_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository(tmp_path))
    monkeypatch.setattr("sys.argv", ["epochal", "train", "my config.yaml"])
    found = describe_environment(7, "d1", {"device": "cpu"})
    assert json.loads(json.dumps(found)) == found
    assert found["command"] == "epochal train 'my config.yaml'"
    assert (found["seed"], found["data_digest"], found["hardware"]["device"]) == (7, "d1", "cpu")
    assert found["git"]["branch"] == "main"
    assert "torch" in found["packages"]
    assert "pytest" in found["loaded"]
    assert set(found["loaded"]) < set(found["packages"])
