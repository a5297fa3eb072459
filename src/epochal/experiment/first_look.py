"""Mistakes in a configuration that show without torch, whose import takes longer than all of this."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from epochal.config.component import Component, Registry, check_arguments
from epochal.config.given import PREFIX
from epochal.config.text import ConfigText
from epochal.config.validate import validate
from epochal.data.sources import SOURCES, SUPPLIED
from epochal.errors import ConfigError, Problem
from epochal.experiment.config import ExperimentConfig, read_text

Found = list[tuple[str, Problem]]
Check = Callable[[Any], Found]
Written = tuple[tuple[str | int, ...], Any, type[Component], Check]
"""Where a component stands, what is written there, what it is read as, and what checks it."""


def first_look(config: str | Path | Mapping[str, Any], overrides: Sequence[str] = ()) -> None:
    """ConfigError with all mistakes in the file, the sections and the arguments of a source of ours."""
    text = read_text(config, overrides)
    _, problems = validate(text, ExperimentConfig)
    problems += problems_of(text, _own_source(text.values))
    if problems:
        raise ConfigError(*problems)


def problems_of(text: ConfigText, components: Iterable[Written]) -> list[Problem]:
    """Every mistake in the components' names or arguments, with its place in the file.

    What is no component at all (a number, say) is left to the validation of the sections.
    """
    problems = []
    for path, value, kind, check in components:
        try:
            component = kind.model_validate(value)
        except ValidationError:
            continue
        if component.name.startswith(PREFIX):  # an object that is there, and whole, or not needed
            continue
        try:
            found = check(component)
        except ConfigError as error:
            found = [("name" if isinstance(value, dict) else "", problem) for problem in error.problems]
        for argument, problem in found:
            keys = argument.split(".") if argument else []
            place = (*path, *(int(key) if key.isdigit() else key for key in keys))
            problems.append(Problem(problem.what, text.where(*place), problem.mend))
    return problems


def by_signature(registry: Registry, supplied: Iterable[str]) -> Check:
    """The check of a component's arguments against what its name means."""

    def check(component: Component) -> Found:
        function = registry.resolve(component.name)
        return check_arguments(function, component.name, component.arguments, supplied)

    return check


def source_of(values: Mapping[str, Any]) -> Written:
    """The source as it is written; None in its place where there is none."""
    data = values.get("data")
    source = data.get("source") if isinstance(data, dict) else None
    return ("data", "source"), source, Component, by_signature(SOURCES, SUPPLIED)


def _own_source(values: Mapping[str, Any]) -> list[Written]:
    """The source, unless it is of the user's own modules, which may import torch."""
    found = source_of(values)
    name = found[1].get("name") if isinstance(found[1], dict) else found[1]
    return [found] if isinstance(name, str) and ":" not in name else []
