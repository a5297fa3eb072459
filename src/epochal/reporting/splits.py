"""The splits of the data side by side, as the checks before training saw them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from epochal.reporting.record import POOLED, Json, Record

SPLITS = ("train", "val", "test", "all")

_MOST_INPUTS = 40
_COLOURS = {1: ("gray",), 3: ("red", "green", "blue")}


def class_counts(record: Record) -> dict[str, dict[str, int]]:
    """Samples of each class or label, by split, as ``inspect.json`` has them.

    A run of an older version has none there: they are those of its statistics and its predictions then.
    """
    seen = {split: dict(summary["counts"]) for split, summary in _seen(record).items() if "counts" in summary}
    if seen:
        return seen
    counts = {split: found for split, found in record.predicted.items() if split in SPLITS}
    pooled = record.predicted.get(POOLED, {})
    if pooled and sum(pooled.values()) == (record.derived.get("samples") or {}).get("all"):
        counts["all"] = pooled
    if record.statistics.get("target_counts"):
        names = [str(name) for name in record.derived.get("names") or ()]
        counts["train"] = dict(zip(names, record.statistics["target_counts"], strict=False))
    return counts


def side_by_side(record: Record) -> dict[str, Any] | None:
    """Of each split its groups, sizes of images, targets, and the mean and spread of each input."""
    seen = _seen(record)
    inputs = {split: summary["inputs"] for split, summary in seen.items() if "inputs" in summary}
    if record.derived.get("kind") == "text":  # numbers of tokens are names
        inputs = {}
    elif not inputs and record.statistics.get("mean"):
        inputs = {"train": record.statistics}
    splits = list(seen or inputs)
    names = _input_names(record, len(inputs["train"]["mean"])) if "train" in inputs else []
    rows = [
        (name, [_mean_and_spread(inputs.get(split), place) for split in splits], _range(inputs, place))
        for place, name in enumerate(names)
        if name not in (record.derived.get("codes") or ())  # of categories, which have no mean
    ]
    found = {
        "kind": "channel" if record.derived.get("kind") in ("image", "series") else "column",
        "inputs": rows[:_MOST_INPUTS],
        "left_out": max(0, len(rows) - _MOST_INPUTS),
        "targets": _targets(seen),
        "words": _words(seen),
    }
    return {"splits": splits, **found} if any(found[key] for key in ("inputs", "targets", "words")) else None


def _seen(record: Record) -> dict[str, Json]:
    """The summary of each split; none of a cross-validation, whose folds have each their own."""
    found: dict[str, Json] = {} if record.is_parent else record.inspection.get("splits") or {}
    return {split: found[split] for split in SPLITS if split in found}


def _input_names(record: Record, count: int) -> Sequence[str]:
    """As ``epochal inspect`` has them."""
    if record.derived.get("kind") == "image":
        return _COLOURS.get(count, [f"channel {place + 1}" for place in range(count)])
    features: list[str] = record.derived.get("features") or []
    word = "channel" if record.derived.get("kind") == "series" else "column"
    return features if len(features) == count else [f"{word} {place + 1}" for place in range(count)]


def _mean_and_spread(statistics: Json | None, place: int) -> tuple[float, float] | None:
    return None if statistics is None else (statistics["mean"][place], statistics["std"][place])


def _range(inputs: Mapping[str, Json], place: int) -> tuple[float, float]:
    return inputs["train"]["minimum"][place], inputs["train"]["maximum"][place]


def _targets(seen: Mapping[str, Json]) -> list[tuple[str, list[tuple[float, float] | None]]]:
    names = dict.fromkeys(name for summary in seen.values() for name in summary.get("target_mean", {}))
    return [
        (
            name,
            [
                (summary["target_mean"][name], summary["target_std"][name])
                if name in summary.get("target_mean", {})
                else None
                for summary in seen.values()
            ],
        )
        for name in names
    ]


def _words(seen: Mapping[str, Json]) -> list[tuple[str, list[str]]]:
    """Rows of text: how many groups, and how large image files are."""
    rows = []
    if any("groups" in summary for summary in seen.values()):
        rows.append(("groups", [f"{summary.get('groups', 0):,}" for summary in seen.values()]))
    for place, word in enumerate(("smallest", "median", "largest")):
        sizes = [summary.get("image_sizes") for summary in seen.values()]
        if any(sizes):
            cells = ["×".join(map(str, each[place])) if each else "–" for each in sizes]
            rows.append((f"{word} image, high × wide", cells))
    return rows
