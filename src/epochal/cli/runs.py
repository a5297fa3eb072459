"""``epochal runs``."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import click

from epochal.cli.options import json_option, runs_option
from epochal.cli.table import (
    Column,
    duration,
    format_option,
    print_text,
    setting,
    text_table,
)
from epochal.errors import did_you_mean

if TYPE_CHECKING:
    from epochal.run.index import Entry

_STYLES = {"finished": "green", "running": "cyan", "interrupted": "yellow", "failed": "red", "crashed": "red"}
_SCORES = ("accuracy", "f1", "roc_auc", "balanced_accuracy", "mae", "rmse", "r2", "loss")
_MOST_SCORES = 4
_TELLING = ("model", "optimizer.lr", "optimizer", "scheduler", "training.epochs", "data.batch_size", "seed")
"""Settings that have a place in a narrow table before others, if they vary."""
_NAMED = 6
_NO_EDGE = 120  # characters, for a file or a pipe, unless COLUMNS says it
_WIDEST = 24  # characters of a setting
_GAP = 2
_ADVISED = 3


@click.command("runs")
@click.argument("name", required=False)
@click.option(
    "--where",
    multiple=True,
    metavar="CONDITION",
    help="Only runs with 'optimizer.lr<1e-3', 'status==finished', 'val/accuracy>=0.9', 'duration>10m'; "
    "several times: all must hold.",
)
@click.option("--sort", default="", metavar="KEY", help="Order by such a key; the best first for a score.")
@click.option("--reverse", is_flag=True, help="The other way round.")
@click.option("--limit", type=click.IntRange(0), metavar="N", help="The first N; unsorted, the newest N.")
@click.option(
    "--columns",
    default="",
    metavar="KEYS",
    help="Show optimizer.lr,test/f1, say; all: whatever differs.",
)
@runs_option
@format_option
@json_option
def command(
    name: str | None,
    where: tuple[str, ...],
    sort: str,
    reverse: bool,
    limit: int | None,
    columns: str,
    runs: str,
    form: str,
    as_json: bool,
) -> None:
    """List the runs, or those of experiment NAME: how each stands, what it differs in, and its scores.

    Keys are those of the config, scores such as test/f1 (f1 alone: that of test, else of val), and status,
    name, id, epoch, step, duration (from start to end, without breaks).
    """
    from epochal.verbs.runs import check_keys, entries

    found = entries(name, runs, where, sort, reverse, limit)
    if as_json or form == "json":
        click.echo(json.dumps([_as_json(entry) for entry in found]))
    elif found and form == "table":
        keys = [key.strip() for key in columns.split(",") if key.strip()]
        check_keys([key for key in keys if key != "all"], found)
        _print(found, keys)
    elif found:
        from epochal.run.tabular import csv_text, markdown_text

        click.echo((csv_text if form == "csv" else markdown_text)(*_full_table(found)), nl=False)
    elif where:
        click.echo(f"no run in {runs}/ is such: {', '.join(where)}", err=True)
    else:
        others = {entry.run.name for entry in entries(runs=runs)}
        mend = (name and did_you_mean(name, others)) or "`epochal train digits` makes one"
        of = f" of '{name}'" if name else ""
        click.echo(f"no runs{of} in {runs}/; {mend}", err=True)


def _as_json(entry: Entry) -> dict[str, object]:
    run = entry.run
    return {
        "name": run.name,
        "id": run.id,
        "path": str(run.path),
        "status": entry.status,
        "reason": "finished" if entry.status == "finished" else run.reason,
        "holder": run.holder,
        "epoch": entry.epoch,
        "step": entry.step,
        "seconds": entry.seconds,
        "folds": entry.folds,
        "metrics": dict(entry.metrics),
        "settings": dict(entry.settings),
    }


def _full_table(found: list[Entry]) -> tuple[list[str], list[list[Any]]]:
    """All that differs and all final scores, for other programs."""
    from epochal.run.parameters import varying

    parameters = varying([entry.settings for entry in found])
    scores = list(dict.fromkeys(key for entry in found for key in entry.metrics))
    header = ["run", "status", "epoch", "seconds", *parameters, *scores]
    rows: list[list[Any]] = []
    for place, entry in enumerate(found):
        values = [values[place] for values in parameters.values()]
        rows.append(
            [
                f"{entry.run.name}/{entry.run.path.name}",
                entry.status,
                entry.epoch or None,
                entry.seconds,
                *values,
                *(entry.metrics.get(score) for score in scores),
            ]
        )
    return header, rows


def _print(found: list[Entry], keys: list[str]) -> None:
    from rich.console import Console  # 50 ms that --json need not pay

    console = Console(highlight=False)
    width = console.width if console.is_terminal else shutil.get_terminal_size((_NO_EDGE, 0)).columns
    columns, hidden = _fitting(found, keys, width)
    print_text(text_table(columns), terminal=console.is_terminal and not console.no_color)
    if hidden:
        names = ", ".join(hidden[:_NAMED]) + (", ..." if len(hidden) > _NAMED else "")
        count = f"{len(hidden)} more column{'s' * (len(hidden) > 1)}"
        click.echo(f"{count}: {names}; --columns all shows them, --columns KEY,KEY some", err=True)
    for advice in _advice(found):
        click.echo(advice)


def _fitting(found: list[Entry], keys: list[str], width: int) -> tuple[list[Column], list[str]]:
    """The columns that a width has room for, the most telling ones first to get a place, and those without.

    keys: the columns that were asked for, whatever the width; ``all`` are all.
    """
    names = Column("run", [f"{entry.run.name}/{entry.run.path.name}" for entry in found])
    splits = [_split(entry) for entry in found]
    scores = _score_columns(found, splits)
    epoch = Column("epoch", [str(entry.epoch or "") for entry in found], right=True)
    of = Column("of", [_of(entry, split) for entry, split in zip(found, splits, strict=True)])
    status = _statuses(found, width - names.width - epoch.width - of.width - 3 * _GAP)
    if keys and "all" not in keys:
        return [names, status, *(_asked(found, key) for key in keys)], []
    parameters, ranked = _parameter_columns(found)
    time = Column("duration", [duration(entry.seconds) for entry in found], right=True)
    times = [time] if any(time.cells) else []
    left = width - sum(column.width + _GAP for column in (names, status, epoch, of)) + _GAP
    chosen = []
    for column in (*scores[:1], *ranked[:2], *times, *scores[1:2], *ranked[2:], *scores[2:]):
        if column.width + _GAP <= left or keys:
            left -= column.width + _GAP
            chosen.append(column)
    middle = [column for column in (*times, *parameters, *scores) if column in chosen]
    hidden = [column.title for column in (*times, *ranked, *scores) if column not in chosen]
    return [names, status, epoch, *middle, *([of] if any(of.cells) else [])], hidden


def _asked(found: list[Entry], key: str) -> Column:
    """What the runs have under a key."""
    from epochal.verbs.runs import value_of

    values = [value_of(entry, key) for entry in found]
    if key == "duration":
        return Column(key, [duration(value) for value in values], right=True)
    shown = [
        f"{value:.4f}" if isinstance(value, float) and key in entry.metrics else setting(value)
        for entry, value in zip(found, values, strict=True)
    ]
    return Column(key, shown, right=all(isinstance(value, int | float) for value in values))


def _score_columns(found: list[Entry], splits: list[str]) -> list[Column]:
    known = {key.partition("/")[2] for entry in found for key in entry.metrics}
    columns = []
    for score in [score for score in _SCORES if score in known][:_MOST_SCORES]:
        values = [entry.metrics.get(f"{split}/{score}") for entry, split in zip(found, splits, strict=True)]
        cells = ["" if value is None else f"{value:.4f}" for value in values]
        columns.append(Column(score, cells, right=True))
    return columns


def _parameter_columns(found: list[Entry]) -> tuple[list[Column], list[Column]]:
    """The settings that differ, in the order of the configuration, and the most telling first.

    Those that differ between runs of one name tell more than what the name says already.
    """
    from epochal.run.parameters import short_keys, varying

    by_name: dict[str, list[Entry]] = {}
    for entry in found:
        by_name.setdefault(entry.run.name, []).append(entry)
    within = {key for same in by_name.values() for key in varying([entry.settings for entry in same])}
    differing = varying([entry.settings for entry in found])
    columns: dict[str, Column] = {}
    for title, (key, values) in zip(short_keys(list(differing)), differing.items(), strict=True):
        cells = [setting(value) for value in values]
        cells = [cell if len(cell) <= _WIDEST else cell[: _WIDEST - 1] + "…" for cell in cells]
        columns[key] = Column(title, cells, right=all(isinstance(value, int | float) for value in values))
    rank = {key: place for place, key in enumerate(_TELLING)}
    ordered = sorted(columns, key=lambda key: (key not in within, rank.get(key, len(rank))))
    return list(columns.values()), [columns[key] for key in ordered]


def _split(entry: Entry) -> str:
    return "test" if any(key.startswith("test/") for key in entry.metrics) else "val"


def _of(entry: Entry, split: str) -> str:
    """What the scores are of."""
    if not any(key.startswith(f"{split}/") for key in entry.metrics):
        return ""
    return f"{entry.folds} folds" if entry.folds else split


def _statuses(found: list[Entry], room: int) -> Column:
    """The status of each run, with the process of those that run, if there is room for it."""
    longer = [
        f"{entry.status} {entry.run.holder.get('pid', '')}".rstrip()
        if entry.status == "running"
        else entry.status
        for entry in found
    ]
    fits = max(map(len, longer)) <= room
    cells = longer if fits else [entry.status for entry in found]
    return Column("status", cells, style=lambda cell: _STYLES.get(cell.partition(" ")[0]))


def _advice(found: list[Entry]) -> list[str]:
    """For the newest runs that ended before they were finished: why, and the command that continues each.

    Left out are those whose experiment has a newer run, which is what one would continue.
    """
    from epochal.run.status import command_to_continue, crash_of

    ordered = sorted(found, key=lambda entry: entry.run.path.name.rpartition("_")[0])
    newest: dict[tuple[str, str], Entry] = {}
    for entry in ordered:
        key = entry.run.name, entry.run.id
        newest.pop(key, None)  # so that it stands where its newest run does
        newest[key] = entry
    ended = [entry for entry in newest.values() if entry.status in ("crashed", "interrupted", "failed")]
    lines = []
    for entry in ended[-_ADVISED:]:
        run = entry.run
        reason = crash_of(run.folder) if entry.status == "crashed" else run.reason
        first = next(iter(reason.splitlines()), entry.status)
        lines.append(f"\n{run.path.name} {entry.status}: {first}\n  {command_to_continue(run.folder)}")
    return lines
