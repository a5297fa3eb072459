"""Series [T, C] of steps as samples [C, T] of one length."""

from __future__ import annotations

from typing import Literal

import numpy as np

from epochal.data.manifest import Array

Missing = Literal["refuse", "interpolate"]
"""What is done about missing values."""


def fill_missing(values: Array, missing: Missing) -> Array:
    """Steps [T, C] with NaN interpolated in each channel, at the ends by the nearest; a copy if any is.

    A channel of NaN alone stays so, and so does every one under ``refuse``.
    """
    gaps = np.isnan(values)
    if missing == "refuse" or not gaps.any():
        return values
    filled, steps = values.copy(), np.arange(len(values))
    for channel in np.flatnonzero(gaps.any(axis=0) & ~gaps.all(axis=0)):
        gap = gaps[:, channel]
        filled[gap, channel] = np.interp(steps[gap], steps[~gap], values[~gap, channel])
    return filled


def fitted(values: Array, length: int) -> Array:
    """Steps [T, C] as float32 [C, length]: the last ones, or the first value repeated before all."""
    kept = values[-length:].T.astype(np.float32, copy=False)
    return np.pad(kept, ((0, 0), (length - kept.shape[1], 0)), mode="edge")


def made_even(lengths: Array, length: int) -> list[str]:
    """What was done to series of these lengths, in a line; none where nothing was."""
    shorter, longer = int((lengths < length).sum()), int((lengths > length).sum())
    if not shorter and not longer:
        return []
    return [
        f"series of {lengths.min()} to {lengths.max()} steps (median {np.median(lengths):g}), made {length}: "
        f"{shorter:,} filled up in front, {longer:,} cut"
    ]
