"""Samples that are the same: equal arrays, and pictures that look alike but for their encoding and size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from epochal.data.manifest import Array

_BYTES_AT_A_TIME = 1 << 25
_AT_A_TIME = 1 << 14  # pictures, or pairs of them, whose thumbnails are compared
_BANDS = 6
_BITS_APART = 8
_HASHES, _COARSE, _FINE = 128, 64, 4
_FEW = 1 << 16  # of fewer pictures than these, as many pairs as of these
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


def is_varied(values: Array) -> bool:
    """Whether more than half of the rows of a column, [N, F], are different."""
    return any(len(np.unique(column)) * 2 > len(column) for column in values.T)


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


@dataclass(frozen=True)
class Twins:
    """Pictures that are one.

    pairs: int64 [P, 2], rows of the same picture; of more than two copies, at least enough to join them all.
    cut: pictures that were not compared with all that might be the same, as too many are much alike.
    compared: with how many of the nearest in brightness, or about so many, each of these was.
    """

    pairs: Array
    cut: int = 0
    compared: int = 0


def alike(thumbnails: Array) -> Twins:
    """The pairs of pictures [N, 16, 16, 3] that are one picture encoded or resized anew.

    Candidates have hashes at most 8 bits apart and equal in one of six parts, so none at most 5 bits apart
    is missed. Their thumbnails must then agree within a few gray levels, and within 8 % of the contrast; of
    their colours, which JPEG keeps coarsely, 40 %. Pictures almost without contrast are like any other such,
    and are left out. Time and memory are bounded: see ``_Search``.
    """
    blocks = [thumbnails[start : start + _AT_A_TIME] for start in range(0, len(thumbnails), _AT_A_TIME)]
    gray = [_gray(block) for block in blocks]
    mean, contrast = (
        np.concatenate([np.zeros(0, np.float32), *(how(block, axis=(1, 2)) for block in gray)])
        for how in (np.mean, np.std)
    )
    firsts = equal_rows(thumbnails)
    rows = np.flatnonzero(contrast >= _LEAST_CONTRAST)
    copies = rows[firsts[rows] != rows]
    rows = rows[firsts[rows] == rows]
    found = [np.column_stack([firsts[copies], copies])]
    cut = compared = 0
    if len(rows) > 1:
        coarse = np.concatenate([_coarse(block) for block in gray])[rows]
        hashes = np.concatenate([picture_hashes(block) for block in blocks])[rows]
        search = _Search(thumbnails, rows, hashes, mean[rows], contrast[rows], coarse)
        found += [rows[pairs] for pairs in search.pairs()]
        cut, compared = int(search.cut.sum()), search.compared
    pairs = np.concatenate(found)
    return Twins(pairs[np.lexsort(pairs.T[::-1])], cut, compared)


class _Search:
    """The pairs among n different pictures that are alike, those nearest in brightness first.

    What can be told from the whole is told before thumbnails are compared: copies have nearly the same
    mean, contrast and 4×4 picture, since these differ by no more than the pictures do. Pictures that are
    joined already are not compared. What it may take is bounded, by pairs a picture: of hashes in one part,
    ``_HASHES``; of 4×4 pictures, ``_COARSE``; of thumbnails, ``_FINE``. The rest is left, and ``cut``,
    bool [n], says of which pictures.
    """

    def __init__(
        self, thumbnails: Array, rows: Array, hashes: Array, mean: Array, contrast: Array, coarse: Array
    ) -> None:
        self._thumbnails, self._rows, self._hashes = thumbnails, rows, hashes
        self._mean, self._contrast, self._coarse = mean, contrast, coarse
        self._label = np.arange(len(rows))
        self._hashes_left, self._coarse_left, self._fine_left = (
            pairs * max(len(rows), _FEW) for pairs in (_HASHES, _COARSE, _FINE)
        )
        self.cut = np.zeros(len(rows), np.bool_)
        self.compared = 0

    def pairs(self) -> Iterator[Array]:
        """Blocks of pairs [P, 2] of the n."""
        edges = np.linspace(0, 64, _BANDS + 1).astype(int)
        masks = [np.uint64((1 << high) - (1 << low)) for low, high in pairwise(edges.tolist())]
        for number, mask in enumerate(masks):
            yield from self._alike_in(mask, masks[:number])

    def _alike_in(self, mask: np.uint64, earlier: Sequence[np.uint64]) -> Iterator[Array]:
        """The pairs whose hashes have the same part, and had none of the earlier ones."""
        part = self._hashes & mask
        order = np.lexsort((self._mean, part))
        part, mean, hashes = part[order], self._mean[order], self._hashes[order]
        here = np.arange(len(order))
        distance, hashes_left = 0, self._hashes_left
        found: list[Array] = []
        while len(here):
            distance += 1
            here = here[here < len(order) - distance]
            there = here + distance
            # in a part they are sorted by brightness: what follows is further away still
            near = (part[here] == part[there]) & (mean[there] - mean[here] <= _APART)
            here, there = here[near], there[near]
            hashes_left -= len(here)
            if hashes_left < 0 or self._coarse_left < 0 or self._fine_left < 0:
                if not self.cut.any():
                    self.compared = distance - 1
                self.cut[order[here]] = self.cut[order[there]] = True
                break
            differing = hashes[here] ^ hashes[there]
            close = np.bitwise_count(differing) <= _BITS_APART
            for seen in earlier:
                close &= differing & seen != 0
            same = self._same(np.column_stack([order[here[close]], order[there[close]]]))
            if len(same):
                found.append(same)
                yield same
            if distance & (distance - 1) == 0:  # at 1, 2, 4, ...: it takes time
                self._join(found)
        self._join(found)

    def _join(self, found: list[Array]) -> None:
        """Remember that these pairs, which are then forgotten, are one picture."""
        if found:
            pairs = self._label[np.concatenate(found)]
            self._label = joined(len(self._label), pairs)[self._label]
            found.clear()

    def _same(self, pairs: Array) -> Array:
        """Those of the pairs that are one picture, the lower row first."""
        pairs = np.sort(pairs, axis=1)
        first, second = pairs.T
        least = np.minimum(self._contrast[first], self._contrast[second])
        most = np.minimum(_APART, _APART_OF_CONTRAST * least)
        open_ = (self._label[first] != self._label[second]) & (
            np.abs(self._contrast[first] - self._contrast[second]) <= most
        )
        pairs, most, least = pairs[open_], most[open_], least[open_]
        self._coarse_left -= len(pairs)
        difference = self._coarse[pairs[:, 0]] - self._coarse[pairs[:, 1]]
        near = np.sqrt((difference**2).mean(axis=1)) <= most
        pairs, most, least = pairs[near], most[near], least[near]
        self._fine_left -= len(pairs)
        found = [np.zeros((0, 2), np.int64)]
        for start in range(0, len(pairs), _AT_A_TIME):
            some = slice(start, start + _AT_A_TIME)
            apart, coloured = _distances(self._thumbnails, self._rows[pairs[some]])
            same = (apart <= most[some]) & (coloured <= _COLOUR_OF_CONTRAST * least[some])
            found.append(pairs[some][same])
        return np.concatenate(found)


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
        roots = np.sort(lowest[pairs], axis=1)
        pairs = pairs[roots[:, 0] < roots[:, 1]]
        np.minimum.at(lowest, roots[:, 1], roots[:, 0])
        while not np.array_equal(after := lowest[lowest], lowest):
            lowest = after
    return lowest


def _gray(thumbnails: Array) -> Array:
    return np.asarray(thumbnails.astype(np.float32) @ _LUMA)


def _coarse(gray: Array) -> Array:
    """4×4 means of each gray picture [N, 16, 16], as [N, 16]."""
    side = gray.shape[1] // 4
    return np.asarray(gray.reshape(len(gray), 4, side, 4, side).mean(axis=(2, 4)).reshape(len(gray), 16))
