"""Inspect: the data of a configuration as training would see it; nothing is trained."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from epochal.console import Console
from epochal.data.manifest import Manifest
from epochal.data.statistics import Statistics
from epochal.experiment.config import located, read_experiment
from epochal.experiment.data import Data, assemble_data


@dataclass(frozen=True)
class SplitSummary:
    """One split. counts: samples of each class or label. target_*: of each target column."""

    samples: int
    counts: dict[str, int]
    target_mean: dict[str, float]
    target_std: dict[str, float]


@dataclass(frozen=True)
class Inspection:
    """What the data holds.

    kind: image, vector or tensor. shape: of a prepared sample. dtype: it is kept in.
    splits: by name. training: statistics of the training split, which normalisation uses.
    features: names of the columns of a vector.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    dtype: str
    samples: int
    groups: int | None
    split_origin: str
    splits: dict[str, SplitSummary]
    training: Statistics
    features: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def inspect(config: str | Path | Mapping[str, Any], *overrides: str, quiet: bool = False) -> Inspection:
    """Read, split and prepare the data of a configuration, and describe it.

    Raises ConfigError and DataError as ``train`` would.
    """
    with ExitStack() as stack:
        console = stack.enter_context(Console(quiet=quiet).messages())
        experiment, text = read_experiment(config, overrides)
        with located(text):
            return _describe(experiment.name, assemble_data(experiment, console))


def _describe(name: str, data: Data) -> Inspection:
    manifest = data.source.manifest
    return Inspection(
        name=name,
        kind=data.source.kind,
        shape=data.samples.shape,
        dtype=str(data.samples.dtype),
        samples=len(manifest),
        groups=manifest.groups.n_unique() if manifest.groups is not None else None,
        split_origin=data.split.origin,
        splits={split: _summary(manifest, data.split.rows(split)) for split in data.split.names()},
        training=data.statistics,
        features=data.source.features,
    )


def _summary(manifest: Manifest, rows: np.ndarray[Any, Any]) -> SplitSummary:
    targets = manifest.targets[rows]
    counts: list[int] = []
    mean: list[float] = []
    std: list[float] = []
    if manifest.target_kind == "class":
        counts = np.bincount(targets, minlength=len(manifest.names)).tolist()
    elif manifest.target_kind == "labels":
        counts = targets.sum(axis=0, dtype=int).tolist()
    elif len(rows):
        mean, std = targets.mean(axis=0).tolist(), targets.std(axis=0).tolist()
    return SplitSummary(
        samples=len(rows),
        counts=dict(zip(manifest.names, counts, strict=False)),
        target_mean=dict(zip(manifest.names, mean, strict=False)),
        target_std=dict(zip(manifest.names, std, strict=False)),
    )
