"""What one split knows of another: the same samples, groups, stretches of a series, names."""

from __future__ import annotations

import os
from collections import defaultdict

import numpy as np
import polars as pl

from epochal.data.check.copies import PLACES, find_copies
from epochal.data.check.files import FileFacts
from epochal.data.check.findings import Finding, Subject
from epochal.data.check.sounds import SoundFacts
from epochal.data.manifest import Array
from epochal.data.problems import counted
from epochal.data.split import Split

_RARELY = 0.05
_COUNTED = frozenset("0123456789_-. ")


def placed(split: Split, count: int) -> Array:
    """int64 [N]: 1 for a row of train, 2 of val, 3 of test, 0 of none."""
    places = np.zeros(count, np.int64)
    for number, name in enumerate(PLACES[1:], 1):
        places[split.rows(name)] = number
    return places


def find_leaks(
    subject: Subject, split: Split, facts: FileFacts | SoundFacts | None, *, drawn: bool
) -> list[Finding]:
    """All that is in two splits at once, and copies within one.

    facts: of image or sound files, else None. drawn: the split is drawn, so that another keeps groups whole
    and none need be left out.
    """
    places = placed(split, len(subject.source.manifest))
    found = find_copies(subject, places, facts)
    if facts is not None:
        found += _same_names(subject, places)
    if subject.source.manifest.spans is not None:  # a series may be in several splits at different times
        return found + _overlapping(subject, places)
    return found + _same_groups(subject, places, drawn)


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
        f"group '{group}' is in {PLACES[place]} and in {PLACES[highest]}"
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
        for number in range(1, len(PLACES)):
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
        f"'{os.path.basename(paths[row])}' is in several splits, here {PLACES[places[row]]}" for row in rows
    ]
    what = f"{counted(len(torn), 'file name')} in several splits"
    mend = "look whether they show the same"
    return [subject.finding("same_filename", "warning", what, mend, rows, notes)]
