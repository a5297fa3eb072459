"""Transforms that are not ours: torchvision's by their own names, and users' callables."""

from __future__ import annotations

import functools
import importlib
import inspect
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import torch

from epochal.config.component import Component, Registry, check_arguments
from epochal.errors import ConfigError, Problem, RequestError
from epochal.optional import missing

_SCHEMAS: list[torch.library.Library] = []  # a library's schemas live as long as the library does

# torchvision's random transforms that neither say so in their name nor draw in a method of their own
_RANDOM_NAMES = {"AugMix", "AutoAugment", "GaussianNoise", "RandAugment", "TrivialAugmentWide"}
_DRAWING_METHODS = {"make_params", "_get_params", "get_params"}


def import_torchvision(needed_by: str = "this") -> ModuleType:
    """torchvision, with or without its compiled operators; RequestError where it is not installed.

    needed_by: what the error says that needs it.

    PyPI's wheel is compiled against CUDA libraries. Beside a CPU-only torch from elsewhere its operators
    do not load, and the import stops where it describes them to torch. Models and transforms are Python
    and need none of them, so the missing descriptions are given and the import is repeated.
    """
    if found := sys.modules.get("torchvision"):
        return found
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the image and video operators, which are not used
            try:
                return importlib.import_module("torchvision")
            except RuntimeError as error:
                if "torchvision::" not in str(error) or _SCHEMAS:
                    raise
            for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
                del sys.modules[name]
            library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
            for operator in ("nms", "qnms"):
                schema = f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
                library.define(schema)  # type: ignore[no-untyped-call]
            _SCHEMAS.append(library)
            return importlib.import_module("torchvision")
    except ModuleNotFoundError as error:
        if error.name != "torchvision":
            raise
        raise missing("torchvision", needed_by) from None


def torchvision_transform(name: str) -> Callable[..., Any] | None:
    """The class of torchvision.transforms.v2 with this name, or None; its names start with a capital."""
    if not name[:1].isupper():
        return None  # our own names are lower-case: a misspelt one must not wait for torchvision
    import_torchvision(f"'{name}'")
    found = getattr(importlib.import_module("torchvision.transforms.v2"), name, None)
    return found if is_torchvision(found) else None


def torchvision_names() -> list[str]:
    """The names of torchvision's transforms, once torchvision is loaded."""
    module = sys.modules.get("torchvision.transforms.v2")
    return [name for name, found in vars(module).items() if is_torchvision(found)] if module else []


def is_torchvision(found: Any) -> bool:
    """Whether this is a class of torchvision's transforms, or one derived from them."""
    return (
        inspect.isclass(found)
        and issubclass(found, torch.nn.Module)
        and any(base.__module__.startswith("torchvision.transforms") for base in found.__mro__)
    )


def is_random(transform: type[Any]) -> bool:
    """Whether a transform class of torchvision draws random numbers."""
    return any(
        base.__name__ in _RANDOM_NAMES
        or base.__name__.startswith("Random")
        or (base.__name__ != "Transform" and not _DRAWING_METHODS.isdisjoint(vars(base)))
        for base in transform.__mro__
    )


def check_arguments_of(
    registry: Registry, component: Component, supplied: Iterable[str] = ()
) -> list[tuple[str, Problem]]:
    """What is wrong with a transform's arguments: pairs of (argument, problem); ConfigError for its name.

    A function of the user's receives its first argument, the sample or the batch, from us. What has a
    plain name is made once, so that values it refuses are told here too.
    """
    found = registry.resolve(component.name)
    received = [] if inspect.isclass(found) else list(_parameters(found))[:1]
    problems = check_arguments(found, component.name, component.arguments, [*supplied, *received])
    if not problems and ":" not in component.name:
        try:
            construct(found, component)
        except ConfigError as error:
            return [("", problem) for problem in error.problems]
    return problems


def construct(found: Callable[..., Any], component: Component, **supplied: Any) -> Callable[..., Any]:
    """A class's instance with the component's arguments, or a function that will be called with them.

    supplied: what the system knows; each is passed where the callable has a parameter of that name.
    Raises ConfigError where the constructor refuses its arguments or its instance can't be called.
    """
    known = _parameters(found)
    arguments = component.arguments | {key: value for key, value in supplied.items() if key in known}
    if not inspect.isclass(found):
        return functools.partial(found, **arguments)
    try:
        instance = found(**arguments)
    except RequestError:
        raise
    except Exception as error:
        what = f"{component.name} can't be made of these arguments: {type(error).__name__}: {error}"
        raise ConfigError(Problem(what)) from error
    if not callable(instance):
        mend = f"give it a method __call__, or name a function instead of a {found.__name__}"
        raise ConfigError(Problem(f"{component.name} can't be called on a sample", mend=mend))
    return instance


def told(component: Component, rate: int | None, argument: str = "rate") -> dict[str, Any]:
    """What a step is told of the rate of sounds: nothing where it is unknown, or the config says it."""
    return {} if rate is None or argument in component.arguments else {argument: rate}


def _parameters(found: Callable[..., Any]) -> tuple[str, ...]:
    """The names of a callable's parameters, none where Python can't tell them."""
    try:
        return tuple(inspect.signature(found).parameters)
    except (TypeError, ValueError):
        return ()


@contextmanager
def forked_generators(device: torch.device | None = None) -> Iterator[Callable[[int], None]]:
    """Gives a function that seeds the global generators, and puts their states back at the end.

    The generators are those of Python, NumPy, torch on the CPU and torch on ``device``.
    """
    cuda = device is not None and device.type == "cuda"

    def seed(key: int) -> None:
        random.seed(key)
        np.random.seed(key % 2**32)
        torch.default_generator.manual_seed(key)
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(key)

    python_state, numpy_state = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=[device] if cuda else []):
            yield seed
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
