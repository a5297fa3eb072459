from __future__ import annotations

import itertools
from typing import Any

import pytest

from epochal.config.override import override, split_arguments
from epochal.errors import ConfigError

VALUES: dict[str, Any] = {
    "name": "skin",
    "optimizer": {"name": "AdamW", "lr": 0.1, "betas": [0.9, 0.99]},
    "loss": "cross_entropy",
    "data": {"augment": ["flip", {"name": "rotation", "degrees": 15}]},
    "training": {"epochs": 20, "ema": 0.9},
    "weights": {0: 1.0, 1: 2.0},
}


def _values(*overrides: str) -> dict[str, Any]:
    return override(VALUES, {}, overrides)[0]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-3", 1e-3),
        ("[1, 2]", [1, 2]),
        ("null", None),
        ("", None),
        ("no", "no"),
        ("-0.5", -0.5),
        ("a=b", "a=b"),
        ("'007'", "007"),
        ("{name: x}", {"name": "x"}),
    ],
)
def test_values_are_read_as_yaml(written: str, value: Any) -> None:
    assert _values(f"training.new={written}")["training"] == {"epochs": 20, "ema": 0.9, "new": value}


def test_the_rest_stays_and_the_given_values_are_not_changed() -> None:
    assert _values("training.epochs=3") == {**VALUES, "training": {"epochs": 3, "ema": 0.9}}
    assert VALUES["training"]["epochs"] == 20


def test_items_of_lists_go_by_number() -> None:
    values = _values("data.augment.1.degrees=5", "data.augment.0.p=0.1", "optimizer.betas.1=0.95")
    assert values["data"]["augment"] == [{"name": "flip", "p": 0.1}, {"name": "rotation", "degrees": 5}]
    assert values["optimizer"]["betas"] == [0.9, 0.95]


def test_a_number_can_be_the_key_of_a_mapping() -> None:
    assert _values("weights.1=5")["weights"] == {0: 1.0, 1: 5}


def test_a_plain_name_gets_arguments() -> None:
    assert _values("loss.label_smoothing=0.1")["loss"] == {"name": "cross_entropy", "label_smoothing": 0.1}


def test_another_component_does_not_inherit_arguments() -> None:
    for other in ("optimizer=SGD", "optimizer.name=SGD", "optimizer={name: SGD}"):
        assert _values(other)["optimizer"] in ("SGD", {"name": "SGD"})
    assert _values("optimizer.name=AdamW")["optimizer"] == VALUES["optimizer"]


@pytest.mark.parametrize("order", list(itertools.permutations(["optimizer.lr=1", "optimizer.momentum=0.9"])))
@pytest.mark.parametrize("name", ["optimizer=SGD", "optimizer.name=SGD"])
def test_a_name_and_its_arguments_come_in_any_order(name: str, order: tuple[str, ...]) -> None:
    for position in range(3):
        overrides = [*order[:position], name, *order[position:]]
        assert _values(*overrides)["optimizer"] == {"name": "SGD", "lr": 1, "momentum": 0.9}


def test_of_two_the_later_wins() -> None:
    assert _values("training.epochs=3", "training.epochs=4")["training"]["epochs"] == 4


def test_the_name_of_the_experiment_is_an_ordinary_key() -> None:
    assert _values("name=other") == {**VALUES, "name": "other"}


def test_origins_follow_the_values() -> None:
    origins: dict[tuple[str | int, ...], str] = {
        (): "f.yaml",
        ("optimizer",): "f.yaml:2",
        ("optimizer", "lr"): "f.yaml:3",
    }
    _, changed = override(VALUES, origins, ["optimizer={name: SGD}", "new.section.key=[1]"])
    assert changed == {
        (): "f.yaml",
        ("optimizer",): "command line",
        ("optimizer", "name"): "command line",
        ("new",): "command line",
        ("new", "section"): "command line",
        ("new", "section", "key"): "command line",
        ("new", "section", "key", 0): "command line",
    }


def test_all_mistakes_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        _values(
            "epochs",
            "=3",
            "a..b=1",
            "training.epochs=[1",
            "data.augment.7.p=1",
            "name=x",
            "training.epochs.x=1",
        )
    lines = str(caught.value).splitlines()
    assert len(lines) == 6
    assert lines[0] == "command line: 'epochs' is no override; write dotted.key=value"
    assert any(
        line.startswith("command line: training.epochs: ") and "never closed" in line for line in lines
    )
    assert "command line: data.augment.7.p: the list has 2 items and no '7'" in lines
    assert any("20 is a single value" in line for line in lines)


def test_arguments_become_overrides() -> None:
    extra = ["a.b=1", "--c.d", "x", "--e=2", "--training.gradient-clip", "-1", "f=--x", "--g=", "--h=i=j"]
    expected = ["a.b=1", "c.d=x", "e=2", "training.gradient_clip=-1", "f=--x", "g=", "h=i=j"]
    assert split_arguments(extra) == expected


def test_every_bad_argument_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        split_arguments(
            ["word", "--resmue", "--flag", "-x", "-y=1", "a=1", "--last"], ["--resume", "--again"]
        )
    lines = str(caught.value).splitlines()
    assert len(lines) == 6
    assert lines[0].startswith("command line: 'word' is no override")
    assert lines[1].endswith("did you mean '--resume'?")
    for line, name in zip(lines[2:], ["--flag", "-x", "-y=1", "--last"], strict=True):
        assert f"'{name}'" in line
