"""What is done to each sample once, the same every time, before the result is cached."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from epochal.config.component import Component, Registry
from epochal.data.augment import AUGMENT
from epochal.data.foreign import (
    check_arguments_of,
    construct,
    forked_generators,
    import_torchvision,
    is_random,
    is_torchvision,
    told,
    torchvision_names,
    torchvision_transform,
)
from epochal.data.jpeg import Target
from epochal.data.manifest import Array
from epochal.data.prepare_sound import Resample
from epochal.data.prepare_steps import Moves, Resize
from epochal.errors import ConfigError, DataError, Problem

_STEPS = "epochal.data.prepare_steps"
_SOUND = "epochal.data.prepare_sound"

PREPARE = Registry(
    kind="prepare step",
    names={
        "center_crop": f"{_STEPS}:CenterCrop",
        "channels": f"{_STEPS}:Channels",
        "clip": f"{_STEPS}:Clip",
        "fixed_length": f"{_SOUND}:FixedLength",
        "grayscale": f"{_STEPS}:Grayscale",
        "mono": f"{_SOUND}:Mono",
        "pad": f"{_STEPS}:Pad",
        "rescale": f"{_STEPS}:Rescale",
        "resample": f"{_SOUND}:Resample",
        "resize": f"{_STEPS}:Resize",
        "trim_silence": f"{_SOUND}:TrimSilence",
    },
    fallback=torchvision_transform,
    listing=torchvision_names,
)

_REVISION = "3"
"""Part of every digest: to be changed whenever a step of ours comes to return something else."""


@dataclass(frozen=True)
class Step:
    """One step of a pipeline.

    component: as the config names it. call: sample -> sample. origin: text that changes where the step's
    code does.
    """

    component: Component
    call: Callable[[Array], Array]
    origin: str


@dataclass(frozen=True)
class Prepare:
    """The steps in their order; called with a sample (an image as C×H×W), it returns a contiguous array.

    rate: samples a second of the sounds that it returns; None where they are none.
    """

    steps: tuple[Step, ...] = ()
    rate: int | None = None

    def __call__(self, sample: Array) -> Array:
        """The sample after all steps: uint8 or float32 for an image."""
        for step in self.steps:
            sample = step.call(sample)
        return np.ascontiguousarray(sample)

    @property
    def target(self) -> Target | None:
        """The first step, where it is a resize that averages: files are decoded no larger than it needs."""
        first = self.steps[0].call if self.steps else None
        if isinstance(first, Resize) and first.interpolation != "nearest":
            return first.target
        return None

    @property
    def of_masks(self) -> Prepare:
        """What is done to a mask [H, W], so that it stays over its image: the steps that move pixels."""
        return Prepare(tuple(replace(step, call=call.mask) for step, call in self._moving))

    def undo(self, values: Array, size: tuple[int, int]) -> Array:
        """Numbers float32 [K, h, w] of a prepared image, at the size of the image before: [K, *size].

        NaN where the image was cut off.
        """
        sizes = [size]
        for _, call in self._moving:
            sizes.append(call.target(*sizes[-1]))
        for (_, call), before in zip(reversed(self._moving), reversed(sizes[:-1]), strict=True):
            values = call.undo(values, before)
        return np.ascontiguousarray(values)

    @property
    def _moving(self) -> list[tuple[Step, Moves]]:
        calls: list[tuple[Step, object]] = [(step, step.call) for step in self.steps]
        return [(step, call) for step, call in calls if isinstance(call, Moves)]

    def digest(self) -> str:
        """Hexadecimal, of the steps' names, arguments and code: equal digests prepare equally."""
        parts = [[step.component.dump(), step.origin] for step in self.steps]
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()

    def check_repeatable(self, sample: Array) -> None:
        """DataError, naming the step, where two runs on this sample under different seeds differ.

        The global generators are left as they were.
        """
        first = second = sample
        with forked_generators() as seed:
            for step in self.steps:
                seed(0)
                first = step.call(first.copy())
                seed(1)
                second = step.call(second.copy())
                if not _equal(first, second):
                    raise DataError(_randomness(step.component.name, "it gave one sample two results"))


def check_step(component: Component) -> list[tuple[str, Problem]]:
    """What is wrong with one step: pairs of (argument, problem); ConfigError where its name is unknown."""
    name = component.name
    if name in AUGMENT.names:
        return [("", _randomness(name))]
    found = PREPARE.resolve(name)
    if isinstance(found, type) and is_torchvision(found) and is_random(found):
        return [("", _randomness(name))]
    return check_arguments_of(PREPARE, component)


def build_prepare(components: Sequence[Component], rate: int | None = None) -> Prepare:
    """The pipeline of these steps; ConfigError with all that is wrong with them.

    rate: samples a second of the sounds that it will get, told to each step of ours that takes it and is not
    given it.
    """
    found = [problem for component in components for _, problem in check_step(component)]
    if found:
        raise ConfigError(*found)
    steps = []
    for component in components:
        step = _step(component, rate)
        rate = step.call.rate if isinstance(step.call, Resample) else rate
        steps.append(step)
    return Prepare(tuple(steps), rate)


def first_rate(components: Sequence[Component]) -> int | None:
    """The rate to which files are resampled while they are read: where ``resample`` is the first step."""
    if not components or components[0].name != "resample":
        return None
    return Resample(**components[0].arguments).rate


def _step(component: Component, rate: int | None) -> Step:
    found = PREPARE.resolve(component.name)
    ours = component.name in PREPARE.names
    known = told(component, rate, "from_rate" if found is Resample else "rate") if ours else {}
    call = construct(found, component, **known)
    if ours:
        return Step(component, call, origin=_REVISION)
    theirs = is_torchvision(found)
    origin = f"torchvision {import_torchvision().__version__}" if theirs else _source(found)
    return Step(component, Foreign(component.name, call), origin)


@dataclass(frozen=True)
class Foreign:
    """A step that is not ours: it gets a tensor of its own and returns a tensor or an array."""

    name: str
    transform: Callable[[torch.Tensor], torch.Tensor | Array]

    def __call__(self, sample: Array) -> Array:
        """The transform's result; DataError where it is no array."""
        # a copy: the transform may write into it, and the sample may be a view of the source's data
        result = self.transform(torch.from_numpy(sample.copy()))
        if isinstance(result, torch.Tensor):
            result = result.numpy(force=True)
        if not isinstance(result, np.ndarray):
            what = f"{self.name} returned a {type(result).__name__}"
            raise DataError(Problem(what, mend="a prepare step returns a tensor or a NumPy array"))
        # NumPy computes in float64 unasked
        return result.astype(np.float32) if result.dtype == np.float64 else result


def _source(found: Callable[..., object]) -> str:
    """The text of the module that a user's callable stands in, since it may call others there."""
    try:
        return inspect.getsource(inspect.getmodule(found) or found)
    except (OSError, TypeError):  # compiled, or typed into a session
        return ""


def _equal(first: Array, second: Array) -> bool:
    """Equality that holds for NaN too, which floats alone have."""
    return np.array_equal(first, second, equal_nan=np.issubdtype(first.dtype, np.inexact))


def _randomness(name: str, evidence: str = "") -> Problem:
    what = f"{name} is random" + (f": {evidence}" if evidence else "")
    return Problem(what, mend="move it to augment; what prepare does is done once and kept")
