"""The slow lane: samples that must be made anew each time go through a DataLoader.

What a sample's code draws from the global generators is keyed by (seed, epoch, row), so batches do not
depend on the number of workers, and training's own generators are left as they were.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from epochal.data.draws import key_integer
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


@contextmanager
def keyed_generators(key: int) -> Iterator[None]:
    """Python's, NumPy's and torch's global generators seeded by a key inside, as before outside."""
    python_state, numpy_state, torch_state = random.getstate(), np.random.get_state(), torch.get_rng_state()
    random.seed(key)
    np.random.seed(key % 2**32)
    torch.default_generator.manual_seed(key)
    try:
        yield
    finally:
        random.setstate(python_state)
        np.random.set_state(numpy_state)
        torch.set_rng_state(torch_state)


@dataclass(frozen=True)
class _KeyedSamples(Dataset[tuple[Tensor, int]]):
    source: Source
    prepare: Prepare
    seed: int
    epoch: int

    def __getitem__(self, row: int) -> tuple[Tensor, int]:
        with keyed_generators(key_integer(self.seed, self.epoch, row)):
            sample = self.prepare(self.source.read(row))
        return torch.from_numpy(np.ascontiguousarray(sample)), row
