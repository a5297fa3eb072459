from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field, field_validator

from epochal.config.component import Component
from epochal.config.load import load
from epochal.config.section import Section
from epochal.config.validate import complete, validate


class Constants(Section):
    """Fixed constants."""

    mean: tuple[float, ...] = Field(description="Subtracted")
    std: tuple[float, ...] = Field(description="Divides")


class Data(Section):
    """The data."""

    source: Component = Field(description="Where samples come from")
    augment: tuple[Component, ...] = Field(default=(), description="Random transforms")
    normalize: Literal["standard", "minmax"] | Constants = Field(default="standard", description="Scaling")
    batch_size: int = Field(default=32, gt=0, description="Samples in a batch")
    cache: Literal["auto", "memory", "disk"] = Field(default="auto", description="Where")
    layers: tuple[Constants, ...] = Field(default=(), description="Several sections")


class Training(Section):
    """The loop."""

    epochs: int = Field(default=10, ge=1, description="Passes")
    clip: float | None = Field(default=None, description="Norm")
    threads: Literal["auto"] | Annotated[int, Field(ge=1)] = Field(default="auto", description="Threads")
    every: int | str | bool = Field(default="epoch", description="When")

    @field_validator("every")
    @classmethod
    def _known(cls, value: int | str | bool) -> int | str | bool:
        if value == "never":
            raise ValueError("expected how often.")
        return value


class Root(Section):
    """The root."""

    name: str = Field(description="The name")
    data: Data = Field(description="The data")
    optimizer: Component = Field(
        default=Component.model_validate({"name": "AdamW", "lr": 1e-3}), description="The optimizer"
    )
    training: Training = Field(default=Training(), description="The loop")


GOOD = "name: skin\ndata:\n  source: digits\n"


def _problems(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, *overrides: str) -> list[str]:
    monkeypatch.chdir(tmp_path)
    Path("c.yaml").write_text(text, encoding="utf-8")
    checked, problems = validate(load("c.yaml", overrides), Root)
    assert (checked is None) == bool(problems)
    return [str(problem) for problem in problems]


def test_a_good_config_becomes_its_sections() -> None:
    text = load({"name": "skin", "data": {"source": "digits", "normalize": {"mean": [0.5], "std": [1]}}})
    checked, problems = validate(text, Root)
    assert problems == []
    assert checked is not None
    assert checked.data.normalize == Constants(mean=(0.5,), std=(1.0,))
    assert checked.optimizer.arguments == {"lr": 1e-3}


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=3", "training.epoch: unknown key; did you mean 'epochs'?"),
        ("epochs=3", "epochs: unknown key; did you mean 'training.epochs'?"),
        ("lr=0.1", "lr: unknown key; did you mean 'optimizer.lr'?"),
        ("training.epochs=ten", "training.epochs: expected an integer, got 'ten'"),
        ("training.epochs=1.5", "training.epochs: expected an integer, got 1.5"),
        ("training.epochs=true", "training.epochs: expected a number, got true"),
        ("training.epochs=0", "training.epochs: must be at least 1, got 0"),
        ("training.clip=[1]", "training.clip: expected a number, got [1]"),
        ("training.every=never", "training.every: expected how often"),
        ("training=3", "training: expected a mapping, got 3"),
        ("data.batch_size=-1", "data.batch_size: must be more than 0, got -1"),
        (
            "data.cache=memry",
            "data.cache: expected 'auto', 'memory' or 'disk', got 'memry'; did you mean 'memory'?",
        ),
        ("data.augment=flip", "data.augment: expected a list, got 'flip'"),
        ("data.augment=[3]", "data.augment.0: expected a name, or {name: ..., argument: ...}, got 3"),
        ("data.source.name=3", "data.source.name: expected text, got 3"),
        (
            "data.layers=[{mean: [1], std: [1], sdt: 1}]",
            "data.layers.0.sdt: unknown key; did you mean 'std'?",
        ),
        # unions: one line, about the member that was meant, or about all of them
        ("training.threads=0", "training.threads: must be at least 1, got 0"),
        ("training.threads=many", "training.threads: expected 'auto' or an integer, got 'many'"),
        (
            "training.threads=atuo",
            "training.threads: expected 'auto' or an integer, got 'atuo'; did you mean 'auto'?",
        ),
        ("data.normalize=5", "data.normalize: expected 'standard', 'minmax' or a mapping, got 5"),
        ("data.normalize={mean: [a], std: [1]}", "data.normalize.mean.0: expected a number, got 'a'"),
        (
            "data.normalize={mean: [1], std: [1], sdt: 1}",
            "data.normalize.sdt: unknown key; did you mean 'std'?",
        ),
        ("data.normalize={mean: [1]}", "data.normalize: 'std' is missing; add it: divides"),
    ],
)
def test_each_mistake_is_one_line_in_plain_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, override: str, message: str
) -> None:
    assert _problems(tmp_path, monkeypatch, GOOD, override) == [f"command line: {message}"]


def test_all_mistakes_come_with_their_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "nam: skin\ndata:\n  batch_size: ten\ntraining:\n  epochs: 3\n  epohcs: 4\noptimizer:\n  3\n"
    assert sorted(_problems(tmp_path, monkeypatch, text)) == [
        "c.yaml: 'name' is missing; add it: the name",
        "c.yaml:1: nam: unknown key; did you mean 'name'?",
        "c.yaml:2: data: 'source' is missing; add it: where samples come from",
        "c.yaml:3: data.batch_size: expected an integer, got 'ten'",
        "c.yaml:6: training.epohcs: unknown key; did you mean 'epochs'?",
        "c.yaml:7: optimizer: expected a name, or {name: ..., argument: ...}, got 3",
    ]


def test_a_component_without_a_name_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problems = _problems(tmp_path, monkeypatch, "name: x\ndata:\n  source: {root: a}\n")
    assert problems == [
        "c.yaml:3: data.source: a component needs a name: write a name, or {name: ..., argument: ...}"
    ]


def test_a_number_for_a_key_is_an_unknown_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = _problems(tmp_path, monkeypatch, GOOD + "1: x\n")
    assert "1: unknown key" in problem


def test_long_values_are_shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (problem,) = _problems(tmp_path, monkeypatch, GOOD, f"training.epochs={'x' * 500}")
    assert len(problem) < 130


def test_arguments_reach_the_default_component_by_themselves() -> None:
    values: dict[str, Any] = {"name": "x", "data": {"source": "digits"}}
    text = complete(load(values, ["optimizer.weight_decay=0.1"]), Root)
    assert text.values["optimizer"] == {"name": "AdamW", "lr": 1e-3, "weight_decay": 0.1}
    checked, _ = validate(load(values, ["optimizer.lr=0.5"]), Root)
    assert checked is not None
    assert checked.optimizer.dump() == {"name": "AdamW", "lr": 0.5}
