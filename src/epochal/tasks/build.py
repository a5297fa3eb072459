"""A task by its name."""

from __future__ import annotations

import inspect

from epochal.config.component import Component, Registry
from epochal.errors import ConfigError, Problem
from epochal.tasks.task import Task, TaskContext

TASKS = Registry(
    "task",
    {
        "classification": "epochal.tasks.classification:Classification",
        "generation": "epochal.tasks.generation:Generation",
        "multilabel": "epochal.tasks.multilabel:Multilabel",
        "regression": "epochal.tasks.regression:Regression",
        "segmentation": "epochal.tasks.segmentation:Segmentation",
    },
)
SUPPLIED = ("context",)

DEFAULT_LOSSES = {
    "class": "cross_entropy",
    "labels": "bce_with_logits",
    "value": "mse",
    "mask": "cross_entropy",
    "none": "mse",
}


def task_class(component: Component) -> type[Task]:
    """The class that the name means; ConfigError where it is no task."""
    found = TASKS.resolve(component.name)
    if not (inspect.isclass(found) and issubclass(found, Task)):
        raise ConfigError(
            Problem(f"'{component.name}' is no task", mend="a task is a class derived from epochal.Task")
        )
    return found


def build_task(component: Component, context: TaskContext) -> Task:
    """The task, told about its data."""
    return task_class(component)(context, **component.arguments)
