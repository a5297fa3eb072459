from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from epochal.config.component import Component
from epochal.config.section import Section, members_of, sections_of, with_default_components


class Inner(Section):
    """A section."""

    epochs: int = Field(default=10, description="Passes")
    clip: float | None = Field(default=None, description="Norm")
    flag: bool | int = Field(default=False, description="A flag or a number")
    folder: Path = Field(default=Path("a/b"), description="A folder")


class Outer(Section):
    """The root."""

    inner: Inner = Field(default=Inner(), description="A section")
    optimizer: Component = Field(
        default=Component.model_validate({"name": "AdamW", "lr": 0.1}), description="One"
    )
    steps: tuple[Component, ...] = Field(default=(), description="Several")
    loss: Component | None = Field(default=None, description="None by default")


def test_unknown_keys_and_changes_are_refused() -> None:
    with pytest.raises(ValidationError):
        Inner.model_validate({"epoch": 3})
    with pytest.raises(ValidationError):
        Inner().epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize("field", ["epochs", "clip"])
def test_true_is_no_number(field: str) -> None:
    with pytest.raises(ValidationError, match="expected a number, got true"):
        Inner.model_validate({field: True})
    assert Inner.model_validate({"flag": True}).flag is True


def test_the_plain_form_reads_back_equal() -> None:
    section = Outer.model_validate(
        {
            "inner": {"epochs": 3, "folder": "data"},
            "optimizer": "SGD",
            "steps": ["flip", {"name": "rotation", "degrees": 5}],
        }
    )
    plain = section.to_plain()
    assert plain == {
        "inner": {"epochs": 3, "clip": None, "flag": False, "folder": "data"},
        "optimizer": "SGD",
        "steps": ["flip", {"name": "rotation", "degrees": 5}],
        "loss": None,
    }
    assert Outer.model_validate(plain) == section


def test_arguments_without_a_name_go_to_the_default_component() -> None:
    completed = with_default_components({"optimizer": {"eps": 1}, "loss": {"gamma": 2}}, Outer)
    assert completed == {"optimizer": {"name": "AdamW", "lr": 0.1, "eps": 1}, "loss": {"gamma": 2}}
    assert with_default_components({"optimizer": {"name": "AdamW"}}, Outer) == {
        "optimizer": {"name": "AdamW"}
    }


def test_members_and_sections_of_annotations() -> None:
    assert list(members_of(int | None)) == [int, type(None)]
    assert sections_of(Inner | Component | str) == [Inner]


def test_null_empties_a_list_that_is_empty_by_default() -> None:
    assert Outer.model_validate({"steps": None}).steps == ()
