"""A changed template, carried into a project that its owner has changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from epochal.errors import RequestError
from epochal.scaffold.render import TEMPLATE, Answers, render, write, write_record
from epochal.scaffold.update import update

ANSWERS = Answers("skin", "skin", "image", "Moles.", "A. B.", "2026-01-31")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "skin"
    files = render(ANSWERS)
    write(path, files)
    write_record(path, ANSWERS, files)
    return path


@pytest.fixture
def template(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TEMPLATE, tmp_path / "template"))


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_an_unchanged_template_changes_nothing(project: Path) -> None:
    before = {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}
    assert not any(vars(update(project)).values())
    assert before == {path: path.read_bytes() for path in project.rglob("*") if path.is_file()}


def test_what_is_untouched_follows_the_template_and_what_is_deleted_stays_so(
    project: Path, template: Path
) -> None:
    (template / "scripts" / "new.sh.jinja").write_text("echo {{ name }}\n")
    edit(template / "Makefile.jinja", 'the tests"', 'all tests"')
    edit(template / "docs" / "decisions.md.jinja", "# Decisions", "# What was decided")
    (template / ".env.example.jinja").unlink()
    (project / "docs" / "decisions.md").unlink()
    done = update(project, template)
    assert "scripts/new.sh" in done.added
    assert "Makefile" in done.changed
    assert done.removed == (".env.example",)
    assert (project / "scripts" / "new.sh").read_text() == "echo skin\n"
    assert (project / "scripts" / "new.sh").stat().st_mode & 0o111
    assert not (project / "docs" / "decisions.md").exists()
    assert not any(vars(update(project, template)).values())


def test_changes_of_both_are_merged_or_marked(project: Path, template: Path) -> None:
    edit(project / "configs" / "base.yaml", "batch_size: 32", "batch_size: 8")
    edit(template / "configs" / "base.yaml.jinja", "seed: 42 ", "seed: 43 ")
    edit(project / "configs" / "debug.yaml", "epochs: 2", "epochs: 3")
    edit(template / "configs" / "debug.yaml.jinja", "epochs: 2", "epochs: 1")
    done = update(project, template)
    base, debug = (project / "configs" / name for name in ("base.yaml", "debug.yaml"))
    assert done.merged == ("configs/base.yaml",)
    assert "seed: 43 " in base.read_text()
    assert "batch_size: 8" in base.read_text()
    assert done.conflicts == ("configs/debug.yaml",)
    assert "<<<<<<< yours\ntraining: {epochs: 3}" in debug.read_text()


def test_only_a_project_is_updated(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="in the folder of a project"):
        update(tmp_path)
