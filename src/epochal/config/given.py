"""Objects that a program passes, under names that stand in a config where ``package.module:Name`` does.

``given:Net@1a2b3c4d`` is something called Net; the digits tell it from another one of this name. A config
that holds such a name is complete only together with the object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from epochal.errors import ConfigError, Problem

PREFIX = "given:"

_objects: dict[str, Callable[..., Any]] = {}


@contextmanager
def given(objects: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """Let the names mean these objects inside the block."""
    before = dict(_objects)
    _objects.update(objects)
    try:
        yield
    finally:
        _objects.clear()
        _objects.update(before)


def shown_name(name: str) -> str:
    """A component's name for people: of ``given:Net@1a2b3c4d`` it is Net, of others the name itself."""
    return name.removeprefix(PREFIX).partition("@")[0] if name.startswith(PREFIX) else name


def find_given(name: str, kind: str) -> Callable[..., Any]:
    """The object of this name; ConfigError where none is there."""
    if name not in _objects:
        shown = shown_name(name)
        what = f"the {kind} '{shown}' is an object that was passed to epochal.fit; its run can't make it anew"
        mend = "call epochal.fit with it again"
        if kind == "model":
            mend = "pass it: epochal.load(run, model=...), epochal.predict(run, inputs, model=...)"
        raise ConfigError(Problem(what, mend=mend))
    return _objects[name]
