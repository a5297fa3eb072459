"""The inputs of a sample beside its first one: measured on the training split, and normalised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from epochal.data.cache import to_unit
from epochal.data.manifest import COLUMNS, Array

Moments = tuple[tuple[float, ...], tuple[float, ...]]
"""Means and standard deviations, one a feature or channel; none of whole numbers, which are names."""


@dataclass(frozen=True)
class Others:
    """How inputs become what a network takes.

    moments: of each by its name. cardinalities: of ``columns``, 0 for each that is a number; those of codes
    stay as they are.
    """

    moments: Mapping[str, Moments]
    cardinalities: Sequence[int] = ()

    def __call__(self, name: str, values: Array) -> Tensor:
        """Values [N, ...] of one input: floats standardised, bytes as images, whole numbers as int64."""
        if _is_whole(values):
            return torch.from_numpy(values.astype(np.int64))
        tensor = torch.from_numpy(to_unit(values))
        shift, scale = (torch.tensor(each) for each in self.moments[name])
        if name == COLUMNS and any(self.cardinalities):
            codes = torch.tensor(self.cardinalities) > 0
            shift, scale = torch.where(codes, 0.0, shift), torch.where(codes, 1.0, scale)
        scale = torch.where(scale >= torch.finfo(scale.dtype).tiny, scale, 1.0)
        view = (1, -1, *[1] * (tensor.ndim - 2))
        return (tensor - shift.view(view)) / scale.view(view)


def measure_others(others: Mapping[str, Array], rows: Array) -> dict[str, Moments]:
    """The moments of each input [N, F] or [N, C, ...] over these rows alone."""
    found: dict[str, Moments] = {}
    for name, values in others.items():
        mean: tuple[float, ...] = ()
        std: tuple[float, ...] = ()
        if not _is_whole(values):
            some = to_unit(values[rows]).astype(np.float64)
            axes = tuple(axis for axis in range(some.ndim) if axis != 1)
            mean, std = tuple(some.mean(axis=axes).tolist()), tuple(some.std(axis=axes).tolist())
        found[name] = (mean, std)
    return found


def _is_whole(values: Array) -> bool:
    """Whether these are whole numbers, as of tokens, and no bytes of an image."""
    return values.dtype.kind in "iub" and values.dtype != np.uint8
