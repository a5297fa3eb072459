"""``epochal config``: a config in full, its JSON Schema, the bundled recipes."""

from __future__ import annotations

import json
from pathlib import Path

import click

from epochal.cli.arguments import config_arguments


@click.group("config")
def command() -> None:
    """Show a config in full, its JSON Schema, the bundled recipes."""


@command.command("show")
@config_arguments
def show(config: str, overrides: list[str]) -> None:
    """Print CONFIG in full, as YAML.

    What it extends, the overrides and all defaults are worked in.
    """
    from epochal.config.yaml import dump_yaml
    from epochal.experiment import load_experiment

    experiment = load_experiment(config, overrides, components=False)
    click.echo(dump_yaml(experiment.to_plain()), nl=False)


@command.command("schema")
@click.option("-o", "output", type=click.Path(path_type=Path), metavar="FILE", help="Write it into FILE.")
def schema(output: Path | None) -> None:
    """Print the JSON Schema of a config, for editors.

    After `epochal config schema -o config.schema.json`, the first line of a config tells an editor about it:

    # yaml-language-server: $schema=config.schema.json
    """
    from epochal.config.schema import json_schema
    from epochal.experiment import ExperimentConfig

    text = json.dumps(json_schema(ExperimentConfig), indent=2, ensure_ascii=False)
    if output is None:
        click.echo(text)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text + "\n", encoding="utf-8")
        click.echo(f"written to {output}")


@command.command("recipes")
def recipes() -> None:
    """List the bundled recipes: 'epochal train NAME' runs one."""
    from epochal.config.load import recipe_names, recipe_text

    names = recipe_names()
    width = max(map(len, names))
    for name in names:
        click.echo(f"{name:{width}}  {summary(recipe_text(name))}".rstrip())


def summary(text: str) -> str:
    """The first line of a config where it is a comment, without its mark; else nothing."""
    first = text.partition("\n")[0]
    return first.lstrip("# ").rstrip() if first.startswith("#") else ""
