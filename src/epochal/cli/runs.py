"""``epochal runs``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from epochal.cli.options import json_option, runs_option

if TYPE_CHECKING:
    from epochal.run.run import Run

_STYLES = {"finished": "green", "running": "cyan", "interrupted": "yellow", "failed": "red", "crashed": "red"}
_SCORES = ("accuracy", "balanced_accuracy", "f1", "roc_auc", "mae", "rmse", "r2", "loss")
_MOST_SCORES = 4


@click.command("runs")
@click.argument("name", required=False)
@runs_option
@json_option
def command(name: str | None, runs: str, as_json: bool) -> None:
    """List the runs, or those of experiment NAME: how each stands, and its scores."""
    from epochal.verbs import runs as verb

    found = verb.runs(name, runs=runs)
    if as_json:
        click.echo(json.dumps([_as_json(run) for run in found]))
    elif found:
        _print(found)
    else:
        of = f" of '{name}'" if name else ""
        click.echo(f"no runs{of} in {runs}/; `epochal train digits` makes one", err=True)


def _as_json(run: Run) -> dict[str, object]:
    return {
        "name": run.name,
        "id": run.id,
        "path": str(run.path),
        "status": run.status,
        "reason": run.reason,
        "epoch": _epoch(run),
        "metrics": run.metrics,
    }


def _print(found: list[Run]) -> None:
    from rich.console import Console  # 50 ms that --json need not pay
    from rich.table import Table

    metrics = [run.metrics for run in found]
    prefix = [("test/" if any(key.startswith("test/") for key in values) else "val/") for values in metrics]
    scores = [
        score
        for score in _SCORES
        if any(p + score in values for p, values in zip(prefix, metrics, strict=True))
    ][:_MOST_SCORES]
    table = Table("run", "status", "epoch", *scores, "of", box=None, pad_edge=False)
    for column in table.columns[2:-1]:
        column.justify = "right"
    for run, values, split in zip(found, metrics, prefix, strict=True):
        status = run.status
        cells = [f"{values[split + score]:.4f}" if split + score in values else "" for score in scores]
        of = split.rstrip("/") if any(cells) else ""
        shown = f"[{_STYLES[status]}]{status}[/{_STYLES[status]}]"
        table.add_row(f"{run.name}/{run.path.name}", shown, str(_epoch(run) or ""), *cells, of)
    console = Console(highlight=False)
    if not console.is_terminal:  # a file or a pipe has no edge to fold lines at
        console = Console(highlight=False, width=240)
    console.print(table)


def _epoch(run: Run) -> int:
    rows = [row for row in run.history if "val/loss" in row]
    return int(rows[-1]["epoch"]) if rows else 0
