"""The deterministic part that whole batches go through on the training device, such as a spectrogram."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from epochal.config.component import Component, Registry
from epochal.data.foreign import check_arguments_of, construct, told
from epochal.errors import ConfigError, DataError, Problem

TRANSFORMS = Registry(
    kind="transform",
    names={
        "log_mel": "epochal.data.spectra:LogMel",
        "mfcc": "epochal.data.spectra:Mfcc",
        "spectrogram": "epochal.data.spectra:Spectrogram",
    },
)
"""Functions of batches by name: classes whose instances take [B, ...] and return [B, ...]."""


@dataclass(frozen=True)
class Transform:
    """The steps in their order, between augmentation and normalisation; the same for every split."""

    steps: tuple[tuple[str, Callable[[Tensor], Tensor]], ...] = ()

    def __call__(self, inputs: Tensor) -> Tensor:
        """Floats [B, ...] to floats [B, ...]; without steps, the inputs themselves."""
        for name, step in self.steps:
            result = step(inputs)
            if not isinstance(result, Tensor) or len(result) != len(inputs):
                what = f"{name} gave {_words(result)} for a batch {list(inputs.shape)}"
                raise DataError(Problem(what, "data.transform", "it returns a tensor with a row a sample"))
            inputs = result
        return inputs

    def shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """What a sample of this shape becomes."""
        return self._shapes(shape) if self.steps else shape

    @functools.cache  # noqa: B019 (one of a run, asked for one shape)
    def _shapes(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        with torch.no_grad():
            return tuple(self(torch.zeros(1, *shape)).shape[1:])


def check_transform(component: Component) -> list[tuple[str, Problem]]:
    """What is wrong with one step: pairs of (argument, problem); ConfigError where its name is unknown."""
    return check_arguments_of(TRANSFORMS, component)


def build_transform(components: Sequence[Component], rate: int | None = None) -> Transform:
    """The pipeline of these steps; ConfigError with all that is wrong with them.

    rate: samples a second of sounds, told to each step of ours that is not given it.
    """
    found = [problem for component in components for _, problem in check_transform(component)]
    if found:
        raise ConfigError(*found)
    return Transform(tuple((component.name, _step(component, rate)) for component in components))


def _step(component: Component, rate: int | None) -> Callable[[Tensor], Tensor]:
    known = told(component, rate) if component.name in TRANSFORMS.names else {}
    return construct(TRANSFORMS.resolve(component.name), component, **known)


def _words(result: object) -> str:
    return str(list(result.shape)) if isinstance(result, Tensor) else f"a {type(result).__name__}"
