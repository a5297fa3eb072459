"""The splits side by side: sizes, classes, targets, inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from epochal.data.check.files import FileFacts
from epochal.data.check.sounds import SoundFacts
from epochal.data.check.texts import TextFacts
from epochal.data.manifest import Array, Manifest
from epochal.data.statistics import Statistics


@dataclass(frozen=True)
class SplitSummary:
    """One split.

    counts: samples of each class or label; of masks, those where it occurs. pixels: the share of each class
    among the pixels of masks, before they are prepared. target_*: of each target column. groups: how many,
    or None. inputs: mean, std, minimum and maximum of each channel or feature. image_sizes: the smallest,
    median and largest height and width of image files, ``[[h, w], [h, w], [h, w]]``, in pixels. texts: of
    texts, as ``TextFacts.summary`` has it. seconds: the shortest, median and longest of sound files. rates:
    of sound files, samples a second as text -> how many have it.
    """

    samples: int
    counts: dict[str, int]
    target_mean: dict[str, float]
    target_std: dict[str, float]
    groups: int | None = None
    inputs: dict[str, list[float]] | None = None
    image_sizes: list[list[int]] | None = None
    pixels: dict[str, float] | None = None
    texts: dict[str, float] | None = None
    seconds: list[float] | None = None
    rates: dict[str, int] | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values, without what does not apply."""
        return {key: value for key, value in asdict(self).items() if value not in (None, {})}


def summarise(
    manifest: Manifest,
    rows: Array,
    statistics: Statistics | None = None,
    facts: FileFacts | SoundFacts | None = None,
    texts: TextFacts | None = None,
) -> SplitSummary:
    """The summary of these rows; statistics: of their prepared samples. facts, texts: of all samples."""
    targets = manifest.targets[rows]
    counts: list[int] = []
    mean: list[float] = []
    std: list[float] = []
    shares: dict[str, float] | None = None
    if manifest.target_kind == "class":
        counts = np.bincount(targets, minlength=len(manifest.names)).tolist()
    elif manifest.target_kind == "labels":
        counts = targets.sum(axis=0, dtype=int).tolist()
    elif manifest.target_kind == "mask":
        counts = np.count_nonzero(targets, axis=0).tolist()
        pixels = targets.sum(axis=0) / max(1, targets.sum())
        shares = dict(zip(manifest.names, pixels.tolist(), strict=True))
    elif len(rows):
        mean, std = targets.mean(axis=0).tolist(), targets.std(axis=0).tolist()
    inputs = None
    if statistics is not None and texts is None:  # ids are names, which have no mean
        inputs = {name: list(getattr(statistics, name)) for name in ("mean", "std", "minimum", "maximum")}
    return SplitSummary(
        samples=len(rows),
        counts=dict(zip(manifest.names, counts, strict=False)),
        target_mean=dict(zip(manifest.names, mean, strict=False)),
        target_std=dict(zip(manifest.names, std, strict=False)),
        groups=None if manifest.groups is None else manifest.groups.gather(rows).n_unique(),
        inputs=inputs,
        image_sizes=_sizes(facts.size[rows]) if isinstance(facts, FileFacts) and len(rows) else None,
        pixels=shares,
        texts=None if texts is None or not len(rows) else texts.summary(rows),
        **_durations(facts[rows]) if isinstance(facts, SoundFacts) and len(rows) else {},
    )


def _durations(facts: SoundFacts) -> dict[str, Any]:
    seconds = facts.seconds
    picks = (seconds.min(), np.median(seconds), seconds.max())
    rates = {str(rate): count for rate, count in sorted(Counter(facts.rate.tolist()).items())}
    return {"seconds": [round(float(pick), 3) for pick in picks], "rates": rates}


def _sizes(sizes: Array) -> list[list[int]]:
    middle: Callable[..., Array] = np.median
    picks = (sizes.min(axis=0), middle(sizes, axis=0), sizes.max(axis=0))
    return [[int(side) for side in pick] for pick in picks]
