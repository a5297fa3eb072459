"""Every key of a config, from the classes that check it."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterable, Iterator
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from epochal.config.component import Component, Registry
from epochal.config.schema import json_schema
from epochal.config.section import members_of, sections_of
from epochal.config.yaml import dump_yaml
from epochal.data.augment import AUGMENT
from epochal.data.encode.encoding import ENCODERS
from epochal.data.prepare import PREPARE
from epochal.data.sources import SOURCES
from epochal.data.split import SPLITS
from epochal.data.transform import TRANSFORMS
from epochal.engine.optimizers import OPTIMIZERS
from epochal.engine.schedules import SCHEDULERS
from epochal.experiment.config import ExperimentConfig
from epochal.losses.build import LOSSES
from epochal.models.build import MODELS
from epochal.tasks.build import TASKS
from generated.text import help_markdown, is_verbatim, sentence, take_apart
from generated.words import code, type_words

_PAGES: dict[str, tuple[str, Registry]] = {
    "task": ("tasks.md", TASKS),
    "data.source": ("sources.md", SOURCES),
    "data.split": ("splits.md", SPLITS),
    "data.prepare": ("steps.md#prepare", PREPARE),
    "data.encode": ("steps.md#encode", ENCODERS),
    "data.transform": ("steps.md#transform", TRANSFORMS),
    "data.augment": ("steps.md#augment", AUGMENT),
    "model": ("models.md", MODELS),
    "loss": ("losses.md", LOSSES),
    "optimizer": ("optimizers.md#optimizers", OPTIMIZERS),
    "scheduler": ("optimizers.md#schedulers", SCHEDULERS),
}
"""Where the components of a key are listed, and what knows their names."""


def config_keys() -> str:
    """A heading for each key; those that are no sections first."""
    extends = json_schema(ExperimentConfig)["properties"]["extends"]["description"]
    lines = [
        "## Top level",
        "",
        "### extends",
        "",
        help_markdown(sentence(extends)),
        "",
        *_line("text or list of texts"),
    ]
    sections: list[str] = []
    for name, field in ExperimentConfig.model_fields.items():
        if sections_of(field.annotation) or _own_keys(field):
            sections += _section(name, field)
        else:
            lines += _key(name, field)
    return "\n".join([*lines, *sections])


def config_defaults() -> str:
    """A whole config with every default, as ``epochal config show`` prints it."""
    config = ExperimentConfig.model_validate({"name": "skin", "data": {"source": "digits"}})
    return f"```yaml\n{dump_yaml(config.to_plain())}```"


def _section(path: str, field: FieldInfo) -> Iterator[str]:
    model = next(iter(sections_of(field.annotation) or _own_keys(field)))
    yield from (f"## {path}", "")
    about = take_apart(inspect.getdoc(model) or "", ())
    for paragraph in (about.summary, *about.details):
        yield from (
            f"```yaml\n{inspect.cleandoc(paragraph)}\n```" if is_verbatim(paragraph) else _prose(paragraph),
            "",
        )
    if issubclass(model, Component):
        yield from _facts(path, field)
    yield from _keys(path, model)


def _keys(path: str, model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        if not (issubclass(model, Component) and name == "name"):
            yield from _key(f"{path}.{name}", field)


def _key(path: str, field: FieldInfo) -> Iterator[str]:
    assert field.description is not None, path
    yield from (f"### {path}", "", _prose(field.description, _names(path, field)), "", *_facts(path, field))
    for model in sections_of(field.annotation):
        yield from _keys(path, model)


def _facts(path: str, field: FieldInfo) -> Iterator[str]:
    """One line: what it may be, what it is unless it is said, and where its components are listed."""
    kind = type_words(field.annotation, field.metadata)
    default: Any = field.get_default(call_default_factory=True)
    facts = [kind, "required" if field.is_required() else f"default {code(default)}"]
    if path == "name":  # it is filled in before it is asked for
        facts.pop()
    if path in _PAGES:
        facts.append(f"[all of them]({_PAGES[path][0]})")
    yield from _line(*facts)


def _line(*facts: str) -> Iterator[str]:
    yield from ("{.type}", " · ".join(facts), "")


def _prose(text: str, names: Iterable[str] = ()) -> str:
    if text.endswith("::"):  # code follows
        return help_markdown(f"{text.removesuffix('::')}:")
    return sentence(help_markdown(text, names))


def _own_keys(field: FieldInfo) -> list[type[Component]]:
    """The component class of a section that has keys of its own beside those of what it names."""
    found = [each for member in members_of(field.annotation) for each in (member, *members_of(member))]
    return [
        each
        for each in found
        if isinstance(each, type) and issubclass(each, Component) and each is not Component
    ][:1]


def _names(path: str, field: FieldInfo) -> list[str]:
    """The names and values that a description may speak of."""
    values = [
        f"{value}(?=:)"
        for member in members_of(field.annotation)
        if typing.get_origin(member) is Literal
        for value in typing.get_args(member)
    ]
    return [*(_PAGES[path][1].names if path in _PAGES else ()), *values]
