"""The final scores of a run on screen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from epochal.run.run import Run  # polars loads with it


def print_scores(run: Run, splits: Sequence[str] = ("val", "test")) -> None:
    """The scores of splits side by side, one a line; beside the last of them its 95 % interval.

    Below them the calibration, the thresholds with what the scores are without them, what forecasts without
    learning score, and of the last split its subgroups.
    """
    found = {split: _read(run, split) for split in splits}
    found = {split: content for split, content in found.items() if content}
    if not found:
        return
    rows = {split: score_rows(content) for split, content in found.items()}
    names = list(dict.fromkeys(name for each in rows.values() for name in each))
    width = max(len(name) for name in names)
    last = list(found)[-1]
    intervals = found[last].get("intervals", {})
    room = {split: max(9, len(split)) for split in found}  # other data is called as its file is
    heads = "".join(f"  {split:>{room[split]}}" for split in found)
    click.echo(f"{'':{width}}{heads}" + interval_heading(found[last]))
    for name in names:
        shown = {split: f"{rows[split][name]:.4f}" if name in rows[split] else "" for split in found}
        cells = "".join(f"  {cell:>{room[split]}}" for split, cell in shown.items())
        low_high = "   {:.4f} to {:.4f}".format(*intervals[name]) if name in intervals else ""
        click.echo(f"{name:{width}}{cells}{low_high}")
    print_threshold(found[last], last)
    print_baselines(found[last])
    print_subgroups(found[last])


def interval_heading(content: dict[str, Any]) -> str:
    """``   95 % interval``, with a remark where it is from few samples or groups; empty without intervals."""
    if not content.get("intervals"):
        return ""
    few = ", ".join(f"{count} {unit}" for unit, count in content.get("interval_units", {}).items())
    return "   95 % interval" + (f" (from {few} only)" if "interval_warning" in content else "")


def print_subgroups(content: dict[str, Any]) -> None:
    """Of each value of a column how many samples, the main score with its interval, a mark if too small."""
    if not content.get("subgroups"):
        return
    from epochal.cli.table import Column, text_table
    from epochal.reporting.summary import main_scores

    for name, values in content["subgroups"].items():
        overall = {score: 0 for each in values.values() for score in each["overall"]}
        (score,) = main_scores(overall, 1)
        cells = [each["overall"].get(score) for each in values.values()]
        intervals = [each.get("intervals", {}).get(score) for each in values.values()]
        marks = ["too small to judge" if each["too_small"] else "" for each in values.values()]
        columns = [
            Column(name, list(values)),
            Column("samples", [str(each["samples"]) for each in values.values()], right=True),
            Column(score, ["" if cell is None else f"{cell:.4f}" for cell in cells], right=True),
        ]
        if any(intervals):
            shown = ["{:.4f} to {:.4f}".format(*pair) if pair else "" for pair in intervals]
            columns.append(Column("95 % interval", shown))
        if any(marks):
            columns.append(Column("", marks))
        click.echo("\n" + click.unstyle(text_table(columns)))
        gaps = content.get("gaps", {}).get(name, {})
        if gaps:
            click.echo(", ".join(f"{gap.replace('_', ' ')} gap {value:.4f}" for gap, value in gaps.items()))


def print_baselines(content: dict[str, Any]) -> None:
    """What the naive forecasts of a split score, and how much better the model is."""
    for rule, scores in content.get("baselines", {}).items():
        skill = f"; skill of the model {scores['skill']:.3f}" if "skill" in scores else ""
        click.echo(f"forecast by the {rule}: mae {scores['mae']:.4f}, rmse {scores['rmse']:.4f}{skill}")


def _read(run: Run, split: str) -> dict[str, Any]:
    path = run.folder.scores(split)
    content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return content


def score_rows(content: dict[str, Any]) -> dict[str, float]:
    """The overall scores of a split and its calibration."""
    calibration = content.get("calibration", {})
    return {**content["overall"], **{name: calibration[name] for name in ("ece", "brier") if calibration}}


def print_threshold(content: dict[str, Any], split: str) -> None:
    """At which thresholds the scores of a split are, and what those that change are without them."""
    threshold = content.get("threshold")
    if threshold is None:
        return
    value = threshold["value"]
    values = value if isinstance(value, dict) else {threshold["class"]: value}
    texts = ", ".join(f"{each:.4f} of {name}" for name, each in values.items())
    mean = "each fold's own threshold, on average" if "folds" in threshold else "the threshold"
    click.echo(f"decided at {mean} {texts} ({threshold['rule']} on {threshold['chosen_on']})")
    before = content["without_threshold"]["overall"]
    changed = {name: each for name, each in before.items() if each != content["overall"].get(name)}
    scores = ", ".join(f"{name} {each:.4f}" for name, each in changed.items())
    click.echo(f"{split} without it: {scores or 'the same'}")
