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

    Below them the calibration, and for each threshold what it gives.
    """
    found = {split: _read(run, split) for split in splits}
    found = {split: content for split, content in found.items() if content}
    if not found:
        return
    rows = {split: _rows(content) for split, content in found.items()}
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
    _print_threshold(found[last].get("threshold"))


def _read(run: Run, split: str) -> dict[str, Any]:
    path = run.folder.scores(split)
    content: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return content


def _rows(content: dict[str, Any]) -> dict[str, float]:
    calibration = content.get("calibration", {})
    return {**content["overall"], **{name: calibration[name] for name in ("ece", "brier") if calibration}}


def _print_threshold(threshold: dict[str, Any] | None) -> None:
    if threshold is None:
        return
    value = threshold["value"]
    values = value if isinstance(value, dict) else {threshold["class"]: value}
    texts = ", ".join(f"{each:.4f} of {name}" for name, each in values.items())
    scores = ", ".join(f"{name} {each:.4f}" for name, each in threshold["overall"].items())
    click.echo(f"at the threshold {texts} ({threshold['rule']} on {threshold['chosen_on']}): {scores}")
