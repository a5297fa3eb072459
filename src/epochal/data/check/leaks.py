"""What one split knows of another: the same samples, groups, or a feature that gives the target away."""

from __future__ import annotations

import os
from collections import defaultdict

import numpy as np
import polars as pl

from epochal.data.check.columns import column_values
from epochal.data.check.files import FileFacts
from epochal.data.check.findings import Finding, Severity, Subject
from epochal.data.check.sounds import SoundFacts
from epochal.data.check.texts import folded, texts_of
from epochal.data.check.twins import Twins, alike, equal_digests, equal_rows, joined
from epochal.data.images import ImageFiles
from epochal.data.manifest import Array
from epochal.data.problems import counted
from epochal.data.sounds import SoundFiles
from epochal.data.split import Split
from epochal.data.texts import TextFiles

_NAMES = ("none", "train", "val", "test")
_BY_CHANCE = 0.01
"""Collections hold a few samples twice; more of val and test than this share is a mistake."""
_RARELY = 0.05
_COUNTED = frozenset("0123456789_-. ")


def placed(split: Split, count: int) -> Array:
    """int64 [N]: 1 for a row of train, 2 of val, 3 of test, 0 of none."""
    places = np.zeros(count, np.int64)
    for number, name in enumerate(_NAMES[1:], 1):
        places[split.rows(name)] = number
    return places


def find_leaks(
    subject: Subject, split: Split, facts: FileFacts | SoundFacts | None, *, drawn: bool
) -> list[Finding]:
    """All that is in two splits at once.

    facts: of image or sound files, else None. drawn: the split is drawn at random, so that rows that are left
    out change it: then every second copy is to go, wherever it is.
    """
    places = placed(split, len(subject.source.manifest))
    found = []
    if isinstance(facts, SoundFacts):
        found += _same_sounds(subject, places, facts, drawn)
        found += _same_names(subject, places)
    elif facts is not None:
        found += _same_pictures(subject, places, facts, drawn)
        found += _same_names(subject, places)
    elif subject.source.kind == "text":
        found += _same_texts(subject, places, drawn)
    else:
        values = column_values(subject.source) if subject.source.array is None else subject.source.array
        if values is not None:
            found += _same_samples(subject, places, values, drawn)
    if subject.source.manifest.spans is not None:  # a series may be in several splits at different times
        return found + _overlapping(subject, places)
    return found + _same_groups(subject, places, drawn)


def _same_pictures(subject: Subject, places: Array, facts: FileFacts, drawn: bool) -> list[Finding]:
    exact = equal_digests(facts.digest)
    count = len(places)
    twins = alike(facts.thumbnail)
    whole = joined(count, np.concatenate([twins.pairs, np.column_stack([np.arange(count), exact])]))
    words = "the same picture (saved anew)"
    found = (
        _leak(subject, places, exact, "same_file", "the same bytes", "error", drawn),
        _leak(subject, places, whole, "same_picture", words, "error", drawn, told=exact),
    )
    return [finding for finding in (*found, _cut_short(twins)) if finding is not None]


def _cut_short(twins: Twins) -> Finding | None:
    if not twins.cut:
        return None
    what = (
        f"{twins.cut:,} pictures are too much alike to compare each with all: copies were looked for "
        f"among the {twins.compared:,} nearest in brightness"
    )
    mend = "look whether they show anything"
    return Finding("search_cut", "warning", what, mend, twins.cut)


def _same_sounds(subject: Subject, places: Array, facts: SoundFacts, drawn: bool) -> list[Finding]:
    first = np.where(facts.silent, np.arange(len(places)), equal_digests(facts.digest))
    found = _leak(subject, places, first, "same_sound", "the same sound", "error", drawn)
    return [] if found is None else [found]


def _same_samples(subject: Subject, places: Array, array: Array, drawn: bool) -> list[Finding]:
    """Equal arrays: an error where they are many and can't be equal by chance."""
    if subject.source.kind == "vector":  # a copy may have a number of its own
        array = array[:, [not _is_number(column) for column in array.T]]
    values = array.reshape(len(array), -1)
    if subject.source.kind == "vector" and not is_varied(values):
        return []  # few values make many equal rows
    equal = equal_rows(array)
    if subject.source.kind == "vector":
        # the same measurements with another target are not the same sample
        targets = subject.source.manifest.targets.reshape(len(array), -1)
        differs = (targets != targets[equal]).any(axis=1)
    else:
        differs = values.min(axis=1) == values.max(axis=1)  # blank
    equal = np.where(differs, np.arange(len(array)), equal)
    found = _leak(subject, places, equal, "same_sample", "the same values", "error", drawn)
    if found is not None:
        rows = np.flatnonzero(np.isin(subject.origin, found.rows))
        if len(rows) <= _BY_CHANCE * (places > 1).sum():
            found = _leak(subject, places, equal, "same_sample", "the same values", "warning", drawn)
    return [found] if found else []


def _same_texts(subject: Subject, places: Array, drawn: bool) -> list[Finding]:
    """Equal texts, and texts that differ in case, spaces and signs alone: errors where they are many."""
    texts = texts_of(subject.source)
    exact, whole = _first_equal(texts), _first_equal(folded(texts))
    alike = "the same text but for case, spaces and signs"
    found = []
    for first, kind, words, told in (
        (exact, "same_text", "the same text", None),
        (whole, "similar_text", alike, exact),
    ):
        leak = _leak(subject, places, first, kind, words, "error", drawn, told)
        if leak is not None and len(leak.rows) <= _BY_CHANCE * (places > 1).sum():
            leak = _leak(subject, places, first, kind, words, "warning", drawn, told)
        if leak is not None:
            found.append(leak)
    return found


