"""``epochal runs``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from epochal.cli.options import json_option, runs_option
from epochal.errors import did_you_mean

if TYPE_CHECKING:
    from epochal.run.run import Run

_STYLES = {"finished": "green", "running": "cyan", "interrupted": "yellow", "failed": "red", "crashed": "red"}
_SCORES = ("accuracy", "f1", "roc_auc", "balanced_accuracy", "mae", "rmse", "r2", "loss")
_MOST_SCORES = 4
_NO_EDGE = 240  # a file or a pipe has none to fold lines at
_FIXED = 27  # columns of status, epoch and split, and the gaps between them


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
        others = {run.name for run in verb.runs(runs=runs)}
        mend = (name and did_you_mean(name, others)) or "`epochal train digits` makes one"
        of = f" of '{name}'" if name else ""
        click.echo(f"no runs{of} in {runs}/; {mend}", err=True)


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

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_NO_EDGE)
    names = [f"{run.name}/{run.path.name}" for run in found]
    metrics = [run.metrics for run in found]
    splits = ["test" if any(key.startswith("test/") for key in values) else "val" for values in metrics]
    known = {key.partition("/")[2] for values in metrics for key in values}
    scores = _fitting([score for score in _SCORES if score in known], console.width - max(map(len, names)))
    table = Table("run", "status", "epoch", *scores, "of", box=None, pad_edge=False)
    for column in table.columns[2:-1]:
        column.justify = "right"
    for run, name, values, split in zip(found, names, metrics, splits, strict=True):
        status = run.status
        cells = [f"{values[key]:.4f}" if (key := f"{split}/{score}") in values else "" for score in scores]
        shown = f"[{_STYLES[status]}]{status}[/{_STYLES[status]}]"
        table.add_row(name, shown, str(_epoch(run) or ""), *cells, split if any(cells) else "")
    console.print(table)


def _fitting(scores: list[str], width: int) -> list[str]:
    """The first scores whose columns fit into a width, four at most."""
    left = width - _FIXED
    fitting = []
    for score in scores[:_MOST_SCORES]:
        left -= max(len(score), len("0.0000")) + 2
        if left < 0:
            break
        fitting.append(score)
    return fitting


def _epoch(run: Run) -> int:
    rows = [row for row in run.history if "val/loss" in row]
    return int(rows[-1]["epoch"]) if rows else 0
