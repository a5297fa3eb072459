"""The slow lane: samples that must be made anew each time go through a DataLoader.

What a sample's code draws from the global generators is keyed by (seed, epoch, row), so batches do not
depend on the number of workers, and training's own generators are left as they were.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from epochal.data.cache import Samples, to_unit
from epochal.data.manifest import Array
from epochal.errors import EpochalError

Raw = tuple[Tensor, Tensor, Tensor]
_Item = tuple[Array | EpochalError, int]


def read_batches(
    samples: Samples, targets: Tensor, order: Sequence[Array], seed: int, epoch: int, workers: int
) -> Iterator[Raw]:
    """(inputs, targets, row numbers) of each batch in ``order``; inputs as prepared, on the CPU.

    Raises the DataError of the first sample of a batch that can't be read.
    """
    if not order:
        return
    loader: DataLoader[Any] = DataLoader(
        _KeyedSamples(samples, seed, epoch),
        batch_sampler=[rows.tolist() for rows in order],
        num_workers=workers,
        collate_fn=_collate,
        worker_init_fn=_leave_interruption,
        generator=torch.Generator(),  # otherwise iterating draws from the global generator
        prefetch_factor=4 if workers else None,
    )
    with _blocked_signals():
        batches = iter(loader)
    try:
        for inputs, rows in batches:
            if isinstance(inputs, EpochalError):
                raise inputs
            yield inputs, targets[rows], rows
    finally:
        if workers:  # an error's traceback keeps them, and they do not heed the SIGTERM at the process's end
            batches._shutdown_workers()  # type: ignore[attr-defined]


@dataclass(frozen=True)
class _KeyedSamples(Dataset[_Item]):
    samples: Samples
    seed: int
    epoch: int

    def __getitem__(self, row: int) -> _Item:
        try:
            return self.samples.read_keyed(row, self.seed, self.epoch), row
        except EpochalError as error:  # raised in a worker, it would come with the worker's traceback
            return error, row


def _collate(items: list[_Item]) -> tuple[Tensor | EpochalError, Tensor]:
    """Samples as one tensor, or the first error among them."""
    rows = torch.tensor([row for _, row in items])
    arrays: list[Array] = []
    for sample, _ in items:
        if isinstance(sample, EpochalError):
            return sample, rows
        arrays.append(sample)
    return torch.from_numpy(stack_samples(arrays)), rows


def stack_samples(samples: Sequence[Array]) -> Array:
    """Samples as one array [B, *shape]; where their types are mixed, bytes become floats in [0, 1] first."""
    if len({sample.dtype for sample in samples}) > 1:
        return np.stack([to_unit(sample) for sample in samples])
    return np.stack(samples)


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


@contextmanager
def _blocked_signals() -> Iterator[None]:
    """Signals wait until the block ends; workers that start in it are never without protection from them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_interruption(worker: int) -> None:  # noqa: ARG001 (DataLoader's signature)
    """Ctrl-C goes to every process of a terminal, and a cluster's signals to every process of a job.

    The training process alone decides when to stop, and needs its workers until then; they end with it.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
