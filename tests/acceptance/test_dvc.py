"""Projects whose data DVC keeps. They need DVC, which `make test-dvc` brings."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from shell import Shell, make_images

import epochal
from epochal.errors import RequestError

with_dvc = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("dvc") is None, reason="DVC is not installed: make test-dvc"),
]


class Project(Shell):
    """A project's folder, where git and DVC are called as its owner would."""

    def call(self, *command: str) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def dvc(self, *arguments: str) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.call("dvc", *arguments, "--json"))
        return said

    def commit(self) -> None:
        self.call("git", "add", "--all")
        self.call("git", "-c", "user.name=A", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "changes")

    def newest(self) -> Path:
        """The one run of the pipeline."""
        (run,) = epochal.runs("pipeline", runs=self.folder / "runs")
        return run.path

    def change(self, old: str, new: str) -> None:
        path = self.folder / "configs" / "base.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


@pytest.fixture(autouse=True)
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")


def shortened(project: Project) -> Project:
    path = project.folder / "configs" / "base.yaml"
    lines = ["  epochs: 1" if line.startswith("  epochs:") else line for line in path.read_text().split("\n")]
    path.write_text("\n".join(lines))
    return project


@pytest.mark.skipif(shutil.which("dvc") is not None, reason="DVC is installed")
def test_without_dvc_it_is_said_how_to_install_it_and_nothing_is_written(here: Path) -> None:
    with pytest.raises(RequestError, match="'dvc' is not installed, which --dvc needs; pip install dvc"):
        epochal.init("mine", dvc=True)
    assert not list(here.iterdir())


class TestPipeline:
    pytestmark = with_dvc

    def test_only_what_has_changed_is_done_again(self, tmp_path: Path) -> None:
        Shell(tmp_path).run("init", "mine", "--yes", "--dvc", "--template", "table")
        project = shortened(Project(tmp_path / "mine"))
        project.call("dvc", "repro", "--quiet")
        project.commit()
        (scores,) = (found["data"] for found in project.dvc("metrics", "show")[""]["data"].values())
        assert scores["accuracy"] > 0.2
        first = project.newest()
        project.run("report", "pipeline")
        assert project.dvc("status") == {}
        tracked = project.call("git", "ls-files", "data", "runs").split()
        assert tracked == ["data/interim/.gitkeep", "data/raw.dvc"]

        project.change("lr: 3e-3", "lr: 1e-3")
        (changes,) = project.dvc("params", "diff").values()
        assert set(changes) == {"optimizer.lr"}
        said = project.call("dvc", "repro")
        assert "Stage 'prepare' didn't change" in said
        assert "Running stage 'train'" in said
        assert project.newest() != first

        project.call("git", "checkout", "--quiet", ".")
        project.call("dvc", "checkout", "--quiet")
        assert project.newest() == first

    def test_a_project_that_is_there_already(self, tmp_path: Path) -> None:
        Shell(tmp_path).run("init", "mine", "--yes", "--template", "table")
        project = shortened(Project(tmp_path / "mine"))
        project.call("git", "init", "--quiet")
        (project.folder / "data" / "raw" / "mine.txt").write_text("1")
        project.commit()
        assert "added: dvc.yaml" in project.run("init", "--update", "--dvc").stdout
        project.commit()
        assert not project.call("git", "ls-files", "data/raw", "data/processed")
        project.call("dvc", "repro", "--quiet")
        assert project.dvc("status") == {}
        (project.folder / "data" / "raw" / "mine.txt").write_text("2")
        assert set(project.dvc("status")) >= {"data/raw.dvc", "prepare"}
        assert "DVC is set up" in project.run("init", "--update", "--dvc").stdout

    def test_data_that_lies_elsewhere(self, tmp_path: Path) -> None:
        make_images(tmp_path / "pets", count=12, size=24)
        Shell(tmp_path).run("init", "mine", "--yes", "--dvc", "--data", "pets")
        project = shortened(Project(tmp_path / "mine"))
        project.call("dvc", "repro", "--quiet")
        assert project.dvc("status") == {}
        (tmp_path / "pets" / "cat" / "000.png").unlink()
        assert set(project.dvc("status")) == {"train"}

    def test_a_gan(self, tmp_path: Path) -> None:
        Shell(tmp_path).run("init", "mine", "--yes", "--dvc", "--template", "gan")
        project = shortened(Project(tmp_path / "mine"))
        project.call("dvc", "repro", "--quiet")
        assert project.dvc("status") == {}
        assert "mean_gap" in (project.folder / "metrics.json").read_text()
