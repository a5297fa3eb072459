"""Tables of scores: overall, per class, of subgroups, and what was confused with what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from epochal.reporting.record import Json, Record, SplitResult
from epochal.reporting.summary import few_units, main_scores, samples_of
from epochal.reporting.words import label, number, percent
from epochal.tasks.scores import COUNTED

_MOST_CELLS = 20  # classes of a confusion matrix that is written with numbers
_MOST_CONFUSED = 15
_MOST_ERRORS = 30
_MOST_CLASSES = 200
_MOST_GROUP_SCORES = 4


def overall_table(record: Record) -> dict[str, Any]:
    """One row a score, one column a split."""
    results = record.results
    overall = [result.scores.get("overall", {}) for result in results]
    names = {name for scores in overall for name in scores}
    ordered = main_scores(dict.fromkeys(name for scores in overall for name in scores), len(names))
    rows = [(name, [cell(result.scores, name) for result in results]) for name in ordered]
    low, high = _scale([found for _, cells in rows for found in cells])
    methods = [result.scores["interval_method"] for result in results if result.scores.get("intervals")]
    return {
        "splits": [(result.name, samples_of(record, result)) for result in results],
        "rows": [(name, [_placed(found, low, high) for found in cells]) for name, cells in rows],
        "scale": (low, high),
        "seen": [
            (result.name, samples_of(record, result), seen)
            for result in results
            if any((seen := result.scores.get("seen_in_training") or {}).values())
        ],
        "method": methods[0] if methods else "",
        "warnings": [
            (result.name, result.scores["interval_warning"])
            for result in results
            if result.scores.get("interval_warning")
        ],
        "baselines": [
            (result.name, rule, found)
            for result in results
            for rule, found in result.scores.get("baselines", {}).items()
        ],
        "calibration": [
            (result.name, result.scores["calibration"], result.scores.get("intervals", {}).get("brier"))
            for result in results
            if result.scores.get("calibration")
        ],
        "thresholds": [_threshold(result) for result in results if result.scores.get("threshold")],
    }


def cell(scores: Json, name: str) -> dict[str, Any] | None:
    """A score and its interval; None where it was not computed. bar: of what lies between 0 and 1, both.

    few: ``6 groups`` where the interval is from no more than these, else empty.
    """
    value = scores.get("overall", {}).get(name)
    if value is None:
        return None
    interval: list[float] | None = (scores.get("intervals") or {}).get(name)
    bar = None if interval is None or name == "loss" else (interval[0], value, interval[1])
    if bar is not None and not all(0 <= end <= 1 for end in bar):
        bar = None
    return {"value": value, "interval": interval, "bar": bar, "few": few_units(scores) if interval else ""}


def _scale(cells: Sequence[dict[str, Any] | None]) -> tuple[float, float]:
    """The tenths between 0 and 1 that hold all bars."""
    ends = [end for found in cells if found and found["bar"] for end in found["bar"]]
    if not ends:
        return 0.0, 1.0
    low, high = math.floor(10 * min(ends)) / 10, math.ceil(10 * max(ends)) / 10
    low = max(0.0, low - 0.1) if low == high else low
    return low, max(high, low + 0.1)


def _placed(found: dict[str, Any] | None, low: float, high: float) -> dict[str, Any] | None:
    """The cell with its bar on a scale, as shares of its length."""
    if not (found and found["bar"]):
        return found
    return {**found, "bar": [round((end - low) / (high - low), 4) for end in found["bar"]]}


def _threshold(result: SplitResult) -> dict[str, Any]:
    """A split's thresholds, and of the scores that they change what those are without."""
    found, before = result.scores["threshold"], result.scores["without_threshold"]["overall"]
    value = found["value"]
    if isinstance(value, dict):  # of labels, one each
        value = ", ".join(f"{name} {number(each)}" for name, each in value.items())
    counted = {name: score for name, score in before.items() if name in COUNTED}
    return {
        "split": result.name,
        **found,
        "value": value,
        "without": counted,
        "scores": main_scores(counted, len(counted)),
    }


def class_table(result: SplitResult) -> dict[str, Any] | None:
    """One row a class, label or target."""
    classes: dict[str, Json] = result.scores.get("per_class") or {}
    if len(classes) < 2:  # of one target, they are the overall scores
        return None
    names = list(dict.fromkeys(name for scores in classes.values() for name in scores if name != "support"))
    intervals = result.scores.get("class_intervals") or {}
    has_support = any("support" in scores for scores in classes.values())
    return {
        "kind": "class"
        if "confusion" in result.tables
        else "target"
        if "scatter" in result.tables
        else "label",
        "names": names,
        "support": has_support,
        "rows": list(classes.items())[:_MOST_CLASSES],
        "intervals": intervals,
        "left_out": max(0, len(classes) - _MOST_CLASSES),
    }


