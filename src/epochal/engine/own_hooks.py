"""Hooks of the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from torch import Tensor

from epochal.config.component import Component, check_arguments, import_path
from epochal.engine.loop import Hook
from epochal.engine.state import TrainState
from epochal.errors import ConfigError, Problem

_METHODS = ("after_step", "after_epoch")


def build_hooks(components: Sequence[Component]) -> list[Hook]:
    """The section ``training.hooks``, in its order; ConfigError where one is no hook."""
    hooks: list[Hook] = []
    for component in components:
        built = import_path(component.name, "hook")(**component.arguments)
        if not any(callable(getattr(built, name, None)) for name in _METHODS):
            what = f"'{component.name}' gives a {type(built).__name__}, which is no hook"
            mend = "a hook has after_step(state, loss), after_epoch(state, row, is_best), or both"
            raise ConfigError(Problem(what, "training.hooks", mend))
        hooks.append(built if isinstance(built, Hook) else _Adapted(built))
    return hooks


def check_hook(component: Component) -> list[tuple[str, Problem]]:
    """What is wrong with a hook: pairs of (argument, problem); ConfigError for its name."""
    return check_arguments(import_path(component.name, "hook"), component.name, component.arguments)


@final
class _Adapted(Hook):
    """An object with a hook's methods, or one of them, that is derived from nothing of ours."""

    def __init__(self, own: Any) -> None:
        self._own = own

    def after_step(self, state: TrainState, loss: Tensor) -> None:
        if hasattr(self._own, "after_step"):
            self._own.after_step(state, loss)

    def after_epoch(self, state: TrainState, row: dict[str, float], is_best: bool) -> None:
        if hasattr(self._own, "after_epoch"):
            self._own.after_epoch(state, row, is_best)
