"""A model from its component: found by name, given its sizes, initialised by the seed."""

from __future__ import annotations

import inspect
import math
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from epochal.config.component import Component, Registry, check_arguments
from epochal.errors import ConfigError, EpochalError, Problem, did_you_mean
from epochal.models.initialise import INITIALISATIONS, initialise
from epochal.models.pretrained import load_weights, read_weights
from epochal.models.vision import VisionModel, find_vision_model, list_vision_models, missing_packages

FACTS = ("cardinalities", "vocabulary", "input_shapes")
SUPPLIED = ("input_shape", "in_channels", "in_features", "num_classes", "outputs", "out_features", *FACTS)
"""The parameters that a model is given where its signature has them: ``input_shape`` is (C, H, W) or (F,),
``in_channels`` its first number, ``in_features`` the product of all; ``num_classes``, ``outputs`` and
``out_features`` are the output's width; ``cardinalities`` has the number of codes of each column, 0 for
a number; ``vocabulary`` is the number of token ids; ``input_shapes`` has each of several inputs' shape."""

RESERVED = ("init", "pretrained")
"""The keys that every model takes beside its own arguments."""

_OURS = {
    "simple_cnn": "epochal.models.simple_cnn:simple_cnn",
    "tiny_vgg": "epochal.models.tiny_vgg:tiny_vgg",
    "resnet": "epochal.models.resnet:ResNet",
    "mlp": "epochal.models.mlp:mlp",
    "linear": "epochal.models.linear:linear",
}


def _find_foreign(name: str) -> VisionModel | None:
    found = find_vision_model(name)
    missing = None if found else missing_packages(name, _OURS)
    if missing:
        raise missing
    return found


MODELS = Registry("model", _OURS, fallback=_find_foreign, listing=list_vision_models)
"""Ours by name, torchvision's and timm's by theirs (``torchvision/`` or ``timm/`` before it decides)."""


def build_model(
    component: Component,
    input_shape: Sequence[int],
    outputs: int,
    *,
    seed: int,
    facts: Mapping[str, Any] = MappingProxyType({}),
) -> nn.Module:
    """The model [B, *input_shape] -> [B, outputs] on the CPU, its weights determined by the seed.

    facts: of ``FACTS``, what is known of the input besides its shape.

    The global generator is left as it was. A model that is not ours starts from the weights that plain
    PyTorch gives it after ``torch.manual_seed(seed)``. ConfigError where it can't be built, RequestError
    where its pretrained weights can't be read.
    """
    shape = tuple(int(side) for side in input_shape)
    function = MODELS.resolve(component.name)
    arguments = {key: value for key, value in component.arguments.items() if key not in RESERVED}
    pretrained = component.arguments.get("pretrained", False)
    if isinstance(function, VisionModel):
        image_shape(component.name, shape)
        arguments["pretrained"] = pretrained is True
    # only the CPU's generator: seeding through torch.manual_seed would disturb the devices' too
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = _construct(component.name, function, _supplied(function, shape, outputs, facts) | arguments)
    scheme = component.arguments.get("init", "kaiming" if component.name in _OURS else "none")
    initialise(model, scheme, torch.Generator().manual_seed(seed))
    if isinstance(pretrained, str):
        load_weights(model, read_weights(pretrained))
    return model


def check_model(component: Component) -> list[tuple[str, Problem]]:
    """What is wrong with a model: pairs of (argument, problem); ConfigError where its name is unknown."""
    function = MODELS.resolve(component.name)
    arguments = {key: value for key, value in component.arguments.items() if key not in RESERVED}
    problems = _check_reserved(component.arguments, isinstance(function, VisionModel))
    if isinstance(function, VisionModel):
        return problems + function.check(arguments, RESERVED)
    # a user's own class may be told its sizes by the user; ours never need it
    supplied = SUPPLIED if component.name in _OURS else set(SUPPLIED) - arguments.keys()
    return problems + check_arguments(function, component.name, arguments, supplied, RESERVED)


def image_shape(model: str, input_shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Channels, height and width of what an image model takes; ConfigError where samples are no images."""
    if len(input_shape) != 3:
        raise ConfigError(
            Problem(
                f"{model} takes images C×H×W, these samples have shape {input_shape}",
                where="model",
                mend="use mlp or linear",
            )
        )
    channels, height, width = input_shape
    return channels, height, width


def check_sizes(model: str, **sizes: Sequence[int]) -> None:
    """ConfigError where a layer would have no units."""
    for name, values in sizes.items():
        if any(value < 1 for value in values):
            mend = "write positive whole numbers"
            raise ConfigError(Problem(f"'{name}' of {model} can't be {list(values)}", "model", mend))


def _supplied(
    function: Callable[..., Any], input_shape: tuple[int, ...], outputs: int, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """What the system knows, of what the function asks for by name."""
    known = {
        "input_shape": input_shape,
        "in_channels": input_shape[0],
        "in_features": math.prod(input_shape),
        **dict.fromkeys(("num_classes", "outputs", "out_features"), outputs),
        "cardinalities": (),
        **facts,
    }
    asked = inspect.signature(function).parameters
    return {name: value for name, value in known.items() if name in asked}


def _construct(name: str, function: Callable[..., Any], arguments: Mapping[str, Any]) -> nn.Module:
    try:
        model = function(**arguments)
    except EpochalError:
        raise
    except Exception as error:
        reason = f"building the model '{name}' failed: {type(error).__name__}: {error}"
        frame = traceback.extract_tb(error.__traceback__)[-1]
        ours = Path(frame.filename) == Path(__file__)  # the call itself: an argument is wrong
        raise ConfigError(Problem(reason, "model" if ours else f"{frame.filename}:{frame.lineno}")) from error
    if not isinstance(model, nn.Module):
        mend = "a model is an nn.Module class, or a function that returns an nn.Module"
        raise ConfigError(Problem(f"'{name}' gave a {type(model).__name__}, not an nn.Module", "model", mend))
    return model


def _check_reserved(arguments: Mapping[str, Any], downloadable: bool) -> list[tuple[str, Problem]]:
    problems: list[tuple[str, Problem]] = []
    scheme, pretrained = arguments.get("init", "none"), arguments.get("pretrained", False)
    if scheme not in INITIALISATIONS:
        mend = did_you_mean(str(scheme), INITIALISATIONS)
        problems.append(("init", Problem(f"no initialisation is called {scheme!r}", mend=mend)))
    if not isinstance(pretrained, bool | str):
        mend = "write true, false or the path of a file of weights"
        problems.append(("pretrained", Problem(f"'pretrained' can't be {pretrained!r}", mend=mend)))
    elif isinstance(pretrained, str) and not Path(pretrained).expanduser().is_file():
        mend = "write the path of a file of weights (.safetensors, .pt, .pth, .bin)"
        problems.append(("pretrained", Problem(f"there is no file '{pretrained}'", mend=mend)))
    elif pretrained is True and not downloadable:
        what = "only models of torchvision and timm have weights to download"
        problems.append(
            ("pretrained", Problem(what, mend="write the path of a file of weights: pretrained: PATH"))
        )
    elif pretrained is True and scheme != "none":
        problems.append(
            ("init", Problem(f"'init: {scheme}' would overwrite the pretrained weights", mend="leave it out"))
        )
    return problems
