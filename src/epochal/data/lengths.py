"""Batches of texts: alike in length, so that little of them is padding, and no longer than they need be."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from epochal.data.draws import key_integer
from epochal.data.manifest import Array

_POOL = 32  # batches whose samples are sorted together


def text_lengths(ids: Array) -> Array:
    """Of token ids [N, L], the number before the padding (0) at each row's end, int64 [N]."""
    real = ids != 0
    return np.where(real.any(axis=1), ids.shape[1] - real[:, ::-1].argmax(axis=1), 0)


def in_buckets(rows: Array, lengths: Array, size: int, seed: int, epoch: int) -> Array:
    """Rows in the order of an epoch so that each batch of ``size`` holds texts of about one length.

    rows: in random order. lengths: of every sample of the manifest. The samples of 32 batches are sorted by
    length and cut into batches, which are then shuffled among all: which samples meet, and when, is random
    again in each epoch, and depends on (seed, epoch) alone. A last batch that is not full stays the last.
    """
    whole = len(rows) // size * size
    parts = [rows[start : start + _POOL * size] for start in range(0, whole, _POOL * size)]
    if not parts:
        return rows
    parts[-1] = parts[-1][: whole - (len(parts) - 1) * _POOL * size]
    batches = np.concatenate([part[np.argsort(lengths[part], kind="stable")] for part in parts])
    generator = np.random.Generator(np.random.Philox(key_integer(seed, epoch, 1)))
    shuffled = generator.permutation(batches.reshape(-1, size))
    return np.concatenate([shuffled.reshape(-1), rows[whole:]])


def trimmed(ids: Tensor) -> Tensor:
    """Token ids [B, L] as int64, without the columns at the end in which there is nothing but padding."""
    used = (ids != 0).any(dim=0).nonzero()
    return ids[:, : int(used[-1]) + 1 if len(used) else 1].long()
