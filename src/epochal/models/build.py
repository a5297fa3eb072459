"""A model from its component: found by name, given its sizes, initialised by the seed."""

from __future__ import annotations

import inspect
import math
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import nn

from epochal.config.component import Component, Registry, check_arguments
from epochal.errors import ConfigError, EpochalError, Problem, RequestError, did_you_mean
from epochal.models.initialise import INITIALISATIONS, initialise
from epochal.models.inputs import TABLE_MODELS, TEXT_MODELS, image_shape
from epochal.models.pretrained import PACKAGE, load_weights, read_weights, weights_file
from epochal.models.segmentation import SegmentationModel, find_segmentation_model
from epochal.models.transformers_encoder import NAME as TRANSFORMERS_ENCODER
from epochal.models.transformers_encoder import find_transformers_encoder
from epochal.models.vision import VisionModel, find_vision_model, list_vision_models, missing_packages

FACTS = ("cardinalities", "vocabulary", "input_shapes")
"""What only some data has: ``cardinalities`` of a table's columns, a tuple with 0 for each numeric one and
the number of codes for each category; ``vocabulary``, the number of token ids, padding included;
``input_shapes``, the shape of each of several inputs by its name."""

SUPPLIED = ("input_shape", "in_channels", "in_features", "num_classes", "outputs", "out_features", *FACTS)
"""The parameters that a model is given where its signature has them: ``input_shape`` is (C, H, W), (C, T),
(F,) or (L,), of several inputs the first's; ``in_channels`` its first number, ``in_features`` the product of
all; ``num_classes``, ``outputs`` and ``out_features`` are the output's width; then the ``FACTS``."""

RESERVED = ("init", "pretrained")
"""The keys that every model takes beside its own arguments."""

_OURS = {
    "simple_cnn": "epochal.models.simple_cnn:simple_cnn",
    "tiny_vgg": "epochal.models.tiny_vgg:tiny_vgg",
    "resnet": "epochal.models.resnet:ResNet",
    "mlp": "epochal.models.mlp:mlp",
    "linear": "epochal.models.linear:linear",
    "tabular_resnet": "epochal.models.tabular_resnet:tabular_resnet",
    "ft_transformer": "epochal.models.ft_transformer:FTTransformer",
    "embedding_bag": "epochal.models.text:EmbeddingBag",
    "text_rnn": "epochal.models.text:TextRNN",
    "text_transformer": "epochal.models.text:TextTransformer",
    "rnn": "epochal.models.recurrent:RNN",
    "tcn": "epochal.models.series:TCN",
    "series_transformer": "epochal.models.series:SeriesTransformer",
    "wave_cnn": "epochal.models.sound:WaveCNN",
    "mel_cnn": "epochal.models.sound:MelCNN",
    "mel_gru": "epochal.models.recurrent:MelGRU",
    "unet": "epochal.models.unet:UNet",
    "fusion": "epochal.models.fusion:Fusion",
}

# kaiming is for ReLU; these start as their papers' do, from what their constructors draw
_DRAWN_BY_THEMSELVES = ("ft_transformer", "text_transformer", "series_transformer")


def _find_foreign(name: str) -> Callable[..., nn.Module] | None:
    found = find_transformers_encoder(name) or find_segmentation_model(name) or find_vision_model(name)
    missing = None if found else missing_packages(name, _OURS)
    if missing:
        raise missing
    return found


def _list_foreign() -> Iterator[str]:
    yield TRANSFORMERS_ENCODER
    yield from list_vision_models()


MODELS = Registry("model", _OURS, fallback=_find_foreign, listing=_list_foreign)
"""Ours by name, torchvision's and timm's by theirs (``torchvision/`` or ``timm/`` before it decides),
those of segmentation-models-pytorch after ``smp/``, and ``transformers_encoder``."""


