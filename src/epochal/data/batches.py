"""Rows of a split to batches on the training device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from epochal.data.augment.pipeline import Augment
from epochal.data.batch import Batch
from epochal.data.cache import Samples
from epochal.data.draws import key_integer
from epochal.data.loader import Raw, read_batches
from epochal.data.manifest import Array, Manifest, Source
from epochal.data.statistics import Normalizer


def epoch_order(rows: Array, seed: int, epoch: int) -> Array:
    """The order of training rows in one epoch: a permutation keyed by (seed, epoch), nothing else."""
    generator = np.random.Generator(np.random.Philox(key_integer(seed, epoch)))
    return generator.permutation(rows)


def target_tensor(manifest: Manifest) -> Tensor:
    """All targets as losses take them: class indices int64 [N], labels or values float32 [N, T]."""
    if manifest.target_kind == "class":
        return torch.from_numpy(manifest.targets.astype(np.int64))
    return torch.from_numpy(manifest.targets.astype(np.float32))


@dataclass(frozen=True)
class Pool:
    """What the splits share: prepared samples, their targets, the normalisation, the device."""

    source: Source
    samples: Samples
    targets: Tensor
    normalizer: Normalizer
    device: torch.device
    seed: int
    workers: int
    channels_last: bool


@dataclass(frozen=True)
class Batches:
    """The batches of one split.

    rows: row numbers in the manifest. augment: given for training only; with it the order is shuffled by
    (seed, epoch), and a last batch of a single sample, which batch normalisation can't train on, is left
    out of that epoch.
    """

    pool: Pool
    rows: Array
    size: int
    augment: Augment | None = None

    def __len__(self) -> int:
        return -(-self._count // self.size)

    @property
    def _count(self) -> int:
        """Samples of an epoch."""
        count = len(self.rows)
        leaves_one = self.augment is not None and count > self.size and count % self.size == 1
        return count - leaves_one

    def count(self, start: int, stop: int) -> int:
        """Samples in the batches ``start`` to ``stop - 1`` of an epoch."""
        return min(stop * self.size, self._count) - start * self.size

    def order(self, epoch: int) -> list[Array]:
        """The row numbers of each batch of an epoch."""
        rows = self.rows if self.augment is None else epoch_order(self.rows, self.pool.seed, epoch)
        return [rows[index * self.size : (index + 1) * self.size] for index in range(len(self))]

    def epoch(self, epoch: int = 0, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number ``start`` on: the same ones as without a cut before it."""
        pool = self.pool
        order = self.order(epoch)[start:]
        if pool.samples.array is not None:
            data = torch.from_numpy(pool.samples.array)
            indices = (torch.from_numpy(rows) for rows in order)
            raw: Iterator[Raw] = ((data[index], pool.targets[index], index) for index in indices)
        else:
            raw = read_batches(pool.samples, pool.targets, order, pool.seed, epoch, pool.workers)
        for inputs, targets, index in raw:
            yield self._finish(inputs, targets, index, epoch)

    def _finish(self, inputs: Tensor, targets: Tensor, index: Tensor, epoch: int) -> Batch:
        """To the device, to float, augmented (training only) and normalised."""
        pool = self.pool
        inputs = to_float(inputs.to(pool.device, non_blocking=True))
        targets = targets.to(pool.device, non_blocking=True)
        batch = Batch(inputs, targets, index.to(pool.device, non_blocking=True))
        if self.augment is not None:
            batch = self.augment(batch, pool.seed, epoch)
        inputs = pool.normalizer(batch.inputs)
        if pool.channels_last and inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        return Batch(inputs, batch.targets, batch.samples)


def to_float(inputs: Tensor) -> Tensor:
    """Image bytes to float32 in [0, 1]; the same numbers as ``cache.to_unit`` gives."""
    if inputs.dtype == torch.uint8:
        return inputs.float() * float(np.float32(1 / 255))
    if inputs.is_floating_point():
        return inputs.float()
    return inputs
