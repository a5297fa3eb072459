"""Runs to be compared: each by itself, or those that differ by their seed only together."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from epochal.analysis.paired import across_seeds
from epochal.errors import Problem, RequestError, did_you_mean
from epochal.run.index import Entry
from epochal.run.parameters import varying
from epochal.run.run import Run

Interval = tuple[float, float]


@dataclass(frozen=True)
class Group:
    """One run, or several that differ by their seed only.

    label: A, B, ... parameters: those that the groups differ in. values: each score of each run, in the
    order of ``runs``. intervals: 95 %, of the mean over seeds (Student's t; none where all seeds give the
    same), or of the one run as it wrote it down.
    """

    label: str
    runs: tuple[Run, ...]
    parameters: dict[str, Any]
    values: dict[str, tuple[float, ...]]
    intervals: dict[str, Interval]

    @property
    def scores(self) -> dict[str, float]:
        """The means over the runs."""
        return {score: math.fsum(values) / len(values) for score, values in self.values.items()}


def group_runs(
    entries: Sequence[Entry], split: str, scores: Sequence[str], one: bool = False
) -> tuple[Group, ...]:
    """The groups in the order of their first runs.

    one: leave it at a single group where all are equal but for the seed; otherwise each run is its own then.
    """
    seen: Counter[str] = Counter()
    alike: dict[tuple[str, int], list[Entry]] = {}
    for entry in entries:
        settings = {key: value for key, value in entry.settings.items() if key != "seed"}
        same = json.dumps([settings, entry.folds], sort_keys=True)
        with_seed = f"{same} {entry.settings.get('seed')}"
        alike.setdefault((same, seen[with_seed]), []).append(entry)  # a repeated run is no other seed
        seen[with_seed] += 1
    members = list(alike.values())
    if len(members) == 1 and not one:
        members = [[entry] for entry in entries]
    ignored = {"seed"} if any(len(each) > 1 for each in members) else set()
    differing = varying(
        [{key: each[0].settings[key] for key in each[0].settings if key not in ignored} for each in members]
    )
    return tuple(
        _group(
            _letters(place), each, {key: values[place] for key, values in differing.items()}, split, scores
        )
        for place, each in enumerate(members)
    )


def _group(
    label: str, members: list[Entry], parameters: dict[str, Any], split: str, scores: Sequence[str]
) -> Group:
    values = {score: tuple(_scores(entry, split)[score] for entry in members) for score in scores}
    if len(members) > 1:  # the difference of their mean and a constant
        spreads = {score: across_seeds(each, (0.0, 0.0)) for score, each in values.items()}
        intervals = {
            score: (spread.low, spread.high) for score, spread in spreads.items() if math.isfinite(spread.low)
        }
    else:
        written = _content(members[0], split).get("intervals") or {}
        intervals = {score: (written[score][0], written[score][1]) for score in scores if score in written}
    return Group(label, tuple(entry.run for entry in members), parameters, values, intervals)


def common_split(entries: Sequence[Entry]) -> str:
    """``test`` where every run has been tested, else ``val``; RequestError for runs without scores."""
    for split in ("test", "val"):
        if all(_scores(entry, split) for entry in entries):
            return split
    without = [entry for entry in entries if not entry.metrics] or entries
    raise RequestError(
        *(
            Problem("it has no scores to compare", str(entry.run), f"it is {entry.status}")
            for entry in without
        )
    )


def common_scores(entries: Sequence[Entry], split: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """The scores wanted, by default all that every run has, the loss at the end."""
    each = [_scores(entry, split) for entry in entries]
    common = [score for score in each[0] if all(score in own for own in each)]
    chosen = [score.strip().rpartition("/")[2] for score in wanted]
    problems = [
        Problem(f"not all runs have the score '{score}' of {split}", mend=did_you_mean(score, common))
        for score in chosen
        if score not in common
    ]
    if problems or not common:
        raise RequestError(*(problems or [Problem("the runs have no score in common")]))
    return tuple(dict.fromkeys(chosen) or sorted(common, key=lambda score: score == "loss"))


def _scores(entry: Entry, split: str) -> dict[str, float]:
    """The scores of one split; those of all folds' predictions together for a cross-validation's test."""
    if entry.folds and split == "test":
        return dict(_content(entry, split)["overall"])
    start = f"{split}/"
    return {key.removeprefix(start): value for key, value in entry.metrics.items() if key.startswith(start)}


def _content(entry: Entry, split: str) -> dict[str, Any]:
    """What the run wrote down of a split."""
    if entry.folds:
        pooled: dict[str, Any] = json.loads(entry.run.folder.crossval.read_text())["pooled"]
        return {**pooled, "overall": pooled.get("overall") or {}}
    path = entry.run.folder.scores(split)
    content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return content


def _letters(place: int) -> str:
    """A, B, ..., Z, AA, AB, ..."""
    return (_letters(place // 26 - 1) if place >= 26 else "") + chr(ord("A") + place % 26)