def build_model(
    component: Component,
    input_shape: Sequence[int] | Mapping[str, Sequence[int]],
    outputs: int,
    *,
    seed: int,
    facts: Mapping[str, Any] = MappingProxyType({}),
) -> nn.Module:
    """The model [B, *input_shape] -> [B, outputs] on the CPU, its weights determined by the seed.

    input_shape: of one sample; of several inputs, the first's, or a dict of all. facts: those of ``FACTS``
    that the data has.

    The global generator is left as it was. A model that is not ours starts from the weights that plain
    PyTorch gives it after ``torch.manual_seed(seed)``. ConfigError where it can't be built or does not take
    such samples, RequestError where its pretrained weights can't be read.
    """
    function = MODELS.resolve(component.name)
    known = _known(input_shape, outputs) | dict(facts)
    if _is_named(component):
        _check_takes(component.name, function, known)
    arguments = {key: value for key, value in component.arguments.items() if key not in RESERVED}
    pretrained = component.arguments.get("pretrained", False)
    if isinstance(function, VisionModel):
        image_shape(component.name, known["input_shape"])
    if _downloads(component, function):
        arguments["pretrained"] = pretrained is True
    # only the CPU's generator: seeding through torch.manual_seed would disturb the devices' too
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = _construct(component.name, function, _asked(function, known) | arguments)
    drawn = component.name not in _OURS or component.name in _DRAWN_BY_THEMSELVES
    scheme = component.arguments.get("init", "none" if drawn else "kaiming")
    initialise(model, scheme, torch.Generator().manual_seed(seed))
    if isinstance(pretrained, str):
        if any(nn.parameter.is_lazy(parameter) for parameter in model.parameters()):
            what = f"{component.name} has layers whose sizes are not known before the first batch"
            mend = "give them their sizes, in place of Lazy modules, to read weights from a file"
            raise ConfigError(Problem(what, "model.pretrained", mend))
        load_weights(model, read_weights(weights_file(pretrained)))
    return model


def check_model(component: Component) -> list[tuple[str, Problem]]:
    """What is wrong with a model: pairs of (argument, problem); ConfigError where its name is unknown."""
    function = MODELS.resolve(component.name)
    arguments = {key: value for key, value in component.arguments.items() if key not in RESERVED}
    problems = _check_reserved(component.arguments, _downloads(component, function))
    if isinstance(function, VisionModel | SegmentationModel):
        return problems + function.check(arguments, RESERVED)
    # a user's own class may be told its sizes by the user; ours never need it
    supplied = SUPPLIED if _is_named(component) else set(SUPPLIED) - arguments.keys()
    return problems + check_arguments(function, component.name, arguments, supplied, RESERVED)


def _is_named(component: Component) -> bool:
    """Whether the model is ours or a package's, and not a user's own."""
    return ":" not in component.name


def _downloads(component: Component, function: Callable[..., Any]) -> bool:
    """Whether ``pretrained: true`` means something to the model; a user's own is never told."""
    return _is_named(component) and "pretrained" in inspect.signature(function).parameters


def _known(input_shape: Sequence[int] | Mapping[str, Sequence[int]], outputs: int) -> dict[str, Any]:
    """What the system knows of any data, by the names that functions ask for it by."""
    widths = dict.fromkeys(("num_classes", "outputs", "out_features"), outputs)
    general = {**widths, "cardinalities": ()}
    if isinstance(input_shape, Mapping):
        shapes = {name: tuple(int(side) for side in shape) for name, shape in input_shape.items()}
        return {"input_shape": shapes, "input_shapes": shapes, **general}
    shape = tuple(int(side) for side in input_shape)
    sizes = {"input_shape": shape, "in_channels": shape[0], "in_features": math.prod(shape)}
    return {**sizes, **general}


def _asked(function: Callable[..., Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Of what is known, what the function asks for by name."""
    asked = inspect.signature(function).parameters
    return {name: value for name, value in known.items() if name in asked}


def _check_takes(name: str, function: Callable[..., Any], known: Mapping[str, Any]) -> None:
    """ConfigError where the data is of a kind that the network does not ask about."""
    asked = inspect.signature(function).parameters
    if known.get("input_shapes") and "input_shapes" not in asked:
        inputs = ", ".join(known["input_shapes"])
        what, mend = f"takes one input, these samples have several: {inputs}", "use fusion"
    elif known.get("vocabulary") and "vocabulary" not in asked:
        what, mend = "takes no text", f"use {TEXT_MODELS}"
    elif any(known.get("cardinalities", ())) and "cardinalities" not in asked:
        what, mend = "takes no columns that are categories", f"use {TABLE_MODELS}"
    else:
        return
    raise ConfigError(Problem(f"{name} {what}", "model", f"{mend}, or a model of your own"))


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
    elif isinstance(pretrained, str) and pretrained.startswith(PACKAGE):
        try:
            weights_file(pretrained)
        except RequestError as error:
            problems += [("pretrained", problem) for problem in error.problems]
    elif isinstance(pretrained, str) and not Path(pretrained).expanduser().is_file():
        mend = "write the path of a file of weights (.safetensors, .pt, .pth, .bin), or package:NAME"
        problems.append(("pretrained", Problem(f"there is no file '{pretrained}'", mend=mend)))
    elif pretrained is True and not downloadable:
        what = "only models of torchvision, timm and the like have weights to download"
        problems.append(
            ("pretrained", Problem(what, mend="write the path of a file of weights: pretrained: PATH"))
        )
    elif pretrained is True and scheme != "none":
        problems.append(
            ("init", Problem(f"'init: {scheme}' would overwrite the pretrained weights", mend="leave it out"))
        )
    return problems
