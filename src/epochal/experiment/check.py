"""Names and arguments of every component of a configuration, checked before any data is read."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import isclass, signature
from typing import Any

from epochal.config.component import Component, Registry, check_arguments, is_keyed
from epochal.config.text import ConfigText
from epochal.data import augment, prepare, split, transform
from epochal.data.encode.encoding import check_encoder
from epochal.engine.config import OptimizerConfig, SchedulerConfig
from epochal.engine.optimizers import check_optimizer
from epochal.engine.own_hooks import check_hook
from epochal.engine.own_step import STEPS, VALIDATIONS
from epochal.engine.schedules import check_scheduler
from epochal.errors import Problem
from epochal.experiment.first_look import Check, Found, Written, by_signature, problems_of, source_of
from epochal.losses.build import check_loss
from epochal.models.build import check_model
from epochal.tasks import build as tasks
from epochal.tasks.metrics import check_metric


def check_components(text: ConfigText) -> list[Problem]:
    """Every mistake in a component's name or arguments, with its place in the file."""
    return problems_of(text, _components(text.values))


def _components(values: dict[str, Any]) -> Iterable[Written]:
    """Each component that is written, with what checks it."""
    data = values.get("data")
    data = data if isinstance(data, dict) else {}
    training = values.get("training")
    training = training if isinstance(training, dict) else {}
    single: list[Written] = [
        (("task",), values.get("task"), Component, _check_task),
        source_of(values),
        (("data", "split"), data.get("split"), Component, by_signature(split.SPLITS, split.SUPPLIED)),
        (("data", "encode"), data.get("encode"), Component, check_encoder),
        (("model",), values.get("model"), Component, check_model),
        (("loss",), values.get("loss"), Component, check_loss),
        *_one_or_several("optimizer", values, OptimizerConfig, check_optimizer),
        *_one_or_several("scheduler", values, SchedulerConfig, check_scheduler),
        (("training", "step"), training.get("step"), Component, _called_with_two(STEPS)),
        (("training", "validation"), training.get("validation"), Component, _called_with_two(VALIDATIONS)),
    ]
    yield from (entry for entry in single if entry[1] is not None)
    lists: tuple[tuple[str, str, Check], ...] = (
        ("data", "prepare", prepare.check_step),
        ("data", "augment", augment.check_step),
        ("data", "transform", transform.check_transform),
        ("evaluation", "metrics", check_metric),
        ("training", "hooks", check_hook),
    )
    for section, key, check in lists:
        part = values.get(section)
        steps = part.get(key) if isinstance(part, dict) else None
        for position, step in enumerate(steps if isinstance(steps, list) else ()):
            yield (section, key, position), step, Component, check


def _one_or_several(key: str, values: dict[str, Any], kind: type[Component], check: Check) -> list[Written]:
    """A section that holds one component, or a mapping of them."""
    value = values.get(key)
    if isinstance(value, dict) and is_keyed(value):
        return [((key, name), each, kind, check) for name, each in value.items()]
    return [((key,), value, kind, check)]


def _called_with_two(registry: Registry) -> Check:
    """A function that the system gives its first two arguments."""

    def check(component: Component) -> Found:
        function = registry.resolve(component.name)
        first = list(signature(function).parameters)[:2]
        if isclass(function) or len(first) < 2:
            what = f"'{component.name}' is no function of two arguments, the state and what to work on"
            return [
                ("", Problem(what, mend="write def step(state, batch), or def validation(state, batches)"))
            ]
        return check_arguments(function, component.name, component.arguments, first)

    return check


def _check_task(component: Component) -> Found:
    return check_arguments(tasks.task_class(component), component.name, component.arguments, tasks.SUPPLIED)
