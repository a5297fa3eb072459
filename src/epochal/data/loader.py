"""The slow lane: samples that must be made anew each time go through a DataLoader.

What a sample's code draws from the global generators is keyed by (seed, epoch, row), so batches do not
depend on the number of workers, and training's own generators are left as they were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from epochal.data.draws import key_integer
from epochal.data.foreign import forked_generators
from epochal.data.manifest import Array, Source
from epochal.data.prepare import Prepare

Raw = tuple[Tensor, Tensor, Tensor]


def read_batches(
    source: Source,
    prepare: Prepare,
    targets: Tensor,
    order: Sequence[Array],
    seed: int,
    epoch: int,
    workers: int,
) -> Iterator[Raw]:
    """(inputs, targets, row numbers) of each batch in ``order``; inputs as prepared, on the CPU."""
    if not order:
        return
    loader: DataLoader[Any] = DataLoader(
        _KeyedSamples(source, prepare, seed, epoch),
        batch_sampler=[rows.tolist() for rows in order],
        num_workers=workers,
        generator=torch.Generator(),  # otherwise iterating draws from the global generator
        prefetch_factor=4 if workers else None,
    )
    for inputs, rows in loader:
        yield inputs, targets[rows], rows


@dataclass(frozen=True)
class _KeyedSamples(Dataset[tuple[Tensor, int]]):
    source: Source
    prepare: Prepare
    seed: int
    epoch: int

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        with forked_generators() as seed:
            seed(key_integer(self.seed, self.epoch, row))
            sample = self.prepare(self.source.read(row))
        return torch.from_numpy(np.ascontiguousarray(sample)), row
