"""``epochal inspect``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from epochal.cli.arguments import config_arguments, refuse_mistakes
from epochal.cli.options import json_option, quiet_option
from epochal.errors import shown

if TYPE_CHECKING:
    from epochal.verbs.inspect import Inspection

_SHOWN = 40
_ROWS = 5
_WIDE = 100
_OF_TEXTS = {
    "characters_median": ("characters, median", ",.0f"),
    "characters_max": ("characters, most", ",.0f"),
    "tokens_median": ("tokens, median", ",.0f"),
    "tokens_max": ("tokens, most", ",.0f"),
    "truncated": ("texts cut at the end", ".1%"),
    "unknown": ("tokens not in train", ".1%"),
}
"""The numbers of a split's texts: in words, and how they are written."""


@click.command("inspect")
@click.option(
    "-o",
    "output",
    metavar="FOLDER",
    help="Write inspect.json, drop.csv (for data.exclude), splits.csv and pictures into FOLDER.",
)
@quiet_option
@json_option
@config_arguments
def command(config: str, overrides: list[str], output: str | None, quiet: bool, as_json: bool) -> int:
    """Look at the data of CONFIG as training would see it: counts, statistics, faults, leaks.

    Trains nothing, and writes nothing without -o. The exit code is 2 where training would refuse the data.
    """
    refuse_mistakes(config, overrides)
    from epochal.verbs.inspect import inspect  # torch loads here, after the arguments are parsed

    found = inspect(config, *overrides, output=output, quiet=quiet)
    if as_json:
        click.echo(json.dumps(found.to_json()))
    else:
        _print(found)
        _print_findings(found, config, output)
    return 2 if found.errors else 0


def _print(found: Inspection) -> None:
    from rich.console import Console  # 50 ms that --json need not pay

    console = Console(highlight=False)
    shape = "×".join(map(str, found.shape))
    groups = f", {found.groups} groups" if found.groups is not None else ""
    console.print(
        f"[bold]{found.name}[/bold]: {found.samples} samples, {found.kind} {shape} {found.dtype}{groups}"
    )
    for note in found.notes:
        console.print(note, markup=False, soft_wrap=True)
    console.print(f"split: {found.split_origin}\n", markup=False)
    console.print(_counts(found))
    if any(column.type not in ("", "number") or column.missing or column.why for column in found.columns):
        console.print(_columns(found))
    if found.kind != "text":
        console.print(_statistics(found, with_range=console.width >= _WIDE))


def _print_findings(found: Inspection, config: str, output: str | None) -> None:
    """Each finding with its first rows, and how to go on."""
    from rich.console import Console
    from rich.text import Text

    from epochal.verbs.inspect import OFFENDING

    console = Console(highlight=False)
    console.print()
    for finding in found.findings:
        style = "bold red" if finding.severity == "error" else "bold yellow"
        console.print(Text.assemble((f"{finding.severity}: ", style), finding.what), soft_wrap=True)
        notes = finding.notes or ("",) * len(finding.places)
        for place, note in list(zip(finding.places, notes, strict=True))[:_ROWS]:
            console.print(f"  {shown(place)}{': ' if note else ''}{note}", markup=False, soft_wrap=True)
        if len(finding.places) > _ROWS:
            console.print(f"  ... and {len(finding.places) - _ROWS:,} more")
        console.print(f"  → {finding.mend}", markup=False, soft_wrap=True)
    if not found.findings:
        console.print("nothing wrong found")
    if output is not None:
        console.print(f"\nwritten to {shown(output)}", markup=False, soft_wrap=True)
        picture = Path(output) / OFFENDING
        if picture.expanduser().exists():
            text = f"{shown(str(picture))} shows the samples that something is wrong with"
            console.print(text, markup=False, soft_wrap=True)
    if found.drop:
        place = f"{output or 'FOLDER'}/drop.csv"
        first = "" if output else f"`epochal inspect {config} -o FOLDER` writes drop.csv; "
        count = f"{len(found.drop):,} sample{'s' if len(found.drop) > 1 else ''}"
        then = "; then no copies are left, however it is split" if found.drops_copies else ""
        console.print(f"{first}data.exclude={place} leaves {count} out{then}", markup=False, soft_wrap=True)


