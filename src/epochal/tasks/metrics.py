"""Scores of the user's own."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from epochal.config.component import Component, check_arguments, import_path
from epochal.data.manifest import Array
from epochal.errors import ConfigError, Problem
from epochal.tasks.scores import DIRECTIONS

_AS = "as"
"""The key of another name for a metric; no argument can be called so."""


@dataclass(frozen=True)
class Metric:
    """A score by its name.

    function: (predictions, targets) -> a number. predictions: probabilities [N, K] or [N, L], or values
        [N, T], float32. targets: class indices int64 [N], labels 0 or 1 float32 [N, L], or values [N, T].
    """

    name: str
    function: Callable[[Array, Array], float]

    def __call__(self, predictions: Array, targets: Array) -> float:
        """The score; NaN where it is undefined."""
        return float(self.function(predictions, targets))


def build_metrics(components: Sequence[Component]) -> tuple[Metric, ...]:
    """The section ``evaluation.metrics``; ConfigError where two scores have one name."""
    metrics: list[Metric] = []
    for component in components:
        function, arguments = import_path(component.name, "metric"), component.arguments
        name = str(arguments.pop(_AS, component.name.rpartition(":")[2].rpartition(".")[2]))
        if name in DIRECTIONS or any(name == metric.name for metric in metrics):
            mend = f"give this one another: {{name: {component.name!r}, as: ...}}"
            raise ConfigError(Problem(f"two scores are called '{name}'", "evaluation.metrics", mend))
        is_class = inspect.isclass(function)
        ready: Any = function(**arguments) if is_class else partial(function, **arguments)
        metrics.append(Metric(name, ready))
    return tuple(metrics)


def check_metric(component: Component) -> list[tuple[str, Problem]]:
    """What is wrong with a metric: pairs of (argument, problem); ConfigError for its name."""
    function, arguments = import_path(component.name, "metric"), component.arguments
    arguments.pop(_AS, None)
    supplied = [] if inspect.isclass(function) else list(inspect.signature(function).parameters)[:2]
    return check_arguments(function, component.name, arguments, supplied)
