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
_FIXED = 16  # columns of epoch and split, and the gaps between all columns
_ADVISED = 3


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
        "holder": run.holder,
        "epoch": _epoch(run),
        "step": run.step,
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
    statuses = _statuses(found, console.width - max(map(len, names)))
    room = console.width - max(map(len, names)) - max(map(len, statuses))
    scores = _fitting([score for score in _SCORES if score in known], room)
    table = Table("run", "status", "epoch", *scores, "of", box=None, pad_edge=False)
    for column in table.columns[2:-1]:
        column.justify = "right"
    for run, name, status, values, split in zip(found, names, statuses, metrics, splits, strict=True):
        cells = [f"{values[key]:.4f}" if (key := f"{split}/{score}") in values else "" for score in scores]
        style = _STYLES[status.partition(" ")[0]]
        shown = f"[{style}]{status}[/{style}]"
        table.add_row(name, shown, str(_epoch(run) or ""), *cells, split if any(cells) else "")
    console.print(table)
    for advice in _advice(found):
        console.print(advice, soft_wrap=True, markup=False)  # a command that is folded can't be copied


def _statuses(found: list[Run], width: int) -> list[str]:
    """The status of each run, with the process of those that run, if the width has room for it."""
    statuses = [run.status for run in found]
    longer = [
        f"{status} {run.holder.get('pid', '')}".rstrip() if status == "running" else status
        for run, status in zip(found, statuses, strict=True)
    ]
    return longer if max(map(len, longer)) + _FIXED <= width else list(statuses)


def _advice(found: list[Run]) -> list[str]:
    """For the newest runs that ended before they were finished: why, and the command that continues each.

    Left out are those whose experiment has a newer run, which is what one would continue.
    """
    from epochal.run.status import command_to_continue, crash_of

    newest = {(run.path.parent, run.id): run for run in found}.values()
    ended = [run for run in newest if run.status in ("crashed", "interrupted", "failed")]
    lines = []
    for run in sorted(ended, key=found.index)[-_ADVISED:]:
        reason = crash_of(run.folder) if run.status == "crashed" else run.reason
        first = next(iter(reason.splitlines()), run.status)
        lines.append(f"\n{run.path.name} {run.status}: {first}\n  {command_to_continue(run.folder)}")
    return lines


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
