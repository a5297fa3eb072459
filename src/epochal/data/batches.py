"""Rows of a split to batches on the training device."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from epochal.data.augment.pipeline import Augment
from epochal.data.batch import Batch
from epochal.data.buffers import Buffers
from epochal.data.cache import Samples
from epochal.data.draws import key_integer
from epochal.data.lengths import in_buckets, trimmed
from epochal.data.loader import Raw, read_batches
from epochal.data.manifest import Array, Manifest, Source
from epochal.data.statistics import Normalizer

_BLOCK_VALUES = 2**16


def epoch_order(rows: Array, seed: int, epoch: int) -> Array:
    """The order of training rows in one epoch: a permutation keyed by (seed, epoch), nothing else."""
    generator = np.random.Generator(np.random.Philox(key_integer(seed, epoch)))
    return generator.permutation(rows)


def target_tensor(manifest: Manifest, masks: Array | None = None) -> Tensor:
    """All targets as losses take them: class indices int64 [N], labels or values float32 [N, T].

    masks: the prepared ones, uint8 [N, H, W], where targets are masks.
    """
    if masks is not None:
        return torch.from_numpy(masks)
    if manifest.target_kind == "class":
        return torch.from_numpy(manifest.targets.astype(np.int64))
    return torch.from_numpy(manifest.targets.astype(np.float32))


@dataclass(frozen=True)
class Pool:
    """What the splits share: prepared samples, their targets, the normalisation, the device.

    others: normalised inputs beside the first one, by name, each [N, ...]; ``name`` is then the first one's.
    lengths: of texts, int64 [N]: tokens of each sample.
    rate: samples a second of prepared sounds.
    """

    source: Source
    samples: Samples
    targets: Tensor
    normalizer: Normalizer
    device: torch.device
    seed: int
    workers: int
    channels_last: bool
    name: str = "inputs"
    others: Mapping[str, Tensor] = field(default_factory=dict)
    lengths: Array | None = None
    rate: int | None = None
    buffers: Buffers = field(default_factory=Buffers, compare=False)


@dataclass(frozen=True)
class Batches:
    """The batches of one split.

    rows: row numbers in the manifest. augment: given for training only; with it the order is shuffled by
    (seed, epoch), of texts so that those of a batch are about equally long, and a last batch of a single
    sample, which batch normalisation can't train on, is left out of that epoch. rank, processes: of several
    processes, each takes its part of every batch; one that is left without a sample takes the batch's first,
    which then does not count.
    """

    pool: Pool
    rows: Array
    size: int
    augment: Augment | None = None
    rank: int = 0
    processes: int = 1

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

    def own_count(self, batch: int) -> int:
        """Samples of a batch that are this process's to train on."""
        start, stop = self._bounds(self.count(batch, batch + 1))
        return stop - start

    def _bounds(self, count: int) -> tuple[int, int]:
        """Where this process's part of a batch of ``count`` samples begins and ends."""
        return self.rank * count // self.processes, (self.rank + 1) * count // self.processes

    def _own(self, count: int) -> slice:
        """This process's part of a batch, never empty."""
        start, stop = self._bounds(count)
        return slice(start, stop) if stop > start else slice(0, 1)

    def order(self, epoch: int) -> list[Array]:
        """The row numbers of each batch of an epoch."""
        rows = self._rows(epoch)
        whole = [rows[first : first + self.size] for first in range(0, len(rows), self.size)]
        return whole if self._together else [batch[self._own(len(batch))] for batch in whole]

    def kept_targets(self) -> Tensor:
        """The targets of its rows as an evaluation keeps them: of masks, the pixels of each class [N, K]."""
        source = self.pool.source
        if source.masks is not None:
            return torch.from_numpy(source.manifest.targets[self.rows])
        return self.pool.targets[torch.from_numpy(self.rows)]

    def _rows(self, epoch: int) -> Array:
        """The row numbers of an epoch, in its order."""
        if self.augment is None:
            return self.rows
        seed, lengths = self.pool.seed, self.pool.lengths
        rows = epoch_order(self.rows, seed, epoch)[: self._count]
        return rows if lengths is None else in_buckets(rows, lengths, self.size, seed, epoch)

    def largest(self, count: int) -> Array:
        """So many rows of those that take the most memory: of texts the longest, else the first."""
        lengths = self.pool.lengths
        if lengths is None:
            return self.rows[:count]
        return self.rows[np.argsort(-lengths[self.rows], kind="stable")[:count]]

    def epoch(self, epoch: int = 0, start: int = 0) -> Iterator[Batch]:
        """The batches of an epoch from number ``start`` on: the same ones as without a cut before it."""
        pool = self.pool
        if pool.samples.array is not None:
            raw = self._gather(self._blocks(epoch, start))
        else:
            order = self.order(epoch)[start:]
            raw = read_batches(pool.samples, pool.targets, order, pool.seed, epoch, pool.workers)
            start = 0
        skipped = start % self._batches_at_once
        for inputs, targets, index in raw:
            block = self._finish(inputs, targets, index, epoch)
            if self.processes > 1 and self._together:
                own = self._own(len(index))
                block = block[own]
            if len(index) <= self.size:
                yield from [block][skipped:]
            else:
                starts = range(skipped * self.size, len(index), self.size)
                yield from (block[start : start + self.size] for start in starts)
            skipped = 0

    @property
    def _together(self) -> bool:
        """Whether augmentation looks at a batch as a whole, so that every process has to make all of it."""
        return self.augment is not None and not self.augment.by_sample

    @property
    def _batches_at_once(self) -> int:
        """How many batches are gathered, augmented and normalised together.

        Batches of small samples would cost more in calls than in work. Augmentation that looks at a batch
        as a whole gets one batch, and texts are padded to the longest of one.
        """
        if self._together or self.processes > 1 or self.pool.lengths is not None:
            return 1
        return max(1, _BLOCK_VALUES // (math.prod(self.pool.samples.shape) * self.size))

    def _blocks(self, epoch: int, start: int) -> Iterator[Array]:
        """The row numbers of an epoch, block by block, from the block of batch ``start`` on.

        Blocks are the same wherever an epoch is entered: vectorised functions may round a number in another
        way at another place of a tensor.
        """
        rows, size = self._rows(epoch), self._batches_at_once * self.size
        for first in range(start * self.size // size * size, len(rows), size):
            block = rows[first : first + size]
            yield block if self.processes == 1 or self._together else block[self._own(len(block))]

    def _gather(self, blocks: Iterable[Array]) -> Iterator[Raw]:
        """The samples of each block, in memory that is used again once the block is gone."""
        array, targets, buffers = self.pool.samples.array, self.pool.targets, self.pool.buffers
        assert array is not None
        last = array.ndim == 4 and array.transpose(0, 2, 3, 1).flags.c_contiguous
        data = torch.from_numpy(array.transpose(0, 2, 3, 1) if last else array)
        for rows in blocks:
            index = torch.from_numpy(rows)
            taken = buffers.take((len(rows), *data.shape[1:]), data.dtype)
            torch.index_select(data, 0, index, out=taken)
            yield taken.permute(0, 3, 1, 2) if last else taken, targets.index_select(0, index), index

    def _finish(self, inputs: Tensor, targets: Tensor, index: Tensor, epoch: int) -> Batch:
        """To the device, augmented (training only), to float and normalised; bytes as long as it goes.

        What augments spectra comes last, once they are made and normalised.
        """
        pool = self.pool
        if pool.lengths is not None:
            inputs = trimmed(inputs)  # before it is moved: its length must not have to come back
        others = {name: _moved(values[index], pool.device) for name, values in pool.others.items()}
        inputs, targets, index = (_moved(tensor, pool.device) for tensor in (inputs, targets, index))
        layout = torch.channels_last if pool.channels_last else torch.contiguous_format
        if inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=layout)
        batch = Batch(inputs, targets, index)
        if self.augment is not None:
            batch = self.augment(batch, pool.seed, epoch)
        batch = replace(batch, inputs=pool.normalizer(batch.inputs, pool.buffers))
        if self.augment is not None:
            batch = self.augment(batch, pool.seed, epoch, normalized=True)
        inputs = batch.inputs
        if inputs.ndim == 4:
            inputs = inputs.contiguous(memory_format=layout)
        targets = batch.targets.long() if batch.has_masks else batch.targets
        return Batch(inputs, targets, batch.samples, pool.name, others)


def _moved(tensor: Tensor, device: torch.device) -> Tensor:
    """On the device; a GPU copies from pinned memory while Python goes on."""
    if device.type == "cpu":
        return tensor
    return (tensor.pin_memory() if device.type == "cuda" else tensor).to(device, non_blocking=True)
