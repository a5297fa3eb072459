"""Runs beside each other: what they differ in, how good each is, and which differences are clear."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from epochal.analysis.paired import SeedDifference, across_seeds, holm
from epochal.console import Console
from epochal.experiment.paired_runs import (
    PairedDifference,
    Samples,
    doubt_of,
    not_the_same,
    paired_differences,
    read_samples,
)
from epochal.experiment.run_groups import Group, common_scores, common_split, group_runs
from epochal.run.index import entry_of
from epochal.run.run import Run
from epochal.tasks.scores import direction

_CLEAR = 0.05  # from this p-value on a difference is not called one


@dataclass(frozen=True)
class RunDifference:
    """A score of one group minus that of the first group.

    first, other: labels. low, high: the 95 % interval. p_value: two-sided. adjusted: by Holm's method where
    several groups are compared with the first, else None. test: what gave the p-value.
    """

    score: str
    first: str
    other: str
    difference: float
    low: float
    high: float
    p_value: float
    adjusted: float | None
    test: str

    @property
    def better(self) -> str:
        """The label of the better group; empty where no difference is clear, or which way is good."""
        good = direction(self.score)
        if good is None or not self.p_to_report < _CLEAR:
            return ""
        return self.other if (self.difference > 0) == (good == "max") else self.first

    @property
    def p_to_report(self) -> float:
        """The adjusted p-value where there is one."""
        return self.p_value if self.adjusted is None else self.adjusted

    @property
    def sentence(self) -> str:
        """``B is better by 0.0120 [0.0030, 0.0210], p = 0.01 (McNemar)``."""
        if math.isnan(self.p_value):
            shown = _number(self.difference)
            return f"{self.other} - {self.first} = {shown}, with no spread to judge it by ({self.test})"
        adjusted = "" if self.adjusted is None else ", Holm"
        ending = f"{p_text(self.p_to_report)} ({self.test}{adjusted})"
        shown = _interval(self.difference, self.low, self.high)
        if not self.p_to_report < _CLEAR:
            return f"no clear difference: {self.other} - {self.first} = {shown}, {ending}"
        if not self.better:
            return f"{self.other} - {self.first} = {shown}, {ending}"
        turned = self.difference < 0
        bounds = (-self.high, -self.low) if turned else (self.low, self.high)
        return f"{self.better} is better by {_interval(abs(self.difference), *bounds)}, {ending}"


@dataclass(frozen=True)
class Comparison:
    """split: whose scores these are. notes: what could not be compared, and why."""

    split: str
    scores: tuple[str, ...]
    groups: tuple[Group, ...]
    differences: tuple[RunDifference, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values, those that are not finite as None."""
        return {
            "split": self.split,
            "scores": list(self.scores),
            "groups": [_plain_group(group) for group in self.groups],
            "differences": [
                {
                    **{key: _finite(value) for key, value in asdict(each).items()},
                    "better": each.better,
                    "sentence": each.sentence,
                }
                for each in self.differences
            ],
            "notes": list(self.notes),
        }

    def rows(self) -> tuple[list[str], list[list[Any]]]:
        """Header and rows of a table, one a group: its runs, what it differs in, its scores."""
        parameters = list(self.groups[0].parameters)
        header = ["label", "runs", *parameters]
        for score in self.scores:
            header += [score, f"{score}_low", f"{score}_high"]
        rows = []
        for group in self.groups:
            row: list[Any] = [group.label, " ".join(str(run) for run in group.runs)]
            row += [group.parameters[key] for key in parameters]
            for score in self.scores:
                row += [group.scores[score], *(group.intervals.get(score) or (None, None))]
            rows.append(row)
        return header, rows

    def difference_rows(self) -> tuple[list[str], list[list[Any]]]:
        """Header and rows of the table of differences."""
        names = [name for name in RunDifference.__dataclass_fields__ if name != "better"]
        rows = [[*(_finite(getattr(each, name)) for name in names), each.better] for each in self.differences]
        return [*names, "better"], rows


