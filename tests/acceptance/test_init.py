"""Projects that `epochal init` writes: what is in them is clean, passes its own tests, and trains."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from shell import Shell, make_images

import epochal
from epochal.config.yaml import parse_yaml
from epochal.errors import RequestError
from epochal.scaffold.kinds import TEMPLATES
from epochal.scaffold.pins import origin
from epochal.scaffold.update import update


def check_lint(project: Path) -> None:
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("template", ["image", "minimal"])
def test_a_project_trains_on_its_first_command(
    template: str, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = epochal.init(f"my-{template}", template=template)
    assert set(made.files) <= {str(path.relative_to(made.path)) for path in made.path.rglob("*")}
    check_lint(made.path)
    for path in [*made.path.rglob("*.yaml"), *made.path.rglob("*.yml")]:
        parse_yaml(path.read_text(), path.name)
    for line in (made.path / "requirements.txt").read_text().splitlines():
        assert line.startswith("#") or "==" in line or line == origin("epochal")
    monkeypatch.chdir(made.path)
    run = epochal.train("configs/debug.yaml", quiet=True, preflight=False)
    assert run.metrics["test/accuracy"] > 0.2


def test_a_project_for_a_folder_of_images(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_images(here / "pets", count=12, size=24)
    made = epochal.init("my-pets", data="pets", author="Ada")
    assert (made.template, made.found) == ("image", "36 images of 3 classes")
    check_lint(made.path)
    base = (made.path / "configs" / "base.yaml").read_text()
    assert f"root: {here}/pets" in base
    assert '["cat", "dog", "owl"]' in base
    assert "Copyright (c)" in (made.path / "LICENSE").read_text()
    assert not (made.path / "scripts" / "prepare_data.py").exists()
    assert not any(vars(update(made.path)).values())
    monkeypatch.chdir(made.path)
    run = epochal.train("configs/debug.yaml", quiet=True, preflight=False)
    assert run.status == "finished"


def test_names_that_cannot_be_are_refused(here: Path) -> None:
    (here / "full").mkdir()
    (here / "full" / "thesis.txt").write_text("mine")
    for name, message in (
        ("full", "exists and is not empty"),
        ("torch", "the name of a package that is installed"),
        ("1st", "begin it with a letter"),
    ):
        with pytest.raises(RequestError, match=message):
            epochal.init(name)
    with pytest.raises(RequestError, match="did you mean 'image'"):
        epochal.init("mine", template="images")
    assert [path.name for path in here.iterdir()] == ["full"]


def test_the_verb(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    said = shell.run("init", "skin", "--yes").stdout
    assert said.startswith("skin: ")
    assert "\ncd skin\nepochal train configs/debug.yaml " in said
    assert "nothing has changed in the template" in shell.run("init", "skin", "--update").stdout
    assert json.loads(shell.run("init", "--update", "skin", "--json").stdout)["conflicts"] == []
    assert "Missing argument 'NAME'" in shell.run("init", "--yes", code=2).stderr


@pytest.mark.slow
@pytest.mark.parametrize("template", TEMPLATES)
def test_the_tests_of_every_template_pass(template: str, tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.run("init", "mine", "--template", template, "--yes")
    check_lint(tmp_path / "mine")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "mine",
        env=shell.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.slow
def test_the_daily_work_of_an_image_project(tmp_path: Path) -> None:
    """Train, compare, evaluate, predict and report, as its README says."""
    Shell(tmp_path).run("init", "mine", "--yes")
    shell = Shell(tmp_path / "mine")
    for config in ("base", "wider"):
        shell.run("train", f"configs/{config}.yaml", "--quiet")
    scores = json.loads((shell.only_run("base") / "metrics" / "test.json").read_text())
    assert scores["overall"]["accuracy"] > 0.8
    assert "accuracy" in shell.run("compare", "base", "wider").stdout
    assert "accuracy" in shell.run("evaluate", "base").stdout
    shell.run("predict", "base", "data/processed/shapes/circle", "-o", "predictions.csv")
    assert (shell.folder / "predictions.csv").read_text().count("\n") == 81
    shell.run("report", "base")
    assert (shell.only_run("base") / "report.html").exists()
