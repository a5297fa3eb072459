"""``epochal data``: snapshots of data, and what is otherwise since."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path

import click

from epochal.cli.arguments import config_arguments
from epochal.cli.options import json_option, quiet_option
from epochal.errors import shown

_SHOWN = 20


@click.group("data")
def command() -> None:
    """Take a snapshot of data that git can hold, and say what changed since."""


@command.command("snapshot")
@click.option(
    "-o", "output", metavar="FILE", help="Where to write it; by default beside PATH, or CONFIG's name here."
)
@quiet_option
@config_arguments
def snapshot(config: str, overrides: list[str], output: str | None, quiet: bool) -> None:
    """Write path, size and SHA-256 of each file of the data into a CSV file.

    CONFIG is a config, whose source says which files, or the path of a folder or a file.
    """
    from epochal.verbs.data_snapshot import SUFFIX, data_snapshot, is_config

    path = Path(config)
    beside = path.stem if is_config(config) else str(path.parent / (path.resolve().name))
    file = output or beside + SUFFIX
    taken = data_snapshot(config, *overrides, output=file, quiet=quiet)
    count = f"{len(taken.files):,} file{'s' * (len(taken.files) != 1)}, {_bytes(taken.size)}"
    click.echo(f"{count}: written to {shown(file)}")
    if not quiet:
        of = [] if output is None and not is_config(config) else [config, *overrides]
        click.echo(f"what changed since: {shlex.join(['epochal', 'data', 'verify', file, *of])}")


@command.command("verify")
@click.argument("file")
@click.argument("data", metavar="[PATH|CONFIG]", required=False)
@click.argument("overrides", nargs=-1, metavar="[DOTTED.KEY=VALUE]...")
@quiet_option
@json_option
def verify(file: str, data: str | None, overrides: tuple[str, ...], quiet: bool, as_json: bool) -> int:
    """Say which files were added, removed or changed since the snapshot FILE.

    Without PATH it is of what lies beside FILE. The exit code is 1 where anything is otherwise.
    """
    from epochal.verbs.data_snapshot import data_verify

    changes = data_verify(file, data, *overrides, quiet=quiet)
    if as_json:
        click.echo(json.dumps(asdict(changes)))
        return int(changes.any)
    for word, names in asdict(changes).items():
        for name in names[:_SHOWN]:
            click.echo(f"{word:7}  {shown(name)}")
        if len(names) > _SHOWN:
            click.echo(f"{word:7}  ... and {len(names) - _SHOWN:,} more")
    counts = ", ".join(f"{len(names):,} {word}" for word, names in asdict(changes).items() if names)
    click.echo(counts if changes.any else "nothing changed")
    return int(changes.any)


def _bytes(size: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} GiB"
