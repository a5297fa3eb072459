"""Types and values as someone who writes YAML reads them."""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel

from epochal.config.component import Component
from epochal.config.section import Section

_PLAIN = {
    int: ("integer", "integers"),
    float: ("number", "numbers"),
    str: ("text", "texts"),
    bool: ("true or false", "true or false"),
    Path: ("path", "paths"),
    Any: ("anything", "anything"),
    type(None): ("null", "null"),
    list: ("list", "lists"),
    tuple: ("list", "lists"),
    dict: ("mapping", "mappings"),
}
_BOUNDS = (("ge", "at least"), ("gt", "above"), ("le", "at most"), ("lt", "below"))


def type_words(annotation: Any, metadata: Sequence[Any] = (), *, plural: bool = False) -> str:
    """An annotation in plain words, with what its metadata asks for: ``integer, at least 1``."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Annotated:
        return type_words(parts[0], [*parts[1:], *metadata], plural=plural)
    if origin in (Union, types.UnionType):
        return _either(parts, metadata, plural=plural)
    if origin is Literal:
        return _listed([code(value) for value in parts])
    bounds = [
        f"{words} {getattr(each, key):g}"
        for each in metadata
        for key, words in _BOUNDS
        if getattr(each, key, None) is not None
    ]
    return ", ".join([_one(annotation, origin, parts, plural=plural), *bounds])


def _one(annotation: Any, origin: Any, parts: tuple[Any, ...], *, plural: bool) -> str:
    if origin is tuple and ... not in parts:
        return "[" + ", ".join(type_words(part) for part in parts) + "]"
    if origin in (list, tuple, Sequence):
        return f"list{'s' * plural} of {type_words(parts[0], plural=True)}"
    if origin in (dict, Mapping):
        keys, values = (type_words(part, plural=True) for part in parts)
        return f"mapping{'s' * plural} of {keys} to {values}"
    if isinstance(annotation, type) and issubclass(annotation, Component):
        return "components" if plural else "component"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mappings" if plural else "mapping"
    if annotation in _PLAIN:
        return _PLAIN[annotation][plural]
    return re.sub(r"\b\w+\.", "", inspect.formatannotation(annotation))


def _either(parts: tuple[Any, ...], metadata: Sequence[Any], *, plural: bool) -> str:
    kept = [part for part in parts if part is not type(None)]
    if Path in kept:  # a path is written as text
        kept = [part for part in kept if part is not str]
    kept = [part for part in kept if getattr(part, "__module__", "") != "torch"]  # no tensor in YAML
    return _listed(list(dict.fromkeys(type_words(part, metadata, plural=plural) for part in kept)))


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def code(value: Any) -> str:
    """A value as YAML writes it in one line, as Markdown's code."""
    return f"`{flow(value)}`"


def flow(value: Any) -> str:
    """A value as YAML writes it in one line."""
    if isinstance(value, Component):
        return flow(value.dump())
    if isinstance(value, Section):
        return flow(value.to_plain())
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {flow(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a callable's parameters, as objects."""
    return typing.get_type_hints(
        function.__init__ if inspect.isclass(function) else function, include_extras=True
    )
