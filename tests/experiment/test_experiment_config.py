from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from epochal.config.load import recipe_names
from epochal.config.section import members_of
from epochal.config.yaml import dump_yaml
from epochal.errors import DataError, Problem
from epochal.experiment.config import ExperimentConfig, load_experiment, located, read_experiment


def _fields(section: type[BaseModel], path: str = "") -> Iterator[tuple[str, str | None]]:
    for name, field in section.model_fields.items():
        yield f"{path}{name}", field.description
        for member in members_of(field.annotation):
            if isinstance(member, type) and issubclass(member, BaseModel):
                yield from _fields(member, f"{path}{name}.")


def test_every_field_says_in_a_line_what_it_is() -> None:
    fields = {key: text for key, text in _fields(ExperimentConfig) if not key.endswith(".name")}
    assert {"seed", "data.source", "optimizer.groups", "training.early_stopping.patience"} <= fields.keys()
    assert [key for key, text in fields.items() if not text or "\n" in text or len(text) > 120] == []


@pytest.mark.parametrize("recipe", recipe_names())
def test_a_config_shown_in_full_loads_to_the_same(recipe: str, tmp_path: Path) -> None:
    config = load_experiment(recipe, components=False)
    path = tmp_path / "shown.yaml"
    path.write_text(dump_yaml(config.to_plain()))
    assert load_experiment(path) == config


def test_the_name_comes_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "skin lesions.yaml"
    path.write_text("data: {source: digits}\n")
    assert load_experiment(path).name == "skin-lesions"
    assert load_experiment({"data": {"source": "digits"}}).name == "experiment"


def test_paths_mean_the_same_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = load_experiment({"data": {"source": {"name": "folder", "root": "pets"}}})
    assert config.data.source.arguments["root"] == str(tmp_path / "pets")


def test_keys_that_turn_out_wrong_later_have_their_line(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("data:\n  source: digits\noptimizer:\n  name: SGD\n  groups:\n    - {parameters: x}\n")
    _, text = read_experiment(path, ["training.epochs=3"], components=False)

    def place(where: str) -> str:
        with pytest.raises(DataError) as caught, located(text):
            raise DataError(Problem("it is wrong", where, "mend it"))
        (problem,) = caught.value.problems
        assert (problem.what, problem.mend) == ("it is wrong", "mend it")
        return problem.where

    assert place("data.source") == f"{path}:2: data.source"
    assert place("optimizer.groups.0") == f"{path}:6: optimizer.groups.0"
    assert place("training.epochs") == "command line: training.epochs"
    assert place("seed") == f"{path}: seed"
    assert place("data/skin.csv:7") == "data/skin.csv:7"
    assert place("") == ""
