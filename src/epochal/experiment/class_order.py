"""The order of classes: the positive one last, or as a run had them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from epochal.data.manifest import Manifest, Source
from epochal.errors import ConfigError, DataError, Problem, did_you_mean


def check_positive(positive: str | None, manifest: Manifest) -> None:
    """ConfigError where ``evaluation.positive`` is not one of two classes."""
    if positive is None:
        return
    if manifest.target_kind != "class" or len(manifest.names) != 2:
        what = "a positive class is one of two classes"
        raise ConfigError(Problem(what, "evaluation.positive", "set it to null"))
    if positive not in manifest.names:
        mend = did_you_mean(positive, manifest.names)
        raise ConfigError(Problem(f"no class is called '{positive}'", "evaluation.positive", mend))


def with_positive_last(source: Source, positive: str | None) -> Source:
    """The source with the positive of its two classes last, which is what all that follows takes it for."""
    if positive is None:
        return source
    others = [name for name in source.manifest.names if name != positive]
    return _in_order(source, (*others, positive))


def with_names(source: Source, names: tuple[str, ...], where: str) -> Source:
    """The source with its targets in the order of a run's classes, labels or target columns.

    Raises DataError, naming ``where``, where it has others.
    """
    manifest = source.manifest
    if manifest.names == names:
        return source
    unknown = [name for name in manifest.names if name not in names]
    if unknown or manifest.target_kind != "class":
        what = f"its targets {list(manifest.names)} are not those of the run: {list(names)}"
        raise DataError(Problem(what, where, "rename or drop what the run does not know"))
    return _in_order(source, names)


def _in_order(source: Source, names: tuple[str, ...]) -> Source:
    """The source with its classes numbered in the order of these names, all of its own among them."""
    manifest = source.manifest
    places = np.array([names.index(name) for name in manifest.names])
    return replace(source, manifest=replace(manifest, targets=places[manifest.targets], names=names))
