from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, ValidationError

from epochal.config.component import Component, Registry, check_arguments, import_path
from epochal.errors import ConfigError

REGISTRY = Registry(
    kind="thing",
    names={"path": "pathlib:Path", "counter": "collections:Counter"},
    fallback={"dict": dict}.get,
    listing=lambda: ["dict"],
)


class Warm(Component):
    """A component with a field of ours."""

    warmup: int = Field(default=0, description="Steps")


def plain(  # type: ignore[no-untyped-def]
    size: int,
    rate: float = 0.1,
    scale: tuple[float, float] = (1.0, 1.0),
    *,
    root: Path = Path(),
    flag: bool = False,
    words: list[str] | None = None,
    limit: int = None,  # type: ignore[assignment]  # noqa: RUF013
    anything=None,
) -> None:
    """What a config may call."""


def test_both_forms_of_a_component() -> None:
    short = Component.model_validate("adam")
    assert (short.name, short.arguments, short.dump()) == ("adam", {}, "adam")
    long = Component.model_validate({"name": "AdamW", "lr": 0.1, "betas": [0.9, 0.99]})
    assert long.arguments == {"lr": 0.1, "betas": [0.9, 0.99]}
    assert Component.model_validate(long.dump()) == long


def test_a_field_of_a_component_is_no_argument_and_is_dumped_unless_default() -> None:
    warm = Warm.model_validate({"name": "x", "warmup": 5, "a": 1})
    assert (warm.warmup, warm.arguments) == (5, {"a": 1})
    assert Warm.model_validate(warm.dump()) == warm
    assert Warm.model_validate("x").dump() == "x"


@pytest.mark.parametrize("value", [3, None, ["a"], {"lr": 0.1}, {"name": None}])
def test_what_is_no_component_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        Component.model_validate(value)


def test_names_resolve_through_the_registry_the_path_and_the_fallback() -> None:
    assert REGISTRY.resolve("path") is Path
    assert REGISTRY.resolve("functools:partial") is functools.partial
    assert REGISTRY.resolve("dict") is dict


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cuonter", "no thing is called 'cuonter'; did you mean 'counter'?"),
        ("no_such_package:Net", "no module is called 'no_such_package'"),
        ("functools:partail", "'functools' has no 'partail'; did you mean 'partial'"),
        ("sys:path", "'sys:path' is no thing: it is not callable"),
        ("functools:", "'functools:' names no thing; write 'package.module:Name'"),
        (":Net", "':Net' names no thing"),
        (".models:Net", "'.models:Net' names no thing"),
    ],
)
def test_a_name_that_leads_nowhere_is_explained(name: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        REGISTRY.resolve(name)
    assert str(caught.value).startswith(message)


def test_the_users_own_modules_are_found_in_the_folder_and_its_src(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("src").mkdir()
    Path("own_flat_module.py").write_text("class Net:\n    class Inner: ...\n")
    Path("src/own_src_module.py").write_text("import no_such_dependency\n")
    Path("own_broken_module.py").write_text("1 / 0\n")
    assert import_path("own_flat_module:Net.Inner", "model").__name__ == "Inner"
    with pytest.raises(ConfigError, match="importing 'own_src_module' failed: No module named 'no_such"):
        import_path("own_src_module:Net", "model")
    with pytest.raises(ConfigError, match="importing 'own_broken_module' failed: ZeroDivisionError"):
        import_path("own_broken_module:Net", "model")


@pytest.mark.parametrize(
    "arguments",
    [
        {"rate": 1},
        {"scale": [0.5, 2]},
        {"root": "data"},
        {"words": None},
        {"words": ["a"]},
        {"limit": None},
        {"anything": object()},
    ],
)
def test_good_arguments_pass(arguments: dict[str, Any]) -> None:
    assert check_arguments(plain, "plain", {"size": 3, **arguments}) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("size", "3"),
        ("size", True),
        ("size", 3.0),
        ("size", None),
        ("rate", "0.1"),
        ("rate", True),
        ("scale", [0.5]),
        ("scale", ["0.5", 1.0]),
        ("flag", 1),
        ("words", "a"),
        ("limit", "3"),
    ],
)
def test_a_value_that_the_callable_would_get_as_the_wrong_type_is_refused(key: str, value: Any) -> None:
    ((argument, problem),) = check_arguments(plain, "plain", {"size": 3, key: value})
    assert argument == key
    assert str(problem).startswith(f"'{key}' of plain can't be {value!r}; expected ")


def test_unknown_missing_and_supplied_arguments_are_told_apart() -> None:
    found = check_arguments(plain, "plain", {"rte": 1, "flag": True}, supplied=["flag"])
    assert [(argument, str(problem)) for argument, problem in found] == [
        ("rte", "plain takes no 'rte'; did you mean 'rate'?"),
        ("flag", "'flag' of plain is filled in by epochal; leave it out"),
        ("", "plain needs 'size'; write {name: plain, size: ...}"),
    ]


def test_callables_that_take_anything_or_cannot_be_read_are_left_alone() -> None:
    def open_ended(a: int, **rest: Any) -> None: ...

    def lost(a: NoSuchType) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    assert check_arguments(open_ended, "f", {"a": 1, "b": 2}) == []
    assert check_arguments(lost, "f", {"a": object()}) == []
    unreadable: Callable[..., Any] = type("Odd", (), {"__signature__": "no signature"})
    assert check_arguments(unreadable, "odd", {"a": 1}) == []
