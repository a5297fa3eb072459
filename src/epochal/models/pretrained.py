"""Weights from a file, put into a model as far as they fit."""

from __future__ import annotations

import itertools
import logging
import math
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from epochal.errors import Problem, RequestError
from epochal.optional import missing

logger = logging.getLogger("epochal")

_WRAPPERS = ("state_dict", "model_state_dict", "model")
_PREFIXES = ("module.", "_orig_mod.", "model.")
_HEADS = ("fc", "classifier", "head", "heads")
_COUNTER = "num_batches_tracked"
_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
_MAX_LISTED = 8

PACKAGE = "package:"
"""What stands before the name of an installed package that brings weights along."""


@dataclass(frozen=True)
class Mismatch:
    """A tensor whose name is in both and whose shape is not: ``model`` and ``file`` are the two shapes."""

    name: str
    model: tuple[int, ...]
    file: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name} ({_shape(self.model)}, the file has {_shape(self.file)})"


@dataclass(frozen=True)
class LoadReport:
    """What became of the weights, by the model's names for them.

    loaded: now in the model. adapted: those of ``loaded`` that were fitted to another number of input
    channels. missing: in the model only. unexpected: in the file only. mismatched: left as they were.
    """

    loaded: tuple[str, ...]
    adapted: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    mismatched: tuple[Mismatch, ...]

    def __str__(self) -> str:
        total = len(self.loaded) + len(self.missing) + len(self.mismatched)
        parts = [f"{len(self.loaded)} of {total} tensors loaded"]
        if self.adapted:
            parts.append(f"fitted to the input's channels: {_some(self.adapted)}")
        left = [*map(str, self.mismatched), *self.missing]
        if left:
            parts.append(f"start anew: {_some(left)}")
        if self.unexpected:
            parts.append(f"not in the model: {_some(self.unexpected)}")
        return "; ".join(parts)


def weights_file(place: str) -> Path:
    """The path that ``pretrained`` means: a file's, or of ``package:NAME`` the one that NAME brings along.

    Nothing of the package is imported. RequestError where it is not installed, or has not one such file.
    """
    if not place.startswith(PACKAGE):
        return Path(place).expanduser()
    name = place.removeprefix(PACKAGE)
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        raise missing(name, f"'{place}'", "model.pretrained") from None
    found = [file for file in files if file.suffix in _SUFFIXES]
    if len(found) != 1:
        what = f"the package '{name}' brings {len(found)} files of weights, not one"
        raise RequestError(Problem(what, "model.pretrained", "write the path of the file"))
    return Path(str(found[0].locate()))


def read_weights(path: str | Path) -> dict[str, Tensor]:
    """The tensors by name in a file of safetensors or ``torch.save``, on the CPU; nothing in it is executed.

    A checkpoint that keeps its weights under ``state_dict``, ``model_state_dict`` or ``model`` is unwrapped.
    RequestError where the file is missing, is neither, holds no tensors by name, or holds more than data.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise _refused(path, "no such file", "write the path of a file of weights")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise _refused(path, f"not a safetensors file: {error}") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols; what torch can't read, it refuses
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refused(
            path,
            "refused, for it is no file of weights, or reading it would run code that it contains",
            "save the weights alone: torch.save(model.state_dict(), PATH), or safetensors",
        ) from error
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise _refused(path, f"can't be read as a file of torch.save: {error}") from error
    weights = _unwrap(content)
    if not weights:
        raise _refused(
            path, "holds no tensors by name", "save the weights: torch.save(model.state_dict(), PATH)"
        )
    return weights


def load_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> LoadReport:
    """Copy into the model every tensor that fits; log and return what fitted and what did not.

    Prefixes that wrappers leave (``module.``, ``_orig_mod.``, ``model.``) are ignored where that helps. Where
    no name is in both, tensors belong together by their order, if all of them fit one by one. The first
    convolution is fitted to the model's number of input channels. An output layer of another width starts
    from zero: random weights on features that are trained already would have to be unlearnt (Kolesnikov et
    al., Big Transfer, 2020). RequestError where nothing fits.
    """
    own = model.state_dict()
    weights = _match_names(weights, own)
    if not own.keys() & weights.keys():
        weights = _match_order(weights, model)
    stem = first_convolution(model)
    fitting: dict[str, Tensor] = {}
    adapted: list[str] = []
    mismatched: list[Mismatch] = []
    for name in own.keys() & weights.keys():
        tensor = weights[name]
        if name == f"{stem}.weight" and _differ_in_channels(own[name], tensor):
            tensor = adapt_input_channels(tensor, own[name].shape[1])
            adapted.append(name)
        if tensor.shape == own[name].shape:
            fitting[name] = tensor
        else:
            mismatched.append(Mismatch(name, tuple(own[name].shape), tuple(tensor.shape)))
    # a batch norm's counter is no weight: old files lack it, and every model would match by it
    counters = {name for name in own if name.endswith(_COUNTER)}
    if not fitting.keys() - counters:
        raise RequestError(
            Problem(
                f"none of the file's weights fits the model: the model has {_examples(own)}; "
                f"the file has {_examples(weights)}",
                where="model.pretrained",
                mend="use a file that was saved from this model",
            )
        )
    model.load_state_dict(fitting, strict=False)
    head = classifier_parameters(model)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name in head and name not in fitting:
                parameter.zero_()
    report = LoadReport(
        loaded=tuple(name for name in own if name in fitting),
        adapted=tuple(adapted),
        missing=tuple(name for name in own if name not in weights and name not in counters),
        unexpected=tuple(name for name in weights if name not in own),
        mismatched=tuple(sorted(mismatched, key=lambda mismatch: mismatch.name)),
    )
    # a new head is what one expects; anything else that keeps its random values is not
    untouched = {*report.missing, *(mismatch.name for mismatch in report.mismatched)}
    level = logging.WARNING if untouched - head else logging.INFO
    logger.log(level, "pretrained weights: %s", report)
    return report


def adapt_input_channels(weight: Tensor, channels: int) -> Tensor:
    """The first convolution's weight [O, I, ...] for another number of input channels, [O, channels, ...].

    To one channel it is summed over the channels, so that a grey image gives what its copy in every
    channel gave; to others it is repeated and rescaled so that the activations keep their size. Source:
    timm's ``adapt_input_conv`` (Wightman 2019).
    """
    if channels == 1:
        return weight.sum(dim=1, keepdim=True)
    old = weight.shape[1]
    repeats = [1] * weight.ndim
    repeats[1] = math.ceil(channels / old)
    return weight.repeat(repeats)[:, :channels] * (old / channels)


def first_convolution(model: nn.Module) -> str | None:
    """The name of the module that meets the input's channels, where it is a convolution over images."""
    return next((name for name, module in model.named_modules() if isinstance(module, nn.Conv2d)), None)


