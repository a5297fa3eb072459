"""The pictures of an inspection: samples of each class, and those that something is wrong with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from epochal.data.check.findings import Finding
from epochal.data.masks.read import painted
from epochal.data.sounds import sound_rate
from epochal.errors import DataError
from epochal.experiment.data import Data
from epochal.plots.samples import Row
from epochal.plots.sounds import pictured

_EACH = 8  # pictures of a class or of a fault


def of_classes(data: Data, split: str) -> Iterator[Row]:
    """Pictures of each class or label of a split, spread over its rows; of all, where there are none."""
    manifest, rows = data.source.manifest, data.split.rows(split)
    if manifest.target_kind in ("value", "none"):
        yield Row("samples", len(rows), _pictures(data, rows))
        return
    targets = manifest.targets[rows]
    for index, name in enumerate(manifest.names):
        chosen = rows[targets == index if manifest.target_kind == "class" else targets[:, index] > 0]
        yield Row(name, len(chosen), _pictures(data, chosen, index))


def _pictures(data: Data, rows: np.ndarray[Any, Any], of: int = 0) -> list[np.ndarray[Any, Any] | None]:
    places = np.unique(np.linspace(0, len(rows) - 1, min(_EACH, len(rows))).round().astype(int))
    return [_picture(data, int(row), of) for row in rows[places]]


def _picture(data: Data, row: int, of: int) -> np.ndarray[Any, Any]:
    """A picture of a prepared sample, one class of its mask painted where it has one; the first never is."""
    picture = pictured(data.source)
    assert picture is not None
    image, masks = picture(data.samples.read(row), data.prepare.rate), data.source.masks
    if data.masks is None or masks is None:
        return image
    return painted(image, np.where(data.masks[row] == of, of, 0), masks.coding.palette)


def of_findings(data: Data, findings: Sequence[Finding]) -> Iterator[Row]:
    """The first pictures of each finding; a crossed field stands for a file that can't be read."""
    rows = {name: row for row, name in enumerate(data.source.manifest.filenames)}
    for finding in findings:
        names = list(dict.fromkeys(finding.filenames))[:_EACH]
        if names:
            images = [_raw(data, rows[name]) if name in rows else None for name in names]
            captions = [name.rsplit("/", 1)[-1] for name in names]
            yield Row(f"{finding.severity}: {finding.what}", finding.count, images, captions)


def _raw(data: Data, row: int) -> np.ndarray[Any, Any] | None:
    picture = pictured(data.source)
    assert picture is not None
    try:
        return picture(data.source.read(row), sound_rate(data.source))
    except DataError:  # broken since it was looked at
        return None