def _first_equal(texts: pl.Series) -> Array:
    """int64 [N]: for each text, the first row that has it."""
    frame = pl.DataFrame({"text": texts}).with_row_index("row")
    return frame.select(pl.col("row").min().over("text")).to_series().to_numpy().astype(np.int64)


def _is_number(column: Array) -> bool:
    """Whether a column [N] numbers the rows: integers, each another one."""
    return bool((column == np.round(column)).all()) and len(np.unique(column)) == len(column)


def is_varied(values: Array) -> bool:
    """Whether more than half of the rows of a column, [N, F], are different."""
    return any(len(np.unique(column)) * 2 > len(column) for column in values.T)


def _leak(
    subject: Subject,
    places: Array,
    first: Array,
    kind: str,
    words: str,
    severity: Severity,
    drawn: bool,
    told: Array | None = None,
) -> Finding | None:
    """A finding about the samples in several splits; first: [N], one number for all copies of a sample.

    told: the same for copies that another finding is about.
    The copy in test stays, else the one in val: what a model is measured by is left as it is.
    """
    sizes = np.bincount(first, minlength=len(first))
    several = np.flatnonzero(sizes[first] > 1)
    copies: dict[int, list[int]] = defaultdict(list)
    for row in several.tolist():
        if places[row]:
            copies[int(first[row])].append(row)
    rows: list[int] = []
    notes: list[str] = []
    second: list[int] = []
    for members in copies.values():
        members.sort(key=lambda row: (-places[row], row))
        kept, *others = members
        leaking = [row for row in others if places[row] != places[kept]]
        if drawn:
            second += others
        elif leaking:
            second += leaking
        if told is not None:
            leaking = [row for row in leaking if told[row] != told[kept]]
        rows += leaking
        notes += [
            f"{words} as {_name(subject, kept)} in {_NAMES[places[kept]]}, this is in {_NAMES[places[row]]}"
            for row in leaking
        ]
    if not rows:
        return None
    what = f"{counted(len(rows), 'sample')} with {words} as one of another split"
    mend = "leave one of them out" if severity == "error" else "leave one of them out, unless that is chance"
    return subject.finding(kind, severity, what, mend, rows, notes, drop=second)


def _name(subject: Subject, row: int) -> str:
    files = isinstance(subject.source.read, ImageFiles | SoundFiles | TextFiles)
    return str(subject.source.manifest.filenames[row]) if files else subject.places[row]


def _same_groups(subject: Subject, places: Array, drawn: bool) -> list[Finding]:
    groups = subject.source.manifest.groups
    if groups is None:
        return []
    frame = pl.DataFrame({"group": groups, "place": places, "row": np.arange(len(places))}).filter(
        pl.col("place") > 0
    )
    torn = frame.filter(pl.col("place").n_unique().over("group") > 1).with_columns(
        highest=pl.col("place").max().over("group")
    )
    lower = torn.filter(pl.col("place") < pl.col("highest")).sort("group", "row", maintain_order=True)
    if lower.is_empty():
        return []
    rows = lower["row"].to_list()
    notes = [
        f"group '{group}' is in {_NAMES[place]} and in {_NAMES[highest]}"
        for group, place, highest in lower.select("group", "place", "highest").iter_rows()
    ]
    count = lower["group"].n_unique()
    names = ", ".join(f"'{name}'" for name in lower["group"].unique(maintain_order=True).head(3))
    what = f"{counted(count, 'group')} in several splits: {names}"
    what += ", ..." if count > 3 else ""
    mend = "use data.split=grouped" + ("" if drawn else ", or leave the rows out")
    return [subject.finding("torn_group", "error", what, mend, rows, notes, drop=[] if drawn else rows)]


def _overlapping(subject: Subject, places: Array) -> list[Finding]:
    """Samples cut out of one series that cover a moment that one of another split covers too."""
    spans = subject.source.manifest.spans
    assert spans is not None
    order = np.lexsort((spans.begin, spans.series))
    order = order[places[order] > 0]
    torn = np.zeros(len(places), np.bool_)
    for rows in np.split(order, np.flatnonzero(np.diff(spans.series[order])) + 1):
        for number in range(1, len(_NAMES)):
            ends = np.where(places[rows] == number, spans.end[rows], -np.inf)
            latest = np.maximum.accumulate(ends)
            torn[rows] |= (places[rows] != number) & (latest >= spans.begin[rows])
    found = np.flatnonzero(torn)
    if not len(found):
        return []
    what = f"{counted(len(found), 'sample')} cut out of the same stretch of a series as one of another split"
    mend = "use data.split=time, or grouped where there are several series"
    return [subject.finding("overlap", "error", what, mend, found)]


def _same_names(subject: Subject, places: Array) -> list[Finding]:
    """File names that are in several splits, where names are more than numbers and hardly ever the same."""
    paths = subject.source.manifest.filenames.to_list()
    by_name: dict[str, list[int]] = defaultdict(list)
    for row, path in enumerate(paths):
        if places[row]:
            by_name[os.path.basename(path)].append(row)
    torn = {
        name: rows
        for name, rows in by_name.items()
        if len({int(places[row]) for row in rows}) > 1 and not set(os.path.splitext(name)[0]) <= _COUNTED
    }
    if not torn or len(torn) > max(3, _RARELY * len(by_name)):
        return []
    rows = sorted(row for members in torn.values() for row in members)
    notes = [
        f"'{os.path.basename(paths[row])}' is in several splits, here {_NAMES[places[row]]}" for row in rows
    ]
    what = f"{counted(len(torn), 'file name')} in several splits"
    mend = "look whether they show the same"
    return [subject.finding("same_filename", "warning", what, mend, rows, notes)]
