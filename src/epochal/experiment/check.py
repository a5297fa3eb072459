"""Names and arguments of every component of a configuration, checked before any data is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic import ValidationError

from epochal.config.component import Component, Registry, check_arguments
from epochal.config.text import ConfigText
from epochal.data import augment, prepare, sources, split, transform
from epochal.data.encode.encoding import check_encoder
from epochal.engine.config import OptimizerConfig, SchedulerConfig
from epochal.engine.optimizers import check_optimizer
from epochal.engine.schedules import check_scheduler
from epochal.errors import ConfigError, Problem
from epochal.losses.build import check_loss
from epochal.models.build import check_model
from epochal.tasks import build as tasks

Found = list[tuple[str, Problem]]
Check = Callable[[Any], Found]
Path = tuple[str | int, ...]


def check_components(text: ConfigText) -> list[Problem]:
    """Every mistake in a component's name or arguments, with its place in the file.

    What is no component at all (a number, say) is left to the validation of the sections.
    """
    problems = []
    for path, value, kind, check in _components(text.values):
        try:
            component = kind.model_validate(value)
        except ValidationError:
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


def _components(values: dict[str, Any]) -> Iterable[tuple[Path, Any, type[Component], Check]]:
    """Each component that is written, with what checks it."""
    data = values.get("data")
    data = data if isinstance(data, dict) else {}
    single: list[tuple[Path, Any, type[Component], Check]] = [
        (("task",), values.get("task"), Component, _check_task),
        (("data", "source"), data.get("source"), Component, _by_signature(sources.SOURCES, sources.SUPPLIED)),
        (("data", "split"), data.get("split"), Component, _by_signature(split.SPLITS, split.SUPPLIED)),
        (("data", "encode"), data.get("encode"), Component, check_encoder),
        (("model",), values.get("model"), Component, check_model),
        (("loss",), values.get("loss"), Component, check_loss),
        (("optimizer",), values.get("optimizer"), OptimizerConfig, check_optimizer),
        (("scheduler",), values.get("scheduler"), SchedulerConfig, check_scheduler),
    ]
    yield from (entry for entry in single if entry[1] is not None)
    lists: tuple[tuple[str, Check], ...] = (
        ("prepare", prepare.check_step),
        ("augment", augment.check_step),
        ("transform", transform.check_transform),
    )
    for section, check in lists:
        steps = data.get(section)
        for position, step in enumerate(steps if isinstance(steps, list) else ()):
            yield ("data", section, position), step, Component, check


def _by_signature(registry: Registry, supplied: Iterable[str]) -> Check:
    def check(component: Component) -> Found:
        function = registry.resolve(component.name)
        return check_arguments(function, component.name, component.arguments, supplied)

    return check


def _check_task(component: Component) -> Found:
    return check_arguments(tasks.task_class(component), component.name, component.arguments, tasks.SUPPLIED)
