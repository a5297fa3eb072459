"""``epochal compare``."""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING

import click

from epochal.cli.options import json_option, quiet_option, runs_option
from epochal.cli.table import Column, folded, format_option, print_text, setting, text_table

if TYPE_CHECKING:
    from epochal.experiment.comparison import Comparison
    from epochal.experiment.run_groups import Group

_NO_EDGE = 240


@click.command("compare")
@click.argument("run", nargs=-1, required=True, metavar="RUN RUN...")
@click.option("--metric", default="", metavar="NAMES", help="Only these scores, as in accuracy,f1.")
@click.option(
    "--output", "-o", metavar="FOLDER", help="Write comparison.json, comparison.csv and plots into a folder."
)
@runs_option
@format_option
@quiet_option
@json_option
def command(
    run: tuple[str, ...], metric: str, output: str | None, runs: str, form: str, quiet: bool, as_json: bool
) -> None:
    """Compare runs, each with the first: what differs, the scores, and whether that is more than chance.

    Runs with the same test samples are compared sample by sample (paired bootstrap; McNemar for accuracy;
    DeLong for the ROC AUC of two classes), or group by group where the data has groups. Runs that differ in
    their seed only are taken together, and means over seeds are compared (Welch's t). Several comparisons
    are adjusted by Holm's method.

    RUN is a run folder, its id, an experiment's name (its newest run) or `latest`.
    """
    from epochal.verbs.compare import compare  # torch loads here, after the arguments are parsed

    comparison = compare(*run, metric=metric, output=output, runs=runs, quiet=quiet)
    print_comparison(comparison, "json" if as_json else form)
    if output is not None and form == "table" and not as_json:
        click.echo(f"\nwritten to {output}")


def print_comparison(comparison: Comparison, form: str) -> None:
    """Print it as a table, CSV, JSON or Markdown."""
    if form == "json":
        click.echo(json.dumps(comparison.to_json()))
    elif form == "csv":
        from epochal.run.tabular import csv_text

        click.echo(csv_text(*comparison.rows()), nl=False)
    elif form == "markdown":
        _print_markdown(comparison)
    else:
        _print_table(comparison)


def _print_markdown(comparison: Comparison) -> None:
    from epochal.run.tabular import markdown_text

    columns = _columns(comparison)
    rows = list(zip(*(column.cells for column in columns), strict=True))
    click.echo(markdown_text([column.title for column in columns], rows), nl=False)
    if comparison.differences:
        click.echo("")
    for each in comparison.differences:
        click.echo(f"- {each.score}, {each.other} against {each.first}: {each.sentence}")
    for note in comparison.notes:
        click.echo(f"- {note}")


def _print_table(comparison: Comparison) -> None:
    from rich.console import Console  # 50 ms that other formats need not pay

    console = Console()
    terminal = console.is_terminal
    width = console.width if terminal else _NO_EDGE
    parts = folded(_columns(comparison), width)
    for place, part in enumerate(parts):
        print_text(("\n" if place else "") + text_table(part), terminal=terminal and not console.no_color)
    longest = max(map(len, comparison.scores))
    for (other, first), found in groupby(comparison.differences, lambda each: (each.other, each.first)):
        click.echo(f"\n{other} against {first}")
        for each in found:
            click.echo(f"  {each.score:{longest}}  {each.sentence}")
    for note in comparison.notes:
        click.echo(f"\n{note}")


def _columns(comparison: Comparison) -> list[Column]:
    """A row a group: its label, its runs, what it differs in, its scores with their intervals."""
    from epochal.run.parameters import short_keys

    groups = comparison.groups
    columns = [
        Column("", [group.label for group in groups], keep=True),
        Column("run", [_name(group) for group in groups]),
    ]
    keys = list(groups[0].parameters)
    for key, title in zip(keys, short_keys(keys), strict=True):
        columns.append(Column(title, [setting(group.parameters[key]) for group in groups], right=True))
    for score in comparison.scores:
        title = f"{comparison.split} {score}"
        columns.append(Column(title, _aligned([_score(group, score) for group in groups])))
    return columns


def _aligned(cells: list[str]) -> list[str]:
    """The numbers before the intervals end at the same place."""
    longest = max(len(cell.partition(" ")[0]) for cell in cells)
    return [" " * (longest - len(cell.partition(" ")[0])) + cell for cell in cells]


def _score(group: Group, score: str) -> str:
    shown = f"{group.scores[score]:.4f}"
    if score in group.intervals:
        low, high = group.intervals[score]
        shown += f" [{low:.4f}, {high:.4f}]"
    return shown


def _name(group: Group) -> str:
    run = group.runs[0]
    if len(group.runs) == 1:
        return f"{run.name}/{run.path.name}"
    return f"{run.name}, {len(group.runs)} seeds"
