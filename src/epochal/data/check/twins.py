"""Samples that are the same: equal arrays, and pictures that look alike but for their encoding and size."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from epochal.data.manifest import Array

_BYTES_AT_A_TIME = 1 << 25
_PAIRS_AT_A_TIME = 1 << 22
_AT_A_TIME = 1 << 14  # pictures, or pairs of them, whose thumbnails are compared
_BANDS = 6
_BITS_APART = 8
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_LEAST_CONTRAST = 6.0
_APART, _APART_OF_CONTRAST, _COLOUR_OF_CONTRAST = 5.0, 0.08, 0.4


def row_hashes(array: Array) -> Array:
    """A hash of each row, uint64 [N]: of two equal rows equal, of two others hardly ever.

    Sums of 32-bit words times random odd 64-bit numbers, modulo 2⁶⁴ (Dietzfelbinger 1996).
    """
    width = array[:1].nbytes
    words = -(-width // 4)
    factors = np.random.default_rng(0).integers(0, 1 << 64, words, np.uint64) | np.uint64(1)
    hashes = np.empty(len(array), np.uint64)
    step = max(1, _BYTES_AT_A_TIME // max(1, 2 * width))
    for start in range(0, len(array), step):
        block = np.ascontiguousarray(array[start : start + step])
        data = block.reshape(len(block), -1).view(np.uint8)
        if width % 4:
            data = np.pad(data, ((0, 0), (0, 4 * words - width)))
        hashes[start : start + step] = data.view(np.uint32).astype(np.uint64) @ factors
    return hashes


def equal_rows(array: Array) -> Array:
    """int64 [N]: for each row, the first row that is equal to it, bit by bit."""
    _, first, inverse = np.unique(row_hashes(array), return_index=True, return_inverse=True)
    firsts = first[inverse].astype(np.int64)
    for row in np.flatnonzero(firsts != np.arange(len(array))).tolist():
        if not np.array_equal(array[row], array[firsts[row]]):
            firsts[row] = row
    return firsts


def equal_digests(digests: Array) -> Array:
    """int64 [N]: for each row of uint64 [N, 2], the first row that is equal to it."""
    _, first, inverse = np.unique(digests, axis=0, return_index=True, return_inverse=True)
    return first[inverse.reshape(-1)].astype(np.int64)


def picture_hashes(thumbnails: Array) -> Array:
    """64 bits of each picture [N, 16, 16, 3]: the signs of its lowest frequencies against their median.

    The perceptual hash of Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010.
    """
    size = thumbnails.shape[1]
    wave = np.cos(np.pi * (2 * np.arange(size) + 1) * np.arange(8)[:, None] / (2 * size)).astype(np.float32)
    frequencies = (wave @ _gray(thumbnails) @ wave.T).reshape(len(thumbnails), 64)
    bits = frequencies > np.median(frequencies[:, 1:], axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64).reshape(-1)


def alike(thumbnails: Array) -> Array:
    """int64 [P, 2]: the pairs of pictures [N, 16, 16, 3] that are one picture encoded or resized anew.

    Candidates have hashes at most 8 bits apart and equal in one of six parts, so none at most 5 bits apart
    is missed. Their thumbnails must then agree within a few gray levels, and within 8 % of the contrast; of
    their colours, which JPEG keeps coarsely, 40 %. Pictures almost without contrast are like any other such,
    and are left out.
    """
    blocks = [thumbnails[start : start + _AT_A_TIME] for start in range(0, len(thumbnails), _AT_A_TIME)]
    flat = [_gray(block).reshape(len(block), -1) for block in blocks]
    mean = np.concatenate([np.zeros(0), *(block.mean(axis=1) for block in flat)])
    contrast = np.concatenate([np.zeros(0), *(block.std(axis=1) for block in flat)])
    usable = np.flatnonzero(contrast >= _LEAST_CONTRAST)
    if len(usable) < 2:
        return np.zeros((0, 2), np.int64)
    hashes = np.concatenate([picture_hashes(block) for block in blocks])
    found = [np.zeros((0, 2), np.int64)]
    for near in _candidates(hashes[usable]):
        pairs = usable[near]
        pairs = pairs[np.abs(np.diff(mean[pairs], axis=1)[:, 0]) <= _APART]  # else they are further apart
        for start in range(0, len(pairs), _AT_A_TIME):
            some = pairs[start : start + _AT_A_TIME]
            apart, coloured = _distances(thumbnails, some)
            least = contrast[some].min(axis=1)
            same = (apart <= _APART) & (apart <= _APART_OF_CONTRAST * least)
            found.append(some[same & (coloured <= _COLOUR_OF_CONTRAST * least)])
    pairs = np.concatenate(found)
    return pairs[np.lexsort(pairs.T[::-1])]


def _distances(thumbnails: Array, pairs: Array) -> tuple[Array, Array]:
    """The roots of the mean squared differences of each pair, in gray levels and in colour."""
    first, second = pairs.T
    difference = thumbnails[first].astype(np.float32) - thumbnails[second]
    gray, colour = (each.reshape(len(pairs), -1) for each in (difference @ _LUMA, difference))
    return np.sqrt((gray**2).mean(axis=1)), np.sqrt((colour**2).mean(axis=1))


def joined(count: int, pairs: Array) -> Array:
    """int64 [N]: for each row, the lowest row that pairs [P, 2] connect it with."""
    lowest = np.arange(count)
    while len(pairs):
        least = lowest[pairs].min(axis=1)
        after = lowest.copy()
        np.minimum.at(after, pairs[:, 0], least)
        np.minimum.at(after, pairs[:, 1], least)
        after = after[after]
        if np.array_equal(after, lowest):
            break
        lowest = after
    return lowest


def _gray(thumbnails: Array) -> Array:
    return np.asarray(thumbnails.astype(np.float32) @ _LUMA)


def _candidates(hashes: Array) -> Iterator[Array]:
    """Blocks of pairs [P, 2] of hashes that are equal in one of six parts and nearly so in the others.

    Each pair comes once. All in one block would fill memory where many pictures are much alike.
    """
    edges = np.linspace(0, 64, _BANDS + 1).astype(int)
    masks = [np.uint64((1 << high) - (1 << low)) for low, high in pairwise(edges.tolist())]
    for number, mask in enumerate(masks):
        part = hashes & mask
        order = np.argsort(part, kind="stable")
        starts = np.flatnonzero(np.diff(part[order], prepend=part[order[0]] + np.uint64(1)))
        for rows in np.split(order, starts[1:]):
            step = max(1, _PAIRS_AT_A_TIME // len(rows))
            for start in range(0, len(rows) if len(rows) > 1 else 0, step):
                some = rows[start : start + step]
                apart = np.bitwise_count(hashes[some, None] ^ hashes[rows])
                here, there = np.nonzero(apart <= _BITS_APART)
                near = np.column_stack([some[here], rows[there]])
                near = near[near[:, 0] < near[:, 1]]
                differing = hashes[near[:, 0]] ^ hashes[near[:, 1]]
                seen = [(differing & earlier) == 0 for earlier in masks[:number]]
                yield near[~np.any(seen, axis=0)] if seen else near
