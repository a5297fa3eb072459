"""Plain values to checked sections; what pydantic found wrong, as problems in plain words."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from epochal.config.component import Component
from epochal.config.merge import has, paths
from epochal.config.section import members_of, sections_of, with_default_components
from epochal.config.text import ConfigText
from epochal.config.yaml import KeyPath
from epochal.errors import Problem, did_you_mean

ModelT = TypeVar("ModelT", bound=BaseModel)

# the kinds of pydantic's errors that say: a value of another type belongs here
_EXPECTED = {
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "path": "a path",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "frozen_set": "a list",
    "dict": "a mapping",
    "mapping": "a mapping",
    "model": "a mapping",
    "model_attributes": "a mapping",
    "component": "a name, or {name: ..., argument: ...}",
    "none_required": "null",
}
_SUFFIXES = ("_type", "_parsing", "_from_float", "_parsing_size")
_CHOICE = re.compile(r"'[^']*'")
_COMPARISONS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}


def validate(text: ConfigText, model: type[ModelT]) -> tuple[ModelT | None, list[Problem]]:
    """The checked config, or None and its problems: one a key, with the line where the key stands."""
    values = complete(text, model).values
    try:
        return model.model_validate(values), []
    except ValidationError as error:
        findings = [_Finding.of(details, values) for details in error.errors(include_url=False)]
    problems: dict[KeyPath, Problem] = {}
    for finding in _settle_unions(findings):
        problems.setdefault(finding.path, _problem(finding, text, model))
    return None, list(problems.values())


def complete(text: ConfigText, model: type[BaseModel]) -> ConfigText:
    """The config where arguments without a name belong to the component that is the default in ``model``.

    So ``optimizer.lr=3e-4`` needs no ``optimizer`` in the file.
    """
    return replace(text, values=with_default_components(text.values, model))


@dataclass(frozen=True)
class _Finding:
    """One error of pydantic's: the key it is about, and the members of unions that were tried on the way.

    tried: pairs of (length of the path at the union, the member's tag).
    expected: "an integer"; empty where the type is right and the value is not.
    """

    path: KeyPath
    tried: tuple[tuple[int, str], ...]
    details: ErrorDetails
    expected: str

    @classmethod
    def of(cls, details: ErrorDetails, values: Any) -> _Finding:
        """Follows pydantic's location through ``values``, which tells keys from the tags of unions."""
        location = details["loc"]
        absent = location[-1:] if details["type"] in ("missing", "invalid_key") else ()
        path: KeyPath = ()
        tried: list[tuple[int, str]] = []
        for part in location[: len(location) - len(absent)]:
            if has(values, (*path, part)):
                path = (*path, part)
            else:
                tried.append((len(path), str(part)))
        return cls((*path, *absent), tuple(tried), details, _expected(details))


def _settle_unions(findings: Sequence[_Finding]) -> Iterator[_Finding]:
    """Of the findings inside one union, those of the member that was meant, or one that names all members."""
    unions: dict[KeyPath, list[_Finding]] = {}
    for finding in findings:
        if finding.tried:
            unions.setdefault(finding.path[: finding.tried[0][0]], []).append(finding)
        else:
            yield finding
    for path, inside in unions.items():
        members: dict[str, list[_Finding]] = {}
        for finding in inside:
            inner = _Finding(finding.path, finding.tried[1:], finding.details, finding.expected)
            members.setdefault(finding.tried[0][1], []).append(inner)
        # a member whose type fits the value, so that only something in it is wrong, is the one that was meant
        fitting = [m for m in members.values() if not any(f.path == path and f.expected for f in m)]
        if fitting:
            yield from _settle_unions(min(fitting, key=len))
        else:
            first = inside[0]
            expected = dict.fromkeys(finding.expected for finding in inside if finding.path == path)
            yield _Finding(path, (), first.details, _either(list(expected)))


def _problem(finding: _Finding, text: ConfigText, model: type[BaseModel]) -> Problem:
    details, path = finding.details, finding.path
    kind, given = details["type"], _shown(details["input"])
    where = text.where(*path)
    if kind == "missing":
        return Problem(f"'{path[-1]}' is missing", text.where(*path[:-1]), _mend_missing(path, model))
    if kind in ("extra_forbidden", "invalid_key"):
        return Problem("unknown key", where, _mend_key(path, text.values, model))
    if finding.expected:
        near = did_you_mean(
            str(details["input"]), [choice.strip("'") for choice in _CHOICE.findall(finding.expected)]
        )
        mend = near if near.startswith("did you mean") else ""
        return Problem(f"expected {finding.expected}, got {given}", where, mend)
    if kind in _COMPARISONS:
        bound, words = _COMPARISONS[kind]
        return Problem(f"must be {words} {details['ctx'][bound]:g}, got {given}", where)
    message = details["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind in ("value_error", "assertion_error"):
        return Problem(message.rstrip("."), where)
    return Problem(f"{message[:1].lower()}{message[1:]}, got {given}", where)


def _expected(details: ErrorDetails) -> str:
    """What belongs in the place of a value of a wrong type or outside the choices; empty for other errors."""
    kind = details["type"]
    if kind in ("literal_error", "enum"):
        return str(details["ctx"]["expected"])
    for suffix in _SUFFIXES:
        kind = kind.removesuffix(suffix)
    return _EXPECTED.get(kind, "")


def _mend_key(path: KeyPath, values: Mapping[str, Any], model: type[BaseModel]) -> str:
    """The nearest key of the section; else the same key in another section or in a component."""
    *parent, key = path
    fields = [name for section in _sections_at(model, parent) for name in section.model_fields]
    mend = did_you_mean(str(key), fields)
    if mend.startswith("did you mean"):
        return mend
    elsewhere = {
        ".".join(map(str, other))
        for other in (*_field_paths(model), *paths(values))
        if other[-1:] == (key,) and other != path
    }
    return f"did you mean '{elsewhere.pop()}'?" if len(elsewhere) == 1 else mend


def _mend_missing(path: KeyPath, model: type[BaseModel]) -> str:
    """What the missing key is for."""
    *parent, key = path
    fields = [section.model_fields.get(str(key)) for section in _sections_at(model, parent)]
    description = next((field.description for field in fields if field and field.description), "")
    return f"add it: {description[:1].lower()}{description[1:]}" if description else ""


def _sections_at(model: type[BaseModel], path: Sequence[str | int]) -> list[type[BaseModel]]:
    """The section classes that may stand at a path below ``model``."""
    annotations: list[Any] = [model]
    for key in path:
        members = [member for annotation in annotations for member in members_of(annotation)]
        annotations = []
        for member in members:
            if sections_of(member):
                annotations += [
                    field.annotation for name, field in member.model_fields.items() if name == key
                ]
            else:  # the items of a list, the values of a mapping
                annotations += typing.get_args(member)
    return [section for annotation in annotations for section in sections_of(annotation)]


def _field_paths(model: type[BaseModel], path: KeyPath = ()) -> Iterator[KeyPath]:
    """Every key below ``model``, the arguments of default components included."""
    for name, field in model.model_fields.items():
        yield (*path, name)
        if isinstance(field.default, Component):
            yield from ((*path, name, argument) for argument in field.default.arguments)
        for section in sections_of(field.annotation):
            yield from _field_paths(section, (*path, name))


def _either(expected: Sequence[str]) -> str:
    """``an integer, 'a' or 'b'`` from ``an integer`` and ``'a' or 'b'``."""
    words: list[str] = [word for part in expected for word in (_CHOICE.findall(part) or [part])]
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]


def _shown(value: Any) -> str:
    """The value as YAML would write it, shortened."""
    words = {"None": "null", "True": "true", "False": "false"}
    shown = words.get(repr(value), repr(value))
    return shown if len(shown) <= 60 else shown[:57] + "..."
