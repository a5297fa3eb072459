"""Statistics of the training split, and the normalisation that they give."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from epochal.data.buffers import Buffers
from epochal.data.cache import Samples, to_unit
from epochal.data.config import Constants, DataConfig
from epochal.data.loader import stack_samples
from epochal.data.manifest import Array, Kind, Manifest, TargetKind
from epochal.data.others import Moments
from epochal.data.transform import Transform, build_transform
from epochal.data.values import normalize_, to_float
from epochal.errors import DataError, Problem

_CHUNK = 1 << 22  # values that are looked at together


@dataclass(frozen=True)
class Statistics:
    """Of the training split alone.

    count: samples. mean, std, minimum, maximum: one number a channel (images, series), a feature (vectors) or
    in all (other shapes), of what ``data.transform`` gives; image values in [0, 1]. std is the population's
    (divided by n).
    target_counts: samples of each class or label, pixels of each class of masks; empty for values.
    target_mean, target_std: of each target column; empty unless targets are values.
    others: of the inputs beside the first one, by name; empty without them.
    """

    count: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    minimum: tuple[float, ...]
    maximum: tuple[float, ...]
    target_counts: tuple[int, ...] = ()
    target_mean: tuple[float, ...] = ()
    target_std: tuple[float, ...] = ()
    others: Mapping[str, Moments] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain lists and numbers."""
        return {
            key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Statistics:
        """Read back what ``to_json`` gave."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in value.items()}
        others = fields.get("others", {})
        fields["others"] = {name: (tuple(mean), tuple(std)) for name, (mean, std) in others.items()}
        return cls(**fields)


def measure(
    samples: Samples,
    manifest: Manifest,
    rows: Array,
    kind: Kind = "image",
    transform: Transform = Transform(),  # noqa: B008 (immutable)
) -> Statistics:
    """The statistics of these rows; nothing else is looked at."""
    if kind == "text":  # numbers of tokens are names, not amounts
        inputs: _InputMoments = ((0.0,), (1.0,), (0.0,), (1.0,))
    else:
        found = None if transform.steps else _measure_bytes(samples, rows)
        inputs = found or _measure_floats(samples, rows, kind, transform)
    targets = manifest.targets[rows]
    if manifest.target_kind == "class":
        counts = np.bincount(targets, minlength=len(manifest.names))
        return Statistics(len(rows), *inputs, target_counts=tuple(counts.tolist()))
    if manifest.target_kind in ("labels", "mask"):
        return Statistics(len(rows), *inputs, target_counts=tuple(targets.sum(axis=0, dtype=int).tolist()))
    mean, std = targets.mean(axis=0, dtype=np.float64), targets.std(axis=0, dtype=np.float64)
    return Statistics(len(rows), *inputs, target_mean=tuple(mean.tolist()), target_std=tuple(std.tolist()))


def targets_like(statistics: Statistics, kind: TargetKind) -> Array:
    """Targets with the counts of the training split, in another order: enough to weigh a loss by them.

    ``class``: int64 [N]; ``labels``: uint8 [N, L]; ``value``: float32 [0, T], by which no loss is weighed;
    ``mask``: int64 [1, K], pixels of each class.
    """
    counts = np.array(statistics.target_counts, np.int64)
    if kind == "class":
        return np.repeat(np.arange(len(counts)), counts)
    if kind == "mask":
        return counts[None]
    if kind == "labels":
        return (np.arange(statistics.count)[:, None] < counts).astype(np.uint8)
    return np.zeros((0, len(statistics.target_mean)), np.float32)


_InputMoments = tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...], tuple[float, ...]]


def _measure_bytes(samples: Samples, rows: Array) -> _InputMoments | None:
    """Moments from exact counts of the 256 byte values; None unless the samples are images of bytes alone.

    Nothing is rounded before the last division, so a constant channel has a std of exactly 0.
    """
    if samples.dtype != np.uint8 or len(samples.shape) != 3:
        return None
    counts = np.zeros((samples.shape[0], 256), np.int64)
    for images in _blocks(samples, rows):
        if images.dtype != np.uint8:
            return None
        counts += _histograms(images)
    values = np.arange(256)
    total = counts.sum(axis=1)
    mean = counts @ values / total
    std = np.sqrt((counts * (values - mean[:, None]) ** 2).sum(axis=1) / total)
    present = [values[row > 0] for row in counts]
    low, high = np.array([row.min() for row in present]), np.array([row.max() for row in present])
    return _moments(mean / 255, std / 255, low / 255, high / 255)


def _histograms(images: Array) -> Array:
    """How often each byte stands in each channel of images [B, C, H, W]: int64 [C, 256]."""
    channels, width = images.shape[1], images.shape[3]
    planes: list[Array]
    if channels == 3:
        planes = [np.ascontiguousarray(images.transpose(0, 2, 3, 1)).reshape(-1, width, 3)]
    else:
        planes = [np.ascontiguousarray(images[:, channel]).reshape(-1, width) for channel in range(channels)]
    found = [Image.fromarray(plane).histogram() for plane in planes]
    return np.array(found, np.int64).reshape(channels, 256)


def _measure_floats(samples: Samples, rows: Array, kind: Kind, transform: Transform) -> _InputMoments:
    """Moments of channels or features, joined chunk by chunk (Chan, Golub & LeVeque 1979)."""
    count = 0
    mean = squares = low = high = np.zeros(1)
    for block in _blocks(samples, rows):
        block = to_unit(block)
        if transform.steps:
            with torch.no_grad():
                block = transform(torch.from_numpy(np.ascontiguousarray(block))).numpy()
        values = _by_channel(block.astype(np.float64), kind)
        n, m = len(values), values.mean(axis=0)
        s = ((values - m) ** 2).sum(axis=0)
        if count == 0:
            mean, squares, low, high = m, s, values.min(axis=0), values.max(axis=0)
        else:
            delta = m - mean
            mean = mean + delta * n / (count + n)
            squares = squares + s + delta**2 * count * n / (count + n)
            low, high = np.minimum(low, values.min(axis=0)), np.maximum(high, values.max(axis=0))
        count += n
    return _moments(mean, np.sqrt(squares / count), low, high)


def _moments(mean: Array, std: Array, low: Array, high: Array) -> _InputMoments:
    return tuple(mean.tolist()), tuple(std.tolist()), tuple(low.tolist()), tuple(high.tolist())


def _has_channels(kind: Kind, shape: tuple[int, ...]) -> bool:
    """Whether the first dimension of a sample is one of channels, which are normalised one by one."""
    return len(shape) == 3 or (kind == "series" and len(shape) == 2)


def _by_channel(block: Array, kind: Kind) -> Array:
    """Values of a block of samples [B, ...] as a table with one column a channel or feature."""
    if _has_channels(kind, block.shape[1:]):
        return np.moveaxis(block, 1, -1).reshape(-1, block.shape[1])
    return block if block.ndim == 2 else block.reshape(-1, 1)


def _blocks(samples: Samples, rows: Array) -> Iterator[Array]:
    """The samples of these rows, [B, *shape], in blocks that fit well into memory."""
    size = max(1, _CHUNK // max(1, math.prod(samples.shape)))
    for start in range(0, len(rows), size):
        chunk = rows[start : start + size]
        if samples.array is not None:
            yield samples.array[chunk]
        else:
            yield stack_samples([samples.read_keyed(row) for row in chunk.tolist()])


@dataclass(frozen=True)
class Normalizer:
    """(x - shift) / scale, on inputs in the units of the statistics, once they are transformed.

    shift, scale: float32, [C, 1, 1] for images, [C, 1] for series, [F] for vectors, [1] otherwise.
    transform: what ``data.transform`` asks for.
    """

    shift: Tensor
    scale: Tensor
    transform: Transform = field(default_factory=Transform)

    def __call__(self, inputs: Tensor, buffers: Buffers | None = None) -> Tensor:
        """Normalise a batch [B, ...] of image bytes or floats; what is neither (token ids) passes as it is.

        buffers: memory for the result of bytes; where it is given, floats are written into.
        """
        if self.transform.steps:
            inputs = self.transform(to_float(inputs))
        elif inputs.dtype != torch.uint8:
            if not inputs.is_floating_point():
                return inputs
            inputs = inputs.float() if buffers is not None else inputs.to(torch.float32, copy=True)
        return normalize_(inputs, self.shift, self.scale, buffers)

    def invert(self, inputs: Tensor) -> Tensor:
        """From normalised inputs back to the units of the statistics, for pictures."""
        return inputs * self.scale + self.shift

    def to(self, device: torch.device) -> Normalizer:
        """The same on another device."""
        return replace(self, shift=self.shift.to(device), scale=self.scale.to(device))


def build_normalizer(
    config: DataConfig,
    statistics: Statistics,
    shape: tuple[int, ...],
    kind: Kind = "image",
    cardinalities: Sequence[int] = (),
    rate: int | None = None,
) -> Normalizer:
    """The normalisation that the configuration asks for; constant channels are only shifted.

    shape: of a transformed sample. cardinalities: of columns, 0 where they are numbers; others hold codes,
    which stay as they are. rate: samples a second of prepared sounds.
    """
    transform = build_transform(config.transform, rate)
    if isinstance(config.normalize, Constants):
        shift, scale = list(config.normalize.mean), list(config.normalize.std)
        for name, values in (("mean", shift), ("std", scale)):
            if len(values) not in (1, len(statistics.mean)):
                raise DataError(
                    Problem(
                        f"{name} has {len(values)} numbers, the samples have {len(statistics.mean)} channels",
                        where="data.normalize",
                        mend="write one number, or one a channel",
                    )
                )
    elif config.normalize == "standard":
        shift, scale = list(statistics.mean), list(statistics.std)
    elif config.normalize == "minmax":
        shift = list(statistics.minimum)
        scale = [high - low for low, high in zip(statistics.minimum, statistics.maximum, strict=True)]
    else:
        shift, scale = [0.0], [1.0]
    if any(cardinalities):
        shift, scale = _only_numbers(shift, cardinalities, 0.0), _only_numbers(scale, cardinalities, 1.0)
    view = (-1, *[1] * (len(shape) - 1)) if _has_channels(kind, shape) else (-1,)
    scales = torch.tensor(scale).reshape(view)
    # a spread that float32 can't divide by is none; a small one, as of farads or coulombs, is one
    scales = torch.where(scales >= torch.finfo(scales.dtype).tiny, scales, 1.0)
    return Normalizer(torch.tensor(shift).reshape(view), scales, transform)


def _only_numbers(values: list[float], cardinalities: Sequence[int], neutral: float) -> list[float]:
    """One value a column, neutral where the column holds codes."""
    every = values * len(cardinalities) if len(values) == 1 else values
    return [neutral if codes else value for value, codes in zip(every, cardinalities, strict=True)]
