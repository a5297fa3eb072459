"""The split by time: what comes first trains, what comes last tests."""

from __future__ import annotations

import numpy as np

from epochal.data.manifest import Array, Manifest
from epochal.data.moments import as_moments
from epochal.data.problems import counted
from epochal.data.split import Split, from_places
from epochal.errors import DataError, Problem

_WHERE = "data.split"


def time(
    manifest: Manifest,
    seed: int,  # noqa: ARG001 - as of every split
    *,
    val: float = 0.1,
    test: float = 0.2,
    column: str | None = None,
) -> Split:
    """The first rows train, the next share ``val`` validates, the last share ``test`` tests.

    column: of the data, a time or number that orders the rows; by default what part of its series a sample
    covers, as of the source ``forecast``. Shares are of the rows by where they end. A row that reaches across
    a border is left out: so no target of one split is in the input, or the target, of another.
    """
    if not (0 < val < 1 and 0 <= test < 1 and val + test < 1):
        mend = "val must be above 0, test 0 or above, and both together under 1"
        raise DataError(Problem(f"val: {val}, test: {test} leave no sound split", where=_WHERE, mend=mend))
    begin, end = _reach(manifest, column)
    # the last moment of each part; equal moments are never torn
    ordered = np.sort(end)
    borders = [ordered[max(0, round(share * len(end)) - 1)] for share in (1 - val - test, 1 - test)]
    placed = np.full(len(manifest), "", dtype=object)
    placed[end <= borders[0]] = "train"
    placed[(begin > borders[0]) & (end <= borders[1])] = "val"
    placed[begin > borders[1]] = "test"
    wanted = ["train", "val", *(["test"] if test else [])]
    empty = [name for name in wanted if not (placed == name).any()]
    if empty:
        what = f"{' and '.join(empty)} would be without a row"
        mend = (
            "a part must be longer than one sample with its target: set greater shares, or a shorter history"
        )
        raise DataError(Problem(what, _WHERE, mend))
    across = int((placed == "").sum())
    words = f"time(val={val}, test={test})"
    if across:
        words += f", {counted(across, 'row')} across its borders left out"
    return from_places(placed, words)


def _reach(manifest: Manifest, column: str | None) -> tuple[Array, Array]:
    """The first and the last moment of each row, float64 [N]."""
    if column is None:
        if manifest.spans is None:
            mend = "name a column of times or numbers: {name: time, column: ...}"
            raise DataError(Problem("the data does not say when its samples are from", _WHERE, mend))
        return manifest.spans.begin, manifest.spans.end
    if manifest.columns is None or column not in manifest.columns.columns:
        known = "none" if manifest.columns is None else ", ".join(manifest.columns.columns)
        raise DataError(
            Problem(f"the data has no column '{column}'", f"{_WHERE}.column", f"there are: {known}")
        )
    found = as_moments(manifest.columns[column])
    wrong = np.flatnonzero(~np.isfinite(found))
    if len(wrong):
        one = manifest.filenames[int(wrong[0])]
        what = f"'{column}' of {counted(len(wrong), 'row')} is no time, as of '{one}'"
        raise DataError(Problem(what, f"{_WHERE}.column", "write dates as 2020-01-31 12:30, or numbers"))
    return found, found
