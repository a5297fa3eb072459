"""The id of an experiment, and the user's own files that are part of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from epochal.console import Console
from epochal.experiment.assemble import assemble
from epochal.experiment.config import ExperimentConfig, load_experiment
from epochal.experiment.identity import own_files

CONFIG: dict[str, Any] = {"name": "wine", "data": {"source": "wine"}, "model": "linear", "tracking": []}


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A project with modules that import each other; what a test loads of it is forgotten after it."""
    files = {
        "src/skin/__init__.py": "",
        "src/skin/nets.py": "from . import blocks\nimport numpy as np\n"
        "def net(features, num_classes):\n    from skin.parts.heads import head\n"
        "    return head(features, num_classes)\n",
        "src/skin/blocks.py": "WIDTH = 8\n",
        "src/skin/parts/__init__.py": "",
        "src/skin/parts/heads.py": "import helpers\nfrom torch import nn\nhead = nn.Linear\n",
        "src/skin/unused.py": "",
        "helpers.py": "import skin.nets\n",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


OWN = {**CONFIG, "model": {"name": "skin.nets:net", "features": 13}}


def id_of(config: dict[str, Any], *overrides: str) -> str:
    return assemble(load_experiment(config, overrides), Console(quiet=True)).id


def loaded(config: dict[str, Any], *overrides: str) -> ExperimentConfig:
    return load_experiment(config, overrides)


def test_where_it_is_computed_and_how_often_it_is_logged_make_no_other_experiment() -> None:
    usual = id_of(CONFIG)
    same = [
        "compute.device=cpu",
        "compute.threads=1",
        "compute.tune=false",
        "training.log_every=7",
        "name=other",
        "paths.runs=elsewhere",
        "data.cache=none",
    ]
    assert {override: id_of(CONFIG, override) for override in same} == dict.fromkeys(same, usual)
    assert id_of(CONFIG, *same) == usual


def test_what_decides_the_result_makes_another_experiment() -> None:
    others = [
        "compute.precision=bfloat16",
        "compute.deterministic=false",
        "compute.compile=true",
        "optimizer.lr=0.5",
        "seed=1",
        "data.source=breast_cancer",
        "data.split={name: random, val: 0.3}",
    ]
    ids = {override: id_of(CONFIG, override) for override in ["seed=42", *others]}
    assert len(set(ids.values())) == len(ids), ids


def test_own_files_are_the_modules_named_and_what_they_import_of_the_users() -> None:
    assert own_files(loaded(CONFIG)) == {}
    files = own_files(loaded(OWN))
    assert list(files) == [
        "helpers.py",
        "src/skin/__init__.py",
        "src/skin/blocks.py",
        "src/skin/nets.py",
        "src/skin/parts/__init__.py",
        "src/skin/parts/heads.py",
    ]
    assert all(len(digest) == 16 for digest in files.values())


def test_a_file_outside_the_working_folder_is_named_by_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = loaded(OWN)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "skin/parts/heads.py" in own_files(config)


def test_code_of_others_is_not_followed() -> None:
    files = own_files(loaded(CONFIG, "data.source=epochal.recipes.line:NoisyLine", "task=regression"))
    assert list(files) == ["epochal/recipes/line.py"]


@pytest.mark.parametrize("file", ["src/skin/nets.py", "src/skin/parts/heads.py", "helpers.py"])
def test_a_change_of_own_code_makes_another_experiment(file: str, tmp_path: Path) -> None:
    before = id_of(OWN)
    (tmp_path / "src/skin/unused.py").write_text("changed = True\n")
    assert id_of(OWN) == before
    with (tmp_path / file).open("a") as text:
        text.write("# mended\n")
    assert id_of(OWN) != before


def test_a_file_that_can_not_be_parsed_is_a_file_all_the_same(tmp_path: Path) -> None:
    config = loaded(OWN)
    (tmp_path / "src/skin/parts/heads.py").write_text("def (:\n")
    assert "src/skin/parts/heads.py" in own_files(config)
    assert "helpers.py" not in own_files(config)