def _counts(found: Inspection) -> Any:
    """Samples of each split; a row a class, or a target column."""
    from rich.table import Table

    splits = found.splits.values()
    table = Table("", *found.splits, title="samples", title_justify="left", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row("all", *(f"{split.samples}" for split in splits), style="bold")
    if found.groups is not None:
        table.add_row("groups", *(str(split.groups) for split in splits))
    names = list(next(iter(splits)).counts)
    for name in names[:_SHOWN]:
        cells = (
            f"{split.counts[name]} {split.counts[name] / max(1, split.samples):4.0%}" for split in splits
        )
        table.add_row(_cell(name), *cells)
    if len(names) > _SHOWN:
        table.add_row(f"... {len(names) - _SHOWN} more", *("" for _ in splits))
    for name in list(next(iter(splits)).pixels or ())[:_SHOWN]:
        table.add_row(f"{name}, of all pixels", *(f"{(split.pixels or {})[name]:.1%}" for split in splits))
    for name in next(iter(splits)).target_mean:
        cells = (f"{split.target_mean[name]:.4g} ± {split.target_std[name]:.4g}" for split in splits)
        table.add_row(_cell(f"{name} (mean ± sd)"), *cells)
    for word, (title, written) in _OF_TEXTS.items():
        if all(split.texts for split in splits):
            table.add_row(title, *(format((split.texts or {})[word], written) for split in splits))
    for number, word in enumerate(("smallest", "median", "largest")):
        if all(split.image_sizes for split in splits):
            sizes = ("×".join(map(str, (split.image_sizes or [])[number])) for split in splits)
            table.add_row(f"{word} image, high × wide", *sizes)
    for number, word in enumerate(("shortest", "median", "longest")):
        if all(split.seconds for split in splits):
            table.add_row(f"{word} sound", *(f"{(split.seconds or [])[number]:.3g} s" for split in splits))
    for rate in dict.fromkeys(rate for split in splits for rate in split.rates or ()):
        counts = (str((split.rates or {}).get(rate, 0)) for split in splits)
        table.add_row(f"at {int(rate):,} samples a second", *counts)
    return table


def _columns(found: Inspection) -> Any:
    """What each column of the table holds, and why it is not used."""
    from rich.table import Table

    table = Table("column", "type", "missing", "distinct", "", title="\ncolumns", title_justify="left")
    table.box, table.pad_edge = None, False
    for column in table.columns[2:4]:
        column.justify = "right"
    for facts in found.columns[:_SHOWN]:
        counts = [f"{count:,}" if count is not None else "" for count in (facts.missing, facts.distinct)]
        table.add_row(_cell(facts.name), facts.type or "not used", *counts, _cell(facts.values or facts.why))
    if len(found.columns) > _SHOWN:
        table.add_row(f"... {len(found.columns) - _SHOWN} more")
    return table


def _statistics(found: Inspection, with_range: bool) -> Any:
    """Mean and standard deviation of inputs in each split, and their range in training."""
    from rich.table import Table

    from epochal.verbs.inspect import input_names

    word = "feature" if found.kind == "vector" else "channel"
    title = "\ninputs: mean ± sd of each split"
    header = (*found.splits, *(["range of train"] if with_range else []))
    table = Table(word, *header, title=title, title_justify="left", box=None, pad_edge=False)
    for column in table.columns[1:]:
        column.justify, column.no_wrap = "right", True
    names = input_names(found)
    for index, name in enumerate(names[:_SHOWN]):
        if name in found.codes:
            continue
        cells = [
            f"{_short(split.inputs['mean'][index])} ± {_short(split.inputs['std'][index])}"
            for split in found.splits.values()
            if split.inputs
        ]
        if with_range:
            low, high = found.training.minimum[index], found.training.maximum[index]
            cells.append(f"{_short(low)} to {_short(high)}")
        table.add_row(_cell(name), *cells)
    if len(names) > _SHOWN:
        table.add_row(f"... {len(names) - _SHOWN} more")
    return table


def _cell(name: str) -> Any:
    """A name from the data as it is: brackets are no markup, and what can't be seen is quoted."""
    from rich.text import Text

    return Text(shown(name))


def _short(number: float) -> str:
    """Three digits, and no exponent for what is read more easily without."""
    return f"{number:.0f}" if 1000 <= abs(number) < 1e6 else f"{number:.3g}"
