"""Samples that are in the data more than once: in two splits, twice in one, or with two targets."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import polars as pl

from epochal.data.check.columns import column_values
from epochal.data.check.files import FileFacts
from epochal.data.check.findings import Finding, Severity, Subject
from epochal.data.check.sounds import SoundFacts
from epochal.data.check.texts import folded, texts_of
from epochal.data.check.twins import Twins, alike, equal_digests, equal_rows, is_varied, joined
from epochal.data.images import ImageFiles
from epochal.data.manifest import Array
from epochal.data.problems import counted
from epochal.data.sounds import SoundFiles
from epochal.data.texts import TextFiles

PLACES = ("none", "train", "val", "test")
"""The splits by the numbers that ``placed`` gives them."""
COPIES = frozenset(
    f"{state}_{kind}"
    for kind in ("file", "picture", "sound", "sample", "text", "similar_text")
    for state in ("same", "copied", "contradictory")
) | {"similar_text"}
"""The kinds of findings that leave no copies when what they drop is left out."""
_BY_CHANCE = 0.01
"""Collections hold a few samples twice; more of val and test than this share is a mistake."""


def find_copies(subject: Subject, places: Array, facts: FileFacts | SoundFacts | None) -> list[Finding]:
    """All samples that are the same; what the findings drop leaves one of each, or none of two targets.

    places: int64 [N], 1 for a row of train, 2 of val, 3 of test, 0 of none. facts: of image or sound files.
    """
    copies = _Copies(subject, places)
    if isinstance(facts, SoundFacts):
        first = np.where(facts.silent, np.arange(len(places)), equal_digests(facts.digest))
        copies.same(first, "same_sound", "the same sound")
        copies.contradictory(first, "contradictory_sound", "the same sound", "error")
    elif facts is not None:
        _same_pictures(copies, facts)
    elif subject.source.kind == "text":
        _same_texts(copies, texts_of(subject.source))
    else:
        values = column_values(subject.source) if subject.source.array is None else subject.source.array
        if values is not None:
            _same_samples(copies, values, subject.source.kind)
    return copies.found


class _Copies:
    """What is found, and which rows are to go already: no row is told twice.

    Of the copies of a sample the one in test stays, else the one in val: what a model is measured by is left
    as it is. Samples cut out of one series are equal by nature: only those in two splits are told.
    """

    def __init__(self, subject: Subject, places: Array) -> None:
        self.found: list[Finding] = []
        self._subject, self._places = subject, places
        self._within = subject.source.manifest.spans is None
        self._gone = np.zeros(len(places), np.bool_)

    def same(
        self, first: Array, kind: str, words: str, *, chance: bool = False, resized: bool = False
    ) -> None:
        """Tell copies with one target; first: int64 [N], one number for all copies of a sample.

        kind: of the finding about two splits. chance: up to 1 % of val and test may be equal for no reason,
        and are a warning. resized: copies may have another size, so that their masks say nothing.
        """
        resized &= self._subject.source.manifest.target_kind == "mask"
        leaking: list[int] = []
        repeated: list[int] = []
        notes: dict[int, str] = {}
        for members in self._groups(first if resized else self._with_target(first)):
            left = [row for row in members if not self._gone[row]]
            left.sort(key=lambda row: (-self._places[row], row))
            for row in left[1:]:
                here, there = (PLACES[self._places[each]] for each in (row, left[0]))
                known = f"{words} as {self._name(left[0])}"
                if here != there:
                    leaking.append(row)
                    notes[row] = f"{known} in {there}, this is in {here}"
                elif self._within:
                    repeated.append(row)
                    notes[row] = f"{known}, both are in {here}"
        few = chance and len(leaking) <= _BY_CHANCE * (self._places > 1).sum()
        unless = ", unless that is chance" if chance else ""
        mend = "leave one of them out" + (unless if few else "")
        severity: Severity = "warning" if few else "error"
        across = kind if self._within else "same_window"
        self._tell(across, severity, f"{words} as one of another split", mend, leaking, notes)
        mend = f"they count double: leave one of them out{unless}"
        kind = f"copied_{kind.removeprefix('same_')}"
        self._tell(kind, "warning", f"{words} as another of its split", mend, repeated, notes)

    def contradictory(
        self, first: Array, kind: str, words: str, severity: Severity, *, across: bool = False
    ) -> None:
        """Tell copies with several targets: all are to go, as nobody can know which is right.

        across: only where they are in several splits.
        """
        manifest = self._subject.source.manifest
        if not self._within or not manifest.targets.size:
            return
        noun = {"value": "target", "mask": "mask"}.get(manifest.target_kind, "label")
        by_target = self._with_target(first)
        rows: list[int] = []
        notes: dict[int, str] = {}
        for members in self._groups(first):
            if across and len(set(self._places[members].tolist())) == 1:
                continue
            for row in members:
                other = next((each for each in members if by_target[each] != by_target[row]), None)
                if other is None:
                    break
                if not self._gone[row]:
                    rows.append(row)
                    notes[row] = f"{words} as {self._name(other)}, whose {noun} is {self._target(other, row)}"
        mend = f"keep the one whose {noun} is right" + ("" if severity == "error" else ", unless both may be")
        mend += "; drop.csv leaves all of them out, as it can't tell"
        self._tell(kind, severity, f"{words} as one with another {noun}", mend, rows, notes)

    def _tell(
        self, kind: str, severity: Severity, words: str, mend: str, rows: list[int], notes: dict[int, str]
    ) -> None:
        if not rows:
            return
        self._gone[rows] = True
        what = f"{counted(len(rows), 'sample')} with {words}"
        told = [notes[row] for row in rows]
        self.found.append(self._subject.finding(kind, severity, what, mend, rows, told, drop=rows))

    def _groups(self, first: Array) -> list[list[int]]:
        """The rows of each sample that is in the splits more than once."""
        placed = np.flatnonzero(self._places)
        several = placed[np.bincount(first[placed], minlength=len(first))[first[placed]] > 1]
        groups: dict[int, list[int]] = defaultdict(list)
        for row, sample in zip(several.tolist(), first[several].tolist(), strict=True):
            groups[sample].append(row)
        return list(groups.values())

    def _with_target(self, first: Array) -> Array:
        """int64 [N]: one number for all copies of a sample that have one target, too."""
        targets = self._subject.source.manifest.targets.reshape(len(first), -1)
        rows = np.flatnonzero(np.bincount(first, minlength=len(first))[first] > 1)
        if not targets.size or not len(rows):
            return first
        target = np.unique(targets[rows], axis=0, return_inverse=True)[1].reshape(-1)
        both = first[rows] * len(rows) + target
        _, index, inverse = np.unique(both, return_index=True, return_inverse=True)
        numbers = np.arange(len(first))
        numbers[rows] = rows[index[inverse]]
        return numbers

    def _name(self, row: int) -> str:
        files = isinstance(self._subject.source.read, ImageFiles | SoundFiles | TextFiles)
        return str(self._subject.source.manifest.filenames[row]) if files else self._subject.places[row]

    def _target(self, other: int, row: int) -> str:
        """The target of another sample, and of this."""
        manifest = self._subject.source.manifest
        if manifest.target_kind == "mask":
            return "another"
        said = []
        for target in manifest.targets[[other, row]]:
            if manifest.target_kind == "class":
                said.append(f"'{manifest.names[target]}'")
            elif manifest.target_kind == "labels":
                labels = [f"'{manifest.names[index]}'" for index in np.flatnonzero(target)]
                said.append(" and ".join(labels) or "none")
            else:
                said.append(", ".join(f"{value:g}" for value in target))
        return f"{said[0]}, this one's {said[1]}"


def _same_pictures(copies: _Copies, facts: FileFacts) -> None:
    exact = equal_digests(facts.digest)
    copies.same(exact, "same_file", "the same bytes")
    copies.contradictory(exact, "contradictory_file", "the same bytes", "error")
    twins = alike(facts.thumbnail)
    count = len(exact)
    whole = joined(count, np.concatenate([twins.pairs, np.column_stack([np.arange(count), exact])]))
    words = "the same picture (saved anew)"
    copies.same(whole, "same_picture", words, resized=True)
    copies.contradictory(whole, "contradictory_picture", words, "error", across=True)
    copies.contradictory(whole, "contradictory_picture", words, "warning")
    if twins.cut:
        copies.found.append(_cut_short(twins))


def _cut_short(twins: Twins) -> Finding:
    what = (
        f"{twins.cut:,} pictures are too much alike to compare each with all: copies were looked for "
        f"among the {twins.compared:,} nearest in brightness"
    )
    mend = "look whether they show anything"
    return Finding("search_cut", "warning", what, mend, twins.cut)


def _same_samples(copies: _Copies, array: Array, kind: str) -> None:
    """Equal arrays: an error where they are many and can't be equal by chance."""
    if kind == "vector":  # a copy may have a number of its own
        array = array[:, [not _is_number(column) for column in array.T]]
    values = array.reshape(len(array), -1)
    if kind == "vector" and not is_varied(values):
        return  # few values make many equal rows
    equal = equal_rows(array)
    if kind != "vector":
        blank = values.min(axis=1) == values.max(axis=1)
        equal = np.where(blank, np.arange(len(array)), equal)
    # measurements may well come twice, and so may small pictures of which most are equal to another
    distinct = kind in ("image", "tensor") and len(np.unique(equal)) * 2 > len(equal)
    copies.same(equal, "same_sample", "the same values", chance=True)
    copies.contradictory(equal, "contradictory_sample", "the same values", "error" if distinct else "warning")


def _same_texts(copies: _Copies, texts: pl.Series) -> None:
    """Equal texts, and texts that differ in case, spaces and signs alone: errors where they are many."""
    exact, whole = _first_equal(texts), _first_equal(folded(texts))
    nearly = "the same text but for case, spaces and signs"
    copies.same(exact, "same_text", "the same text", chance=True)
    copies.same(whole, "similar_text", nearly, chance=True)
    words = "the same text (case, spaces and signs aside)"
    copies.contradictory(whole, "contradictory_text", words, "warning")


def _first_equal(texts: pl.Series) -> Array:
    """int64 [N]: for each text, the first row that has it."""
    frame = pl.DataFrame({"text": texts}).with_row_index("row")
    return frame.select(pl.col("row").min().over("text")).to_series().to_numpy().astype(np.int64)


def _is_number(column: Array) -> bool:
    """Whether a column [N] numbers the rows: integers, each another one."""
    return bool((column == np.round(column)).all()) and len(np.unique(column)) == len(column)
