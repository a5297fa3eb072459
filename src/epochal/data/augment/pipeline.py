"""The random steps of a config as one callable on batches."""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from epochal.config.component import Component, Registry
from epochal.data.augment.foreign import PerSample, WholeBatch
from epochal.data.augment.geometry import Composed, Moving
from epochal.data.augment.mix import Cutmix, Mixup
from epochal.data.batch import Batch
from epochal.data.draws import Draws
from epochal.data.foreign import (
    check_arguments_of,
    construct,
    is_torchvision,
    torchvision_names,
    torchvision_transform,
)
from epochal.data.manifest import Kind
from epochal.data.values import to_float
from epochal.errors import ConfigError, DataError, Problem

Augmentation = Callable[[Batch, Draws], Batch]

_HERE = "epochal.data.augment"

AUGMENT = Registry(
    kind="augmentation",
    names={
        "affine": f"{_HERE}.geometry:Affine",
        "brightness": f"{_HERE}.color:Brightness",
        "brightness_contrast": f"{_HERE}.color:BrightnessContrast",
        "contrast": f"{_HERE}.color:Contrast",
        "cutmix": f"{_HERE}.mix:Cutmix",
        "erasing": f"{_HERE}.corruption:Erasing",
        "gain": f"{_HERE}.sound:Gain",
        "gaussian_noise": f"{_HERE}.corruption:GaussianNoise",
        "horizontal_flip": f"{_HERE}.geometry:HorizontalFlip",
        "mixup": f"{_HERE}.mix:Mixup",
        "noise": f"{_HERE}.sound:Noise",
        "polarity": f"{_HERE}.sound:Polarity",
        "random_crop": f"{_HERE}.crop:RandomCrop",
        "random_resized_crop": f"{_HERE}.crop:RandomResizedCrop",
        "rotation": f"{_HERE}.geometry:Rotation",
        "shear": f"{_HERE}.geometry:Shear",
        "spec_augment": f"{_HERE}.sound:SpecAugment",
        "time_shift": f"{_HERE}.sound:TimeShift",
        "token_dropout": f"{_HERE}.text:TokenDropout",
        "translation": f"{_HERE}.geometry:Translation",
        "vertical_flip": f"{_HERE}.geometry:VerticalFlip",
        "zoom": f"{_HERE}.geometry:Zoom",
    },
    fallback=torchvision_transform,
    listing=torchvision_names,
)

SUPPLIED = ("classes", "unknown")
"""Arguments that the system fills in."""

_ANY_SHAPE = {"gaussian_noise", "mixup"}
_TEXT = {"token_dropout"}
_SERIES = {"gain", "noise", "polarity", "spec_augment", "time_shift"}
_OURS_INSTEAD = {"MixUp": "mixup", "CutMix": "cutmix"}  # torchvision's work on batches with their labels


@dataclass(frozen=True)
class Augment:
    """The steps in their order; the step at position i draws from stream i + 1.

    Neighbouring motions of the plane (rotation, translation, zoom, shear, affine) of one fill are composed
    into one resampling: what two would blur twice or cut off in between is kept.
    """

    steps: tuple[Augmentation, ...] = ()

    def __call__(self, batch: Batch, seed: int, epoch: int, *, normalized: bool = False) -> Batch:
        """The batch augmented; without steps, the batch itself. May write into its inputs.

        normalized: run the steps that say they come after normalisation, by an attribute of this name, and
        no others; else the others.
        Image bytes stay bytes up to the first step that needs numbers, where they become float32 in [0, 1]:
        the results are those of converting first, in a quarter of the memory. Only random_resized_crop
        rounds to whole bytes.
        """
        draws = Draws(seed, epoch, batch.samples)
        for stream, step in self._passes:
            if getattr(step, "normalized", False) != normalized:
                continue
            if batch.inputs.dtype == torch.uint8 and not getattr(step, "takes_bytes", False):
                batch = replace(batch, inputs=to_float(batch.inputs))
            batch = step(batch, draws.of(stream))
        return batch

    @functools.cached_property
    def by_sample(self) -> bool:
        """Whether no step looks at a batch as a whole: then several batches may be augmented as one."""
        return not any(isinstance(step, WholeBatch | Mixup | Cutmix) for step in self.steps)

    @functools.cached_property
    def _passes(self) -> tuple[tuple[int, Augmentation], ...]:
        """The steps, motions composed, with their (first) streams."""
        passes: list[tuple[int, Augmentation]] = []
        motions: list[Moving] = []
        for stream, step in enumerate(self.steps, start=1):
            if isinstance(step, Moving) and motions and motions[-1].fill == step.fill:
                motions.append(step)
                passes[-1] = stream - len(motions) + 1, Composed(tuple(motions))
            else:
                motions = [step] if isinstance(step, Moving) else []
                passes.append((stream, step))
        return tuple(passes)


