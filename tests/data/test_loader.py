from __future__ import annotations

import multiprocessing
import os
import random
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from epochal.console import Console
from epochal.data.cache import Samples, prepare_samples, to_unit
from epochal.data.loader import read_batches
from epochal.data.manifest import Array
from epochal.data.prepare import Prepare
from epochal.data.sources.dataset import from_dataset
from epochal.errors import DataError

ORDER = [np.array([4, 1, 7]), np.array([0, 2, 6]), np.array([5])]
TARGETS = torch.arange(8) * 10

Read = list[tuple[Tensor, Tensor, Tensor]]


class Noisy(Dataset[Any]):
    """Draws from every global generator; the row ``broken`` can't be read."""

    broken = -1

    def __len__(self) -> int:
        return 8

    def __getitem__(self, row: int) -> Any:
        if row == self.broken:
            raise OSError("the disk is gone")
        drawn = torch.rand(3) + random.random() + torch.from_numpy(np.random.rand(3))
        return row + drawn, row % 2


def samples_of(dataset: Noisy, tmp_path: Path) -> Samples:
    source = from_dataset(dataset, target_kind="class", name="project.data:Noisy")
    return prepare_samples(source, Prepare(), "auto", tmp_path, Console(quiet=True))


def read(samples: Samples, workers: int, seed: int = 3, epoch: int = 1) -> Read:
    return list(read_batches(samples, TARGETS, ORDER, seed, epoch, workers))


def same(one: Read, other: Read) -> bool:
    return all(
        torch.equal(left, right)
        for batch, another in zip(one, other, strict=True)
        for left, right in zip(batch, another, strict=True)
    )


def made_of(read: Any, dtype: Any = np.float32) -> Samples:
    return Samples((1,), np.dtype(dtype), None, read)


@pytest.fixture
def noisy(tmp_path: Path) -> Samples:
    return samples_of(Noisy(), tmp_path)


def test_a_random_dataset_gives_the_same_batches_with_and_without_workers(noisy: Samples) -> None:
    alone, helped = read(noisy, workers=0), read(noisy, workers=2)
    assert [rows.tolist() for _, _, rows in alone] == [rows.tolist() for rows in ORDER]
    assert [targets.tolist() for _, targets, _ in alone] == [[40, 10, 70], [0, 20, 60], [50]]
    for inputs, _, rows in alone:
        assert inputs.dtype == torch.float32
        assert torch.all((inputs - rows[:, None] > 0) & (inputs - rows[:, None] < 3))
    assert same(alone, helped)


def test_what_is_drawn_is_keyed_by_seed_epoch_and_row(noisy: Samples) -> None:
    first = read(noisy, 0)
    torch.manual_seed(12345)
    assert same(read(noisy, 0), first)
    assert not same(read(noisy, 0, seed=4), first)
    assert not same(read(noisy, 0, epoch=2), first)
    one_batch = [np.arange(8)]
    ((inputs, _, _),) = read_batches(noisy, TARGETS, one_batch, 3, 1, 0)
    for drawn, _, rows in first:  # neither the order nor the size of batches matters
        assert torch.equal(inputs[rows], drawn)
    noise = inputs - torch.arange(8)[:, None]
    assert len(np.unique(noise.numpy())) == noise.numel()


@pytest.mark.parametrize("workers", [0, 2])
def test_the_global_generators_are_left_as_they_were(noisy: Samples, workers: int) -> None:
    before = random.getstate(), str(np.random.get_state()), torch.get_rng_state()
    batches = read_batches(noisy, TARGETS, ORDER, 3, 1, workers)
    next(batches)  # also where an epoch is cut short
    assert random.getstate() == before[0]
    list(batches)
    assert random.getstate() == before[0]
    assert str(np.random.get_state()) == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])


@pytest.mark.parametrize("workers", [0, 2])
def test_a_sample_that_cannot_be_read_is_named(tmp_path: Path, workers: int) -> None:
    dataset = Noisy()
    samples = samples_of(dataset, tmp_path)
    dataset.broken = 2
    batches = read_batches(samples, TARGETS, ORDER, 3, 1, workers)
    assert next(batches)[2].tolist() == [4, 1, 7]  # what comes before it is there
    with pytest.raises(DataError) as caught:
        next(batches)
    text = str(caught.value)
    assert "item 2 of project.data:Noisy failed: OSError: the disk is gone" in text
    assert text.startswith(f"{__file__}:")
    assert "Traceback" not in text
    # with the error at hand, which holds on to all that was at work: a process would wait for them as it ends
    assert multiprocessing.active_children() == []


def test_no_batches_need_no_workers(noisy: Samples) -> None:
    assert list(read_batches(noisy, TARGETS, [], 3, 1, 2)) == []


def test_bytes_and_floats_share_a_batch_in_units() -> None:
    """Of images of 8 and 16 bits, the first come as bytes and the second as floats."""

    def mixed(row: int) -> Array:
        return np.array([51], np.uint8) if row % 2 else np.array([0.75], np.float32)

    batches = list(read_batches(made_of(mixed), TARGETS, [np.arange(2), np.array([1, 3])], 3, 1, 0))
    assert batches[0][0].dtype == torch.float32
    assert batches[0][0].tolist() == [[0.75], to_unit(np.array([51], np.uint8)).tolist()]
    assert batches[1][0].dtype == torch.uint8  # these become floats with their batch
    assert batches[1][0].tolist() == [[51], [51]]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_leave_the_workers_at_work(number: signal.Signals) -> None:
    """Ctrl-C or the end of a cluster's job reaches them too; training still finishes its step."""

    def process(row: int) -> Array:
        return np.array([os.getpid()], np.float32)

    order = [np.array([0])] * 40
    batches = read_batches(made_of(process), TARGETS, order, 3, 1, workers=2)
    workers = {int(next(batches)[0]) for _ in range(2)}
    assert len(workers) == 2
    assert os.getpid() not in workers
    for worker in workers:
        os.kill(worker, number)
    assert {int(inputs) for inputs, _, _ in batches} == workers
