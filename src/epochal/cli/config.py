"""``epochal config``: a config in full, its JSON Schema, the bundled recipes."""

from __future__ import annotations

import json

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
def schema() -> None:
    """Print the JSON Schema of a config, for editors.

    With the schema in config.schema.json, the first line of a config tells an editor about it:

    # yaml-language-server: $schema=config.schema.json
    """
    from epochal.config.schema import json_schema
    from epochal.experiment import ExperimentConfig

    click.echo(json.dumps(json_schema(ExperimentConfig), indent=2, ensure_ascii=False))


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