def confusion(result: SplitResult) -> dict[str, Any] | None:
    """The matrix where its numbers can be read, and the pairs that were confused most."""
    table = result.tables.get("confusion")
    if table is None:
        return None
    names = [str(name) for name in table["TARGET"]]
    counts = table[:, 1:].to_numpy().astype(np.int64)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows = [
        (name, [_confusion_cell(int(n), float(share)) for n, share in zip(*row, strict=True)])
        for name, *row in zip(names, counts, shares, strict=True)
    ]
    shown = len(names) <= _MOST_CELLS
    return {
        "names": names,
        "rows": rows if shown else [],
        "classes": len(names),
        "right": int(np.trace(counts)),
        "samples": int(counts.sum()),
        "pairs": _pairs(result.tables.get("confused"), names, counts, shares),
    }


def _confusion_cell(count: int, share: float) -> dict[str, Any]:
    """heat: how opaque its colour is. strong: it is so dark that its text must be white.

    The shades between are left out: neither black nor white can be read on them.
    """
    # the root lets a confusion of one in a hundred be seen beside a diagonal of ones
    root = share**0.5
    strong = root > 0.62
    heat = 0.8 + 0.2 * (root - 0.62) / 0.38 if strong else 0.8 * root
    return {"count": count, "percent": percent(share), "heat": round(heat, 3), "strong": strong}


def _pairs(
    table: pl.DataFrame | None, names: Sequence[str], counts: Any, shares: Any
) -> list[tuple[Any, ...]]:
    """(true, predicted, count, share of the true class), most frequent first."""
    if table is not None:
        return list(table.select("TARGET", "PREDICTION", "COUNT", "SHARE").head(_MOST_CONFUSED).rows())
    found = [
        (names[row], names[column], int(counts[row, column]), float(shares[row, column]))
        for row, column in np.argwhere(counts)
        if row != column
    ]
    return sorted(found, key=lambda pair: -pair[2])[:_MOST_CONFUSED]


def subgroups(result: SplitResult) -> dict[str, Any] | None:
    """The scores of each value of each column, and the fairness gaps."""
    groups: Json = result.scores.get("subgroups") or {}
    gaps: Json = result.scores.get("gaps") or {}
    if not (groups or gaps):
        return None
    return {
        "split": result.name,
        "columns": [_subgroup(column, values) for column, values in groups.items()],
        "gap_names": list(dict.fromkeys(name for values in gaps.values() for name in values)),
        "gaps": list(gaps.items()),
    }


def _subgroup(column: str, values: Json) -> dict[str, Any]:
    overall: Json = {}
    for found in values.values():
        overall |= found.get("overall", {})
    names = main_scores(
        {name: value for name, value in overall.items() if name != "loss"}, _MOST_GROUP_SCORES
    )
    first = [cell(found, name) for found in values.values() for name in names[:1]]
    low, high = _scale(first)
    return {
        "column": column,
        "scale": (low, high),
        "bars": any(found and found["bar"] for found in first),
        "names": names,
        "rows": [
            {
                "value": value,
                "samples": found.get("samples"),
                "too_small": bool(found.get("too_small")),
                "cells": [_placed(cell(found, name), low, high) for name in names],
            }
            for value, found in values.items()
        ],
        "some_too_small": any(found.get("too_small") for found in values.values()),
    }


def mistakes(result: SplitResult) -> dict[str, Any] | None:
    """The table beside the gallery: the samples of ``curves/errors_{split}.csv``, whatever its columns."""
    table = result.tables.get("errors")
    if table is None and result.gallery is None:
        return None
    shown = table.head(_MOST_ERRORS) if table is not None else pl.DataFrame()
    whole = {column for column in shown.columns if shown[column].dtype.is_integer()}
    return {
        "split": result.name,
        "columns": [label(column.lower()) for column in shown.columns],
        "numeric": [shown[column].dtype.is_numeric() for column in shown.columns],
        "rows": [
            [
                label(value) if column == "KIND" else str(value) if column in whole else number(value)
                for column, value in zip(shown.columns, row, strict=True)
            ]
            for row in shown.rows()
        ],
        "samples": len(table) if table is not None else 0,
    }


def folds(record: Record) -> dict[str, Any] | None:
    """One row a fold, then the mean and the standard deviation, then the pooled scores."""
    found: list[Json] = record.crossval.get("folds") or []
    if not found:
        return None
    names = {name: 0 for fold in found for name in fold.get("overall", {})}
    pooled = record.crossval.get("pooled") or {}
    ordered = main_scores(names, len(names))
    return {
        "names": ordered,
        "rows": [
            (str(fold.get("fold")), fold.get("run", ""), [fold["overall"].get(name) for name in ordered])
            for fold in found
        ],
        "mean": [record.crossval.get("mean", {}).get(name) for name in ordered],
        "std": [record.crossval.get("std", {}).get(name) for name in ordered],
        "pooled": [pooled.get("overall", {}).get(name) for name in ordered] if pooled else [],
    }