def check_step(component: Component) -> list[tuple[str, Problem]]:
    """What is wrong with one augmentation: pairs of (argument, problem); ConfigError for an unknown name."""
    if component.name in _OURS_INSTEAD:
        what = f"torchvision's {component.name} needs labels beside its inputs"
        return [("", Problem(what, mend=f"use '{_OURS_INSTEAD[component.name]}'"))]
    received = ("masks",) if ":" in component.name else ()
    return check_arguments_of(AUGMENT, component, (*SUPPLIED, *received))


def build_augment(
    components: Sequence[Component],
    kind: Kind,
    classes: int | None,
    unknown: int | None = None,
    *,
    masks: bool = False,
    codes: Sequence[str] = (),
) -> Augment:
    """The pipeline of these augmentations for inputs of this kind.

    classes: their number where targets are class indices, else None. unknown: of texts, the id of tokens that
    have none. masks: targets are masks. codes: features that are codes of categories, between which there is
    nothing. Raises ConfigError with all that is wrong with the components, and DataError where one of them is
    for inputs of another kind.
    """
    found = [problem for component in components for _, problem in check_step(component)]
    if codes:
        mend = "leave it out, or the categories (types: {COLUMN: ignore})"
        found += [
            Problem(
                f"{component.name} would blend codes of categories, as of '{codes[0]}'", "data.augment", mend
            )
            for component in components
            if component.name in _ANY_SHAPE
        ]
    if found:
        raise ConfigError(*found)
    mixing = [each.name for each in components if masks and each.name in _OURS_INSTEAD.values()]
    if mixing:
        what = f"{mixing[0]} blends targets, and a pixel of a mask has one class"
        raise ConfigError(
            Problem(what, "data.augment", "leave it out; erasing and random_resized_crop are near it")
        )
    return Augment(tuple(_build(component, kind, classes, unknown) for component in components))


def _build(component: Component, kind: str, classes: int | None, unknown: int | None) -> Augmentation:
    name, found = component.name, AUGMENT.resolve(component.name)
    ours, theirs = name in AUGMENT.names, is_torchvision(found)
    fitting = {"text": _TEXT, "series": _ANY_SHAPE | _SERIES}.get(kind, _ANY_SHAPE)
    misused = (name in _TEXT and kind != "text") or (name in _SERIES and kind != "series")
    if misused or (kind != "image" and (theirs or (ours and name not in fitting))):
        special = "text" if name in _TEXT else "sounds and series" if name in _SERIES else ""
        used = special or ("numbers" if name in _ANY_SHAPE else "images")
        of_kind = kind if kind in ("text", "series") else "inputs of any shape"
        mend = f"leave it out; for {of_kind} there are {', '.join(sorted(fitting))} and your own"
        raise DataError(Problem(f"{name} is for {used}; the inputs are of kind '{kind}'", mend=mend))
    step = construct(found, component, classes=classes, unknown=unknown)
    if ours:
        return step
    if theirs:
        logging.getLogger("epochal").warning(
            "augment: %s is torchvision's and runs sample by sample, slower than our own", name
        )
        return PerSample(name, step)
    return WholeBatch(name, step, with_masks="masks" in _parameters(step))


def _parameters(step: Callable[..., Any]) -> set[str]:
    try:
        return set(inspect.signature(step).parameters)
    except (TypeError, ValueError):  # builtins without a signature
        return set()
