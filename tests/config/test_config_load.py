from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from epochal.config.load import load, recipe_names, recipe_text
from epochal.errors import ConfigError


@pytest.fixture(autouse=True)
def _in_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("configs").mkdir()


def _write(path: str, text: str) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text, encoding="utf-8")
    return path


def _message(config: Any, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(config, overrides)
    return str(caught.value)


def test_a_file_with_overrides() -> None:
    path = _write("configs/skin.yaml", "name: skin\noptimizer:\n  name: AdamW\n  lr: 1e-3\n")
    text = load(path, ["optimizer.lr=3e-4", "seed=1"])
    assert text.name == "configs/skin.yaml"
    assert text.values == {"name": "skin", "optimizer": {"name": "AdamW", "lr": 3e-4}, "seed": 1}


def test_where_gives_the_line_or_that_of_the_nearest_ancestor() -> None:
    path = _write("configs/skin.yaml", "name: skin\noptimizer:\n  name: AdamW\n  lr: 1e-3\n")
    text = load(path, ["optimizer.eps=1"])
    assert text.where("optimizer", "lr") == "configs/skin.yaml:4: optimizer.lr"
    assert text.where("optimizer", "eps") == "command line: optimizer.eps"
    assert text.where("optimizer", "weight_decay") == "configs/skin.yaml:2: optimizer.weight_decay"
    assert text.where("data", "source", 0) == "configs/skin.yaml: data.source.0"
    assert text.where() == "configs/skin.yaml"


def test_a_mapping_is_copied_and_has_no_place() -> None:
    given = {"optimizer": {"lr": 0.1}, "betas": (0.9, 0.99)}
    text = load(given, ["optimizer.lr=0.2"])
    assert given["optimizer"] == {"lr": 0.1}
    assert text.values == {"optimizer": {"lr": 0.2}, "betas": [0.9, 0.99]}
    assert text.where("betas") == "betas"
    assert text.where("optimizer", "lr") == "command line: optimizer.lr"


def test_extends_is_relative_to_the_file_and_this_file_wins() -> None:
    _write(
        "shared/base.yaml", "seed: 1\ntraining: {epochs: 20, ema: 0.9}\noptimizer: {name: AdamW, lr: 0.1}\n"
    )
    path = _write(
        "configs/skin.yaml",
        "extends: ../shared/base.yaml\ntraining:\n  epochs: 3\noptimizer: {name: SGD}\n",
    )
    text = load(path)
    assert text.values == {
        "seed": 1,
        "training": {"epochs": 3, "ema": 0.9},
        "optimizer": {"name": "SGD"},
    }
    assert text.where("seed") == "shared/base.yaml:1: seed"
    assert text.where("training", "ema") == "shared/base.yaml:2: training.ema"
    assert text.where("training", "epochs") == "configs/skin.yaml:3: training.epochs"
    assert text.where("optimizer", "lr") == "configs/skin.yaml:4: optimizer.lr"


def test_of_several_bases_the_later_wins_and_a_base_may_come_twice() -> None:
    _write("root.yaml", "a: 0\nb: 0\nc: 0\n")
    _write("one.yaml", "extends: root.yaml\na: 1\nb: 1\n")
    _write("two.yaml", "extends: root.yaml\nb: 2\n")
    path = _write("top.yaml", "extends: [one.yaml, two.yaml]\nd: 3\n")
    assert load(path).values == {"a": 0, "b": 2, "c": 0, "d": 3}


def test_a_recipe_by_name_alone_and_as_a_base() -> None:
    assert "digits" in recipe_names()
    recipe = load("digits")
    assert recipe.name == "digits"
    assert recipe.where("task").startswith("recipe digits:")
    assert "task:" in recipe_text("digits")
    path = _write("mine.yaml", "extends: digits\nname: mine\n")
    assert load(path).values == {**recipe.values, "name": "mine"}
    assert load({"extends": "digits", "name": "mine"}).values == {**recipe.values, "name": "mine"}


def test_every_recipe_loads() -> None:
    for name in recipe_names():
        assert load(name).values["name"] == name


def test_a_byte_order_mark_is_no_part_of_the_first_key() -> None:
    Path("bom.yaml").write_bytes(b"\xef\xbb\xbfname: x\r\nseed: 1\r\n")
    assert load(Path("bom.yaml")).values == {"name": "x", "seed": 1}


@pytest.mark.parametrize("written", ["configs/skn.yaml", "skin", "skn.yml", "digts/../configs/skiin.yaml"])
def test_a_missing_file_names_the_near_ones(written: str) -> None:
    _write("configs/skin.yaml", "name: skin\n")
    message = _message(written)
    assert message.startswith("there is no ")
    assert "did you mean 'configs/skin.yaml'?" in message


def test_a_misspelt_recipe_names_the_recipe() -> None:
    assert _message("digts") == "there is no recipe and no file 'digts'; did you mean 'digits'?"


def test_a_run_folder_names_the_config_in_it() -> None:
    _write("runs/skin/1/config.yaml", "name: skin\n")
    assert _message("runs/skin/1") == "'runs/skin/1' is a folder; did you mean 'runs/skin/1/config.yaml'?"
    assert _message(Path("configs")).startswith("'configs' is a folder")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "bad.yaml: the file is empty"),
        ("# nothing\n", "bad.yaml: the file is empty"),
        ("- a\n", "bad.yaml: the file holds a list"),
        ("word\n", "bad.yaml: the file holds 'word'"),
        ("a: 1\na: 2\n", "bad.yaml:2: the key 'a'"),
        ("a: 1\nextends: none.yaml\n", "bad.yaml:2: extends: there is no file 'none.yaml'"),
        (
            "a: 1\nextends:\n  - digits\n  - nope\n",
            "bad.yaml:4: extends: there is no recipe and no file 'nope'",
        ),
        ("extends: 3\n", "bad.yaml:1: extends: expected a file or a recipe's name, got 3"),
    ],
)
def test_a_bad_file_is_named_with_its_line(text: str, message: str) -> None:
    _write("bad.yaml", text)
    assert _message("bad.yaml").startswith(message)


def test_a_mistake_in_a_base_names_the_base() -> None:
    _write("base.yaml", "a: 1\nb: [1\n")
    _write("top.yaml", "extends: base.yaml\n")
    assert _message("top.yaml").startswith("base.yaml:2: ")


def test_a_circle_is_shown() -> None:
    _write("a.yaml", "extends: configs/b.yaml\n")
    _write("configs/b.yaml", "x: 1\nextends: ../a.yaml\n")
    message = _message("a.yaml")
    assert message.startswith("configs/b.yaml:2: extends: ")
    assert message.endswith("a.yaml -> configs/b.yaml -> a.yaml")


def test_a_file_that_is_no_text_is_refused() -> None:
    Path("bad.yaml").write_bytes(b"name: \xff\xfe\n")
    assert _message("bad.yaml") == "bad.yaml: the file is no UTF-8 text; save it as UTF-8"
