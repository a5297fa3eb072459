"""What is wrong with masks: missing, of another size than the image, with values that are no class, empty."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np

from epochal.data.check.files import FileFacts
from epochal.data.check.findings import Finding, Subject
from epochal.data.images import ImageFiles, image_size
from epochal.data.manifest import Source
from epochal.data.masks.prepared import other_size
from epochal.data.problems import counted
from epochal.errors import Problem

_SHOWN = 3


def mask_faults(subject: Subject, facts: FileFacts | None) -> list[Finding]:
    """The samples whose masks can't be used; facts: of their image files, else None."""
    masks = subject.source.masks
    if masks is None:
        return []
    by_kind: dict[str, list[tuple[int, Problem]]] = defaultdict(list)
    for row, fault in enumerate(masks.faults):
        if fault is not None:
            kind = "bad_mask" if masks.places[row] else "missing_mask"
            # the place is the image's, and what is told is of another file
            told = replace(fault, what=f"its mask: {fault.what}") if kind == "bad_mask" else fault
            by_kind[kind].append((row, told))
        elif (wrong := _other_size(subject.source, facts, row)) is not None:
            by_kind["mask_size"].append((row, wrong))
    words = {
        "missing_mask": "without a mask",
        "bad_mask": "with a mask that can't be used",
        "mask_size": "with a mask of another size than the image",
    }
    found = []
    for kind, faults in by_kind.items():
        rows = [row for row, _ in faults]
        notes = [fault.what for _, fault in faults]
        mend = next(
            (fault.mend for _, fault in faults if fault.mend), "mend the masks, or leave the samples out"
        )
        what = f"{counted(len(rows), 'sample')} {words[kind]}"
        found.append(subject.finding(kind, "error", what, mend, rows, notes, drop=rows))
    return found


def _other_size(source: Source, facts: FileFacts | None, row: int) -> Problem | None:
    assert source.masks is not None
    expected = tuple(source.masks.sizes[row].tolist())
    if facts is not None:
        assert isinstance(source.read, ImageFiles)
        size = tuple(facts.size[row].tolist())
        if size != expected:  # the file may be one to be turned
            size = image_size(source.read.paths[row])
    elif source.array is not None:
        size = source.array.shape[2:]
    else:
        return None  # made anew each time: looked at when they are prepared
    return None if size == expected else other_size(source.masks, row, (size[0], size[1]))


def mask_oddities(subject: Subject) -> list[Finding]:
    """Masks that show one class alone or nothing, that look smoothed, or that belong to no image."""
    masks = subject.source.masks
    if masks is None:
        return []
    found = []
    background = masks.coding.names[0]
    nothing = np.flatnonzero(masks.counts.sum(axis=1) == 0)
    empty = np.flatnonzero((masks.counts[:, 1:].sum(axis=1) == 0) & (masks.counts[:, 0] > 0))
    if len(nothing):
        what = f"{counted(len(nothing), 'mask')} without a pixel of a class"
        mend = "leave the samples out: nothing is learnt from them, and nothing can be scored"
        found.append(subject.finding("unlabelled_mask", "warning", what, mend, nothing))
    if len(empty):
        what = f"{counted(len(empty), 'mask')} with nothing but '{background}'"
        mend = "look whether that is so"
        found.append(subject.finding("empty_mask", "warning", what, mend, empty))
    between = sorted({*masks.coding.values} - {0, 255})
    unnamed = masks.coding.names == tuple(map(str, masks.coding.values))
    if unnamed and between and {0, 255} <= {*masks.coding.values}:
        rows = np.flatnonzero(masks.counts[:, 1:-1].any(axis=1))
        some = ", ".join(map(str, between[:_SHOWN])) + (", ..." if between[_SHOWN:] else "")
        what = f"masks hold {some} besides 0 and 255, and each value is a class"
        mend = "if these are smoothed edges, save the masks without smoothing; else name the 'classes'"
        found.append(subject.finding("smoothed_mask", "warning", what, mend, rows))
    if masks.orphans:
        shown = ", ".join(masks.orphans[:_SHOWN]) + (", ..." if masks.orphans[_SHOWN:] else "")
        what = f"{counted(len(masks.orphans), 'mask')} without an image: {shown}"
        mend = "look whether names differ; a mask is called as its image is"
        found.append(Finding("orphan_mask", "warning", what, mend, len(masks.orphans)))
    return found
