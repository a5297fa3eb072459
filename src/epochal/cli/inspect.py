"""``epochal inspect``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from epochal.cli.arguments import config_arguments
from epochal.cli.options import json_option, quiet_option

if TYPE_CHECKING:
    from epochal.verbs.inspect import Inspection

_SHOWN = 40


@click.command("inspect")
@quiet_option
@json_option
@config_arguments
def command(config: str, overrides: list[str], quiet: bool, as_json: bool) -> None:
    """Describe the data of CONFIG as training would see it: counts and statistics. Trains nothing."""
    from epochal.verbs.inspect import inspect  # torch loads here, after the arguments are parsed

    found = inspect(config, *overrides, quiet=quiet)
    if as_json:
        click.echo(json.dumps(found.to_json()))
        return
    _print(found)


def _print(found: Inspection) -> None:
    from rich.console import Console  # 50 ms that --json need not pay

    console = Console(highlight=False)
    shape = "×".join(map(str, found.shape))
    groups = f", {found.groups} groups" if found.groups is not None else ""
    console.print(
        f"[bold]{found.name}[/bold]: {found.samples} samples, {found.kind} {shape} {found.dtype}{groups}"
    )
    console.print(f"split: {found.split_origin}\n", markup=False)
    console.print(_counts(found))
    console.print(_statistics(found))


def _counts(found: Inspection) -> Any:
    """Samples of each split; a row a class, or a target column."""
    from rich.table import Table

    table = Table("", *found.splits, title="samples", title_justify="left", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("all", *(str(split.samples) for split in found.splits.values()), style="bold")
    names = list(next(iter(found.splits.values())).counts)
    for name in names[:_SHOWN]:
        table.add_row(name, *(str(split.counts[name]) for split in found.splits.values()))
    if len(names) > _SHOWN:
        table.add_row(f"... {len(names) - _SHOWN} more", *("" for _ in found.splits))
    for name in next(iter(found.splits.values())).target_mean:
        cells = (
            f"{split.target_mean[name]:.4g} ± {split.target_std[name]:.4g}" if split.target_mean else ""
            for split in found.splits.values()
        )
        table.add_row(f"{name} (mean ± sd)", *cells)
    return table


def _statistics(found: Inspection) -> Any:
    """Mean, standard deviation and range of channels or features in the training split."""
    from rich.table import Table

    statistics = found.training
    word = "feature" if found.kind == "vector" else "channel"
    title = "\ninputs of the training split"
    table = Table(
        word, "mean", "sd", "minimum", "maximum", title=title, title_justify="left", box=None, pad_edge=False
    )
    for column in table.columns[1:]:
        column.justify = "right"
    names = found.features or tuple(str(index) for index in range(len(statistics.mean)))
    rows = zip(names, statistics.mean, statistics.std, statistics.minimum, statistics.maximum, strict=True)
    for position, (name, *values) in enumerate(rows):
        if position < _SHOWN:
            table.add_row(name, *(f"{value:.4g}" for value in values))
    if len(names) > _SHOWN:
        table.add_row(f"... {len(names) - _SHOWN} more")
    return table
