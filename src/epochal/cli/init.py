"""``epochal init``."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

import click

from epochal.cli.options import json_option
from epochal.scaffold.kinds import TEMPLATES


@click.command("init")
@click.argument("name", metavar="[NAME]", required=False)
@click.option(
    "--template", type=click.Choice(list(TEMPLATES)), help="What it is for; by default what DATA is."
)
@click.option(
    "--data", metavar="PATH", help="A folder or a table, which the configs will read where it lies."
)
@click.option("--yes", "-y", is_flag=True, help="Ask nothing.")
@click.option(
    "--update", "is_update", is_flag=True, help="Bring a project (this folder) to the newest template."
)
@click.option("--dvc", is_flag=True, help="Let DVC track the data and run prepare, train and evaluate.")
@json_option
def command(
    name: str | None,
    template: str | None,
    data: str | None,
    yes: bool,
    is_update: bool,
    dvc: bool,
    as_json: bool,
) -> int:
    """Write a project of your own into the folder NAME; it trains on its first command.

    Without --data it makes a small example set. --update merges what has changed in the template since into
    what you have changed; the exit code is 1 where both changed the same lines.
    """
    if is_update:
        if template or data:
            raise click.UsageError("--update takes the template and the data that the project was made with")
        return _update(Path(name or "."), dvc, as_json)
    if name is None:
        raise click.UsageError("Missing argument 'NAME', the project's folder")
    description = author = ""
    if not yes and not as_json and sys.stdin.isatty():
        data = data or click.prompt(
            "Your data, a folder or a table (none: an example set)", "", show_default=False
        )
        if not template and not data:
            template = click.prompt("Template", "image", type=click.Choice(list(TEMPLATES)))
        description = click.prompt("What it is about, in a sentence", "", show_default=False)
        author = click.prompt("Author, for the licence", "", show_default=False)
    from epochal.verbs.init import init  # polars and Jinja load here, after the arguments are parsed

    made = init(
        name, template=template or "", data=data or None, description=description, author=author, dvc=dvc
    )
    if as_json:
        click.echo(json.dumps({"project": str(made.path), "template": made.template, "files": made.files}))
        return 0
    if made.found:
        click.echo(f"{data}: {made.found}")
    click.echo(f"{made.path}: {len(made.files)} files from the template {made.template}\n")
    click.echo(f"cd {shlex.quote(str(made.path))}")
    if made.found:
        click.echo("epochal inspect configs/base.yaml   # the data as training would see it, and its faults")
    click.echo(
        "epochal train configs/debug.yaml    # everything once, in seconds; README.md says what is next"
    )
    if dvc:
        click.echo("dvc repro                           # prepare, train, evaluate: what has changed of it")
    return 0


def _update(project: Path, dvc: bool, as_json: bool) -> int:
    from dataclasses import asdict

    from epochal.scaffold.update import update  # Jinja loads here, after the arguments are parsed

    done = update(project, dvc=dvc)
    groups = asdict(done)
    if as_json:
        click.echo(json.dumps(groups))
        return int(bool(done.conflicts))
    for word, names in groups.items():
        for path in names:
            click.echo(f"{word}: {path}")
    if dvc:
        click.echo("DVC is set up: dvc repro")
    if done.conflicts:
        click.echo(
            "you and the template changed the same lines: both are in the file, between <<<<<<< and >>>>>>>"
        )
    elif not any(groups.values()):
        click.echo("nothing has changed in the template")
    return int(bool(done.conflicts))
