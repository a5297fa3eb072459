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

    Below them the calibration, and the thresholds with what the scores are without them.
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
    heads = "".join(f"  {split[:9]:>9}" for split in found)
    click.echo(f"{'':{width}}{heads}" + ("   95 % interval" if intervals else ""))
    for name in names:
        cells = "".join(f"  {rows[split][name]:9.4f}" if name in rows[split] else " " * 11 for split in found)
        low_high = "   {:.4f} to {:.4f}".format(*intervals[name]) if name in intervals else ""
        click.echo(f"{name:{width}}{cells}{low_high}")
    print_threshold(found[last])


def _read(run: Run, split: str) -> dict[str, Any]:
    path = run.folder.scores(split)
    content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return content


def score_rows(content: dict[str, Any]) -> dict[str, float]:
    """The overall scores of a split and its calibration."""
    calibration = content.get("calibration", {})
    return {**content["overall"], **{name: calibration[name] for name in ("ece", "brier") if calibration}}


def print_threshold(content: dict[str, Any]) -> None:
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
    click.echo(f"without it: {scores or 'the same'}")
