from __future__ import annotations

import json
import sys
import types
from collections.abc import Sequence
from pathlib import Path

import pytest
from pydantic import Field

from epochal.cli.config import command, summary
from epochal.cli.errors import run_command
from epochal.config.component import Component
from epochal.config.load import load, recipe_names, validate
from epochal.config.section import Section
from epochal.config.yaml import parse_yaml
from epochal.errors import ConfigError


class Small(Section):
    """A root with two keys."""

    seed: int = Field(default=42, description="The seed")
    optimizer: Component = Field(
        default=Component.model_validate({"name": "AdamW", "lr": 1e-3}), description="The optimizer"
    )


def _load_small(config: str, overrides: Sequence[str] = (), *, components: bool = True) -> Small:
    checked, problems = validate(load(config, overrides), Small)
    if checked is None:
        raise ConfigError(*problems)
    return checked


@pytest.fixture(autouse=True)
def _small_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small root in the place of the whole one."""
    stand_in = types.ModuleType("epochal.experiment")
    stand_in.__dict__.update(ExperimentConfig=Small, load_experiment=_load_small)
    monkeypatch.setitem(sys.modules, "epochal.experiment", stand_in)
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text("optimizer: {name: SGD, lr: 0.5}\n")
    Path("c.yaml").write_text("extends: base.yaml\noptimizer:\n  momentum: 0.9\n")


def test_show_prints_the_whole_config_which_reads_back(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(command, ["show", "c.yaml", "optimizer.lr=1e-3"]) == 0
    out = capsys.readouterr().out
    assert out == "seed: 42\noptimizer: {name: SGD, lr: 0.001, momentum: 0.9}\n"
    assert _load_small("c.yaml", ["optimizer.lr=1e-3"]) == Small.model_validate(parse_yaml(out, "out")[0])


def test_show_names_mistakes_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(command, ["show", "c.yaml", "--sead", "3"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: command line: sead: unknown key; did you mean 'seed'?\n"


def test_schema_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(command, ["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert list(schema["properties"]) == ["extends", "seed", "optimizer"]


def test_schema_goes_into_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "configs" / "config.schema.json"
    assert run_command(command, ["schema", "-o", str(path)]) == 0
    assert capsys.readouterr().out == f"written to {path}\n"
    assert list(json.loads(path.read_text())["properties"]) == ["extends", "seed", "optimizer"]


def test_recipes_are_listed_with_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(command, ["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == recipe_names()
    assert all(len(line.split()) > 2 for line in lines)


@pytest.mark.parametrize(
    ("text", "line"), [("# A small one\nname: x\n", "A small one"), ("name: x\n# later\n", ""), ("", "")]
)
def test_the_summary_is_the_first_line_if_it_is_a_comment(text: str, line: str) -> None:
    assert summary(text) == line