def classifier_parameters(model: nn.Module) -> set[str]:
    """The names of the parameters of the output layer, which a pretrained model has to learn anew.

    timm's models tell it (``get_classifier``); torchvision's keep it last in ``fc``, ``classifier``, ``head``
    or ``heads``; of any other model it is the last linear or convolutional layer.
    """
    get_classifier = getattr(model, "get_classifier", None)
    heads = get_classifier() if callable(get_classifier) else None
    if heads is None:
        named = next((getattr(model, name) for name in _HEADS if hasattr(model, name)), None)
        heads = _last_layer(named) if isinstance(named, nn.Module) else None
    if heads is None:
        heads = _last_layer(model)
    modules = heads if isinstance(heads, tuple | list) else (heads,)  # distilled transformers have two
    own = {id(parameter) for head in modules if head is not None for parameter in head.parameters()}
    return {name for name, parameter in model.named_parameters() if id(parameter) in own}


def _last_layer(module: nn.Module) -> nn.Module | None:
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d)]
    return layers[-1] if layers else None


def _unwrap(content: Any) -> dict[str, Tensor]:
    """The tensors by name in what a file held; empty where there are none."""
    if not isinstance(content, Mapping):
        return {}
    for key in _WRAPPERS:
        if isinstance(content.get(key), Mapping):
            return _unwrap(content[key])
    return {str(key): value for key, value in content.items() if isinstance(value, Tensor)}


def _match_names(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights without those prefixes whose removal makes the most names match the model's."""
    best = dict(weights)
    for depth in range(1, len(_PREFIXES) + 1):
        for prefixes in itertools.permutations(_PREFIXES, depth):
            prefix = "".join(prefixes)
            candidate = {name.removeprefix(prefix): tensor for name, tensor in weights.items()}
            if len(own.keys() & candidate.keys()) > len(own.keys() & best.keys()):
                best = candidate
    return best


def _match_order(weights: Mapping[str, Tensor], model: nn.Module) -> Mapping[str, Tensor]:
    """The weights by the model's names where both list the same tensors in the same order, else unchanged.

    The same: as many, each pair called alike (``weight``, ``running_var``, ...) and of one shape, but for
    the output layer's and the channels that the first convolution takes.
    """
    own = {name: value for name, value in model.state_dict().items() if not name.endswith(_COUNTER)}
    given = {name: value for name, value in weights.items() if not name.endswith(_COUNTER)}
    head, stem = classifier_parameters(model), f"{first_convolution(model)}.weight"
    if len(own) != len(given):
        return weights
    for (name, value), (other, tensor) in zip(own.items(), given.items(), strict=True):
        same = value.shape == tensor.shape or (name == stem and _differ_in_channels(value, tensor))
        alike = name.rpartition(".")[2] == other.rpartition(".")[2]
        if not (alike and (same or (name in head and value.ndim == tensor.ndim))):
            return weights
    logger.info("pretrained weights: their names are others, and all %d tensors fit by order", len(own))
    return dict(zip(own, given.values(), strict=True))


def _differ_in_channels(own: Tensor, other: Tensor) -> bool:
    return (
        own.ndim == other.ndim
        and own.shape[1] != other.shape[1]
        and own.shape[0] == other.shape[0]
        and own.shape[2:] == other.shape[2:]
    )


def _refused(path: Path, what: str, mend: str = "") -> RequestError:
    return RequestError(Problem(what, where=str(path), mend=mend))


def _examples(tensors: Mapping[str, Tensor]) -> str:
    return _some([f"{name} {_shape(tuple(tensor.shape))}" for name, tensor in tensors.items()], 3)


def _some(names: tuple[str, ...] | list[str], most: int = _MAX_LISTED) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _shape(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape)) or "scalar"
