"""Several runs side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from epochal.reporting.chart import Chart
from epochal.reporting.charts import overlaid
from epochal.reporting.facts import flat_settings
from epochal.reporting.record import POOLED, Json, Record
from epochal.reporting.scores import cell
from epochal.reporting.summary import MAIN_SCORES, few_units, main_scores
from epochal.reporting.words import is_lower_better

_MOST_CHARTS = 4


def named(records: Sequence[Record]) -> dict[str, Record]:
    """The runs under names that tell them apart: experiment and id, with the time where both are equal."""
    short = [f"{record.run.name} {record.run.id}" for record in records]
    return {
        name if short.count(name) == 1 else f"{record.run.name}/{record.run.path.name}": record
        for name, record in zip(short, records, strict=True)
    }


def score_table(records: Mapping[str, Record]) -> dict[str, Any]:
    """One table a split that any run was scored on; the best of each score is marked."""
    splits = dict.fromkeys(result.name for record in records.values() for result in record.results)
    order = dict.fromkeys([split for split in (POOLED, "test", "val") if split in splits] + list(splits))
    return {"splits": [_of_split(records, split) for split in order]}


def _of_split(records: Mapping[str, Record], split: str) -> dict[str, Any]:
    found = {
        name: next((result.scores for result in record.results if result.name == split), {})
        for name, record in records.items()
    }
    names = {score for scores in found.values() for score in scores.get("overall", {})}
    ordered = main_scores(dict.fromkeys(sorted(names)), len(names))
    rows = [(score, [_bare(cell(scores, score)) for scores in found.values()]) for score in ordered]
    return {
        "split": split,
        "runs": [(name, few_units(scores)) for name, scores in found.items()],
        "rows": [(score, cells, _best(score, cells)) for score, cells in rows],
    }


def _bare(found: dict[str, Any] | None) -> dict[str, Any] | None:
    """A cell without how few samples it is of: the head of its column says so."""
    return found and {**found, "few": ""}


def _best(score: str, cells: Sequence[dict[str, Any] | None]) -> float | None:
    """The best value, None where all are equal or fewer than two are known, or where it has no direction."""
    values = [found["value"] for found in cells if found]
    if len(set(values)) < 2 or score not in MAIN_SCORES:
        return None
    return float(min(values) if is_lower_better(score) else max(values))


def training_charts(records: Mapping[str, Record]) -> list[Chart]:
    """Validation loss and scores of all runs over epochs."""
    keys = dict.fromkeys(
        f"val/{score}"
        for score in ("loss", *MAIN_SCORES)
        if any(f"val/{score}" in row for record in records.values() for row in record.history)
    )
    charts = [overlaid(records, key) for key in list(keys)[:_MOST_CHARTS]]
    return [chart for chart in charts if chart.series]


def parameters(records: Mapping[str, Record]) -> dict[str, Any]:
    """The settings that differ, and those that do not."""
    settings = [flat_settings(record.config) for record in records.values()]
    keys = list(dict.fromkeys(key for each in settings for key in each))
    rows = [(key, [each.get(key, "–") for each in settings]) for key in keys]
    return {
        "runs": list(records),
        "differing": [(key, values) for key, values in rows if len(set(values)) > 1],
        "equal": [(key, values[0]) for key, values in rows if len(set(values)) == 1],
    }


def differences(records: Mapping[str, Record], comparison: Json) -> dict[str, Any]:
    """The tested differences of a comparison, pair by pair, and what could not be tested."""
    rows: list[Json] = comparison.get("differences") or []
    notes = comparison.get("notes") or []
    if not (rows or notes):
        return {}
    names = _labelled(records, comparison.get("groups") or [])
    pairs = dict.fromkeys((row.get("other", ""), row.get("first", "")) for row in rows)
    return {
        "pairs": [
            {
                "other": names.get(other, other),
                "first": names.get(first, first),
                "labels": (other, first),
                "rows": [
                    {**row, "verdict": _verdict(row)}
                    for row in rows
                    if (row.get("other", ""), row.get("first", "")) == (other, first)
                ],
            }
            for other, first in pairs
        ],
        "adjusted": any(row.get("adjusted") is not None for row in rows),
        "notes": notes,
        "split": comparison.get("split") or "",
    }


def _labelled(records: Mapping[str, Record], groups: Sequence[Json]) -> dict[str, str]:
    """``B`` -> ``B: digits c6fb1d79``, or how many seeds it is."""
    by_folder = {record.run.path.name: name for name, record in records.items()}
    found = {}
    for group in groups:
        folders = [Path(run).name for run in group["runs"]]
        seeds = f" and {len(folders) - 1} more seed{'s' * (len(folders) > 2)}" if len(folders) > 1 else ""
        found[group["label"]] = f"{group['label']}: {by_folder.get(folders[0], folders[0])}{seeds}"
    return found


def _verdict(row: Json) -> str:
    """What a difference comes to, in words."""
    if row.get("better"):
        return f"{row['better']} is better"
    return "no spread to judge by" if row.get("p_value") is None else "no clear difference"
