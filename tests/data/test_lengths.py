from __future__ import annotations

import numpy as np
import pytest
import torch

from epochal.data.batches import epoch_order
from epochal.data.lengths import in_buckets, text_lengths, trimmed

LENGTHS = np.random.default_rng(0).integers(1, 200, 3000)


def order(epoch: int, size: int = 16, count: int = 2500) -> np.ndarray:
    return in_buckets(epoch_order(np.arange(count), 3, epoch), LENGTHS, size, 3, epoch)


def padding(rows: np.ndarray, size: int = 16) -> float:
    """The share of padding in batches that are padded to their longest text."""
    batches = [LENGTHS[rows[start : start + size]] for start in range(0, len(rows), size)]
    return 1 - int(LENGTHS[rows].sum()) / sum(len(batch) * int(batch.max()) for batch in batches)


def test_lengths_are_up_to_the_last_token() -> None:
    ids = np.array([[5, 6, 0, 0], [0, 7, 0, 0], [0, 0, 0, 0], [1, 2, 3, 4]], np.int32)
    assert text_lengths(ids).tolist() == [2, 2, 0, 4]


@pytest.mark.parametrize("count", [1, 15, 16, 511, 512, 513, 2500])
def test_every_sample_comes_once_an_epoch(count: int) -> None:
    assert np.sort(order(0, count=count)).tolist() == list(range(count))


def test_batches_are_alike_in_length_and_come_in_random_order() -> None:
    rows = order(0)
    assert padding(rows) < 0.1 < 0.4 < padding(epoch_order(np.arange(2500), 3, 0))
    longest = [LENGTHS[rows[start : start + 16]].max() for start in range(0, 2400, 16)]
    assert abs(np.corrcoef(longest, np.arange(len(longest)))[0, 1]) < 0.3


def test_the_order_is_of_seed_and_epoch_alone() -> None:
    assert order(1).tolist() == order(1).tolist() != order(2).tolist()
    together = [set(order(epoch)[:16].tolist()) for epoch in range(2)]
    assert together[0] != together[1]


def test_padding_of_all_rows_is_cut_off() -> None:
    ids = torch.tensor([[5, 0, 7, 0, 0], [6, 0, 0, 0, 0]], dtype=torch.int32)
    assert trimmed(ids).tolist() == [[5, 0, 7], [6, 0, 0]]
    assert trimmed(ids).dtype == torch.int64
    assert trimmed(torch.zeros(2, 4, dtype=torch.int32)).tolist() == [[0], [0]]
