"""Rows of a split to batches on the training device."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
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

_BLOCK_VALUES = 2**16


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
        if pool.samples.array is not None:
            raw = self._gather(self._blocks(epoch, start))
        else:
            order = self.order(epoch)[start:]
            raw = read_batches(pool.samples, pool.targets, order, pool.seed, epoch, pool.workers)
        for inputs, targets, index in raw:
            block = self._finish(inputs, targets, index, epoch)
            if len(index) <= self.size:
                yield block
            else:
                parts = (
                    torch.split(part, self.size) for part in (block.inputs, block.targets, block.samples)
                )
                yield from map(Batch, *parts)

    def _blocks(self, epoch: int, start: int) -> Iterator[Array]:
        """The row numbers of an epoch from a batch on, as many batches at once as cost little memory.

        Small samples are gathered, converted and normalised many batches at a time: their batches would
        cost more in calls than in work. Augmentation may look at a batch as a whole, and gets one batch.
        """
        pool = self.pool
        rows = self.rows if self.augment is None else epoch_order(self.rows, pool.seed, epoch)
        rows = rows[: self._count]
        batches = 1
        if self.augment is None or not self.augment.steps:
            batches = max(1, _BLOCK_VALUES // (math.prod(pool.samples.shape) * self.size))
        for first in range(start * self.size, len(rows), batches * self.size):
            yield rows[first : first + batches * self.size]

    def _gather(self, blocks: Iterable[Array]) -> Iterator[Raw]:
        data, targets = torch.from_numpy(self.pool.samples.array), self.pool.targets
        for rows in blocks:
            index = torch.from_numpy(rows)
            yield data.index_select(0, index), targets.index_select(0, index), index

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
