"""A loss from its component, and what is derived from the training targets."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

import torch
from pydantic import ValidationError
from torch import Tensor, nn
from torch.nn.modules import loss as torch_losses

from epochal.config.component import Component, Registry, check_arguments
from epochal.data.manifest import Array, TargetKind
from epochal.data.masks.coding import IGNORED
from epochal.errors import ConfigError, EpochalError, Problem
from epochal.losses.class_weights import balanced_weights, positive_weights
from epochal.losses.dice import DiceLoss
from epochal.losses.focal import SigmoidFocalLoss
from epochal.losses.weighted_sum import WeightedSum

BALANCED = "balanced"
WEIGHTS = ("weight", "pos_weight", "alpha")
"""The arguments that may be ``balanced``; PyTorch's and ours take lists there, which become tensors."""

SINGLE_OUTPUT_LOSSES = frozenset({"bce_with_logits", "BCEWithLogitsLoss", "sigmoid_focal"})
"""Names of losses that see two classes as one yes-or-no output."""

_CLASS_INDEX_LOSSES = (DiceLoss, nn.NLLLoss, nn.MultiMarginLoss, nn.MultiLabelMarginLoss)


def _snake_case(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name.removesuffix("Loss"))
    return words.lower()


def _compares_two(loss: type[nn.Module]) -> bool:
    """Whether a loss of torch.nn compares outputs with targets and nothing else."""
    required = [p for p in inspect.signature(loss).parameters.values() if p.default is p.empty]
    named = not [p for p in required if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    return named and len(inspect.signature(loss.forward).parameters) == 3 and loss is not nn.NLLLoss2d


def _torch_names() -> dict[str, str]:
    losses = [name for name in torch_losses.__all__ if _compares_two(getattr(torch_losses, name))]
    return {key: f"torch.nn:{name}" for name in losses for key in (name, _snake_case(name))}


def _other_torch_loss(name: str) -> None:
    """Say why a loss of torch.nn is not among the names; None for what is none of its losses."""
    for own in torch_losses.__all__:
        if name in (own, _snake_case(own)):
            raise ConfigError(
                Problem(
                    f"{own} can't be called with outputs and targets alone",
                    where="loss",
                    mend="wrap it in a function of yours and name that as 'package.module:name'",
                )
            )


LOSSES = Registry(
    "loss",
    {
        **_torch_names(),
        "dice": "epochal.losses.dice:DiceLoss",
        "focal": "epochal.losses.focal:FocalLoss",
        "sigmoid_focal": "epochal.losses.focal:SigmoidFocalLoss",
        "sum": "epochal.losses.weighted_sum:WeightedSum",
    },
    fallback=_other_torch_loss,
)
"""torch.nn's losses by their own names and in snake case without ``Loss``, and our own."""


class FunctionLoss(nn.Module):
    """A user's function as a module, so that the tensors among its arguments move with it."""

    def __init__(self, function: Callable[..., Tensor], arguments: Mapping[str, Any]) -> None:
        super().__init__()
        self._tensors = [key for key, value in arguments.items() if isinstance(value, Tensor)]
        for key in self._tensors:
            self.register_buffer(key, arguments[key])
        others = {key: value for key, value in arguments.items() if key not in self._tensors}
        self._function = partial(function, **others)

    def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """What the function gives."""
        return self._function(outputs, targets, **{key: getattr(self, key) for key in self._tensors})


def build_loss(component: Component, targets: Array, target_kind: TargetKind, classes: int) -> nn.Module:
    """The loss, called as ``loss(outputs, targets) -> scalar``, on the CPU; its tensors are buffers.

    targets: of the training rows, as in the manifest; ``balanced`` weights derive from them alone.
    classes: classes, labels or target columns. Of masks, the loss is told which pixels are left out where it
    has an ``ignore_index``. ConfigError where the loss can't be built.
    """
    function = LOSSES.resolve(component.name)
    arguments = dict(component.arguments)
    if function is WeightedSum:
        parts = [Component.model_validate(each) for each in arguments["losses"]]
        arguments["losses"] = [build_loss(each, targets, target_kind, classes) for each in parts]
    if target_kind == "mask" and "ignore_index" in inspect.signature(function).parameters:
        arguments.setdefault("ignore_index", IGNORED)
    yes_or_no = component.name in SINGLE_OUTPUT_LOSSES and target_kind == "class" and classes == 2
    for key in WEIGHTS:
        value = arguments.get(key)
        if value == BALANCED:
            arguments[key] = _balance(function, key, targets, target_kind, classes)
        elif ":" in component.name:  # a user's own argument of this name may mean something else
            continue
        elif isinstance(value, list | tuple):
            arguments[key] = _weights(component.name, key, value, 1 if yes_or_no else classes)
        elif key == "pos_weight" and value is not None:
            arguments[key] = torch.tensor([float(value)])
    return _construct(component.name, function, arguments)


def check_loss(component: Component) -> list[tuple[str, Problem]]:
    """What is wrong with a loss: pairs of (argument, problem); raises ConfigError for its name."""
    function = LOSSES.resolve(component.name)
    arguments = component.arguments
    problems: list[tuple[str, Problem]] = []
    if function.__module__ == torch_losses.__name__:
        for key in ("size_average", "reduce"):
            if arguments.pop(key, None) is not None:
                what = f"'{key}' of {component.name} is deprecated by PyTorch"
                problems.append((key, Problem(what, mend="leave it out")))
        if arguments.get("reduction", "mean") not in ("mean", "batchmean"):
            what = f"'reduction' of {component.name} can't be {arguments.pop('reduction')!r}"
            mend = "a loss here is the mean over the batch, so that batches of any size add up"
            problems.append(("reduction", Problem(what, mend=mend)))
    supplied = [] if inspect.isclass(function) else _first_two(function)
    problems += check_arguments(function, component.name, arguments, supplied)
    if function is WeightedSum and not problems:
        problems += _check_parts(arguments)
    is_own = ":" in component.name
    for key in WEIGHTS:
        if key in arguments and not is_own and key in inspect.signature(function).parameters:
            problems += _check_weights(component.name, key, arguments[key])
    return problems


def _check_parts(arguments: Mapping[str, Any]) -> list[tuple[str, Problem]]:
    """What is wrong with the losses of a sum, and with their weights."""
    parts, weights = arguments["losses"], arguments.get("weights")
    if not isinstance(parts, list | tuple) or not parts:
        return [("losses", Problem("a sum needs losses", mend="write losses: [cross_entropy, dice]"))]
    problems = []
    for place, part in enumerate(parts):
        try:
            found = check_loss(Component.model_validate(part))
        except ValidationError:
            found = [
                ("", Problem(f"{part!r} is no loss", mend="write a name, or {name: ..., argument: ...}"))
            ]
        except ConfigError as error:
            found = [("", problem) for problem in error.problems]
        problems += [(f"losses.{place}.{key}".rstrip("."), problem) for key, problem in found]
    if weights is not None and (not isinstance(weights, list | tuple) or len(weights) != len(parts)):
        problems.append(("weights", Problem("the weights don't fit the losses", mend="give one for each")))
    return problems


def accepts_probabilities(loss: nn.Module) -> bool:
    """Whether targets may be class probabilities [B, K], as mixing augmentations and smoothing make them."""
    if isinstance(loss, nn.CrossEntropyLoss):
        return loss.ignore_index < 0  # PyTorch refuses to ignore an index that is none
    if isinstance(loss, WeightedSum):
        return all(accepts_probabilities(part) for part in loss.losses)
    return not isinstance(loss, _CLASS_INDEX_LOSSES)


def _balance(
    function: Callable[..., Any], key: str, targets: Array, target_kind: TargetKind, classes: int
) -> Tensor:
    """The tensor for an argument that is ``balanced``."""
    if target_kind in ("value", "none"):
        mend = "write numbers, or leave it out"
        raise ConfigError(Problem("'balanced' needs classes or labels to count", f"loss.{key}", mend))
    if key == "weight" and function in (nn.BCEWithLogitsLoss, nn.BCELoss):
        mend = "write {name: bce_with_logits, pos_weight: balanced}"
        raise ConfigError(Problem("'weight' of this loss can't be balanced", "loss.weight", mend))
    if key == "pos_weight":
        weights = positive_weights(targets, target_kind, classes)
    elif function is SigmoidFocalLoss:
        ratio = positive_weights(targets, target_kind, classes)
        weights = ratio / (1 + ratio)  # alpha / (1 - alpha) is negatives / positives
    else:
        weights = balanced_weights(targets, target_kind, classes)
    return torch.tensor(weights, dtype=torch.float32)


def _weights(name: str, key: str, values: list[float] | tuple[float, ...], outputs: int) -> Tensor:
    if len(values) != outputs:
        what = f"'{key}' of {name} has length {len(values)}"
        raise ConfigError(Problem(what, f"loss.{key}", f"write {outputs}, one for each output"))
    return torch.tensor(values, dtype=torch.float32)


def _construct(name: str, function: Callable[..., Any], arguments: dict[str, Any]) -> nn.Module:
    if isinstance(function, nn.Module):
        return function
    if not inspect.isclass(function):
        return FunctionLoss(function, arguments)
    try:
        loss = function(**arguments)
    except EpochalError:
        raise
    except Exception as error:
        reason = f"building the loss '{name}' failed: {type(error).__name__}: {error}"
        raise ConfigError(Problem(reason, "loss")) from error
    if not isinstance(loss, nn.Module):
        return FunctionLoss(cast("Callable[..., Tensor]", loss), {})
    for key in WEIGHTS:  # a tensor kept as a plain attribute would stay behind when the loss moves
        if isinstance(vars(loss).get(key), Tensor):
            loss.register_buffer(key, vars(loss).pop(key))
    return loss


def _first_two(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)[:2]


def _check_weights(name: str, key: str, value: Any) -> list[tuple[str, Problem]]:
    """The problem with a value that is neither ``balanced`` nor numbers."""
    numbers = value if isinstance(value, list | tuple) else [value]
    if value in (None, BALANCED) or (numbers and all(type(number) in (int, float) for number in numbers)):
        return []
    mend = "write balanced, or a list of numbers, one for each class"
    return [(key, Problem(f"'{key}' of {name} can't be {value!r}", mend=mend))]