def compare_runs(
    runs: Sequence[Run], metric: str | Sequence[str], console: Console, one: bool = False
) -> Comparison:
    """What the verb ``compare`` gives, of one run or more.

    one: runs that all differ by their seed only are one group, with nothing to be compared with.
    """
    entries = [entry_of(run) for run in runs]
    split = common_split(entries)
    wanted = metric.split(",") if isinstance(metric, str) and metric else metric
    scores = common_scores(entries, split, wanted)
    groups = group_runs(entries, split, scores, one)
    first, *others = groups
    differences: list[RunDifference] = []
    notes: list[str] = []
    known: dict[Path, Samples | str] = {}
    with console.progress("comparing", len(others)) as advance:
        for other in others:
            if len(first.runs) == len(other.runs) == 1:
                found = _sample_by_sample(first, other, split, scores, known)
            else:
                found = _seed_by_seed(first, other, scores)
            if isinstance(found, str):
                notes.append(f"{first.label} and {other.label} are not tested: {found}")
            else:
                differences += found
                notes += _doubts(first, other, known)
            advance(1)
    return Comparison(split, scores, groups, _adjusted(differences), tuple(dict.fromkeys(notes)))


def _sample_by_sample(
    first: Group, other: Group, split: str, scores: Sequence[str], known: dict[Path, Samples | str]
) -> list[RunDifference] | str:
    """The differences, or why there are none."""
    pair = []
    for group in (first, other):
        (run,) = group.runs
        if run.path not in known:
            is_validation = run.folder.crossval.exists()
            known[run.path] = read_samples(run, "pooled" if is_validation else split)
        samples = known[run.path]
        if isinstance(samples, str):
            return samples
        pair.append(samples)
    if why := not_the_same(*pair):
        return why
    found = paired_differences(pair[0], pair[1], [score for score in scores if score != "loss"])
    return [_difference(score, first, other, each, each.test) for score, each in found.items()]


def _doubts(first: Group, other: Group, known: dict[Path, Samples | str]) -> list[str]:
    """A note where two runs were tested on so few samples or groups that intervals are hardly intervals."""
    a, b = (known.get(group.runs[0].path) for group in (first, other))
    if not (isinstance(a, Samples) and isinstance(b, Samples)):  # means over seeds
        return []
    doubt = doubt_of(a, b)
    return [f"{first.label} and {other.label}: 95 % intervals are {doubt}"] if doubt else []


def _difference(
    score: str, first: Group, other: Group, found: PairedDifference | SeedDifference, test: str
) -> RunDifference:
    interval = found.difference, found.low, found.high
    return RunDifference(score, first.label, other.label, *interval, found.p_value, None, test)


def _seed_by_seed(first: Group, other: Group, scores: Sequence[str]) -> list[RunDifference] | str:
    sizes = len(first.runs), len(other.runs)
    if min(sizes) < 2:
        alone = first if sizes[0] < 2 else other
        return f"{alone.label} has one run only; give it further seeds"
    differences = []
    for score in scores:
        each = across_seeds(other.values[score], first.values[score])
        differences.append(_difference(score, first, other, each, "Welch's t"))
    return differences


def _adjusted(differences: Sequence[RunDifference]) -> tuple[RunDifference, ...]:
    """With Holm's p-values, over the groups that are compared with the first, for each score."""
    found = list(differences)
    for score in {each.score for each in found}:
        places = [
            place for place, each in enumerate(found) if each.score == score and not math.isnan(each.p_value)
        ]
        if len(places) > 1:
            adjusted = holm([found[place].p_value for place in places])
            for place, value in zip(places, adjusted, strict=True):
                found[place] = replace(found[place], adjusted=value)
    return tuple(found)


def _plain_group(group: Group) -> dict[str, Any]:
    return {
        "label": group.label,
        "runs": [str(run) for run in group.runs],
        "parameters": group.parameters,
        "scores": group.scores,
        "values": {score: list(values) for score, values in group.values.items()},
        "intervals": {score: list(interval) for score, interval in group.intervals.items()},
    }


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def p_text(p_value: float) -> str:
    """``p = 0.01``, ``p < 0.001``."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"


def _interval(value: float, low: float, high: float) -> str:
    return f"{_number(value)} [{_number(low)}, {_number(high)}]"


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.2f}"
