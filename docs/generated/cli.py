"""The verbs of the command line, from click's own objects."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from epochal.cli.group import VERBS, epochal
from generated.text import help_markdown


def verbs() -> str:
    """A section for each verb, and one below it for each of its own verbs."""
    root = click.Context(epochal, info_name="epochal")
    return "\n".join(line for verb in VERBS for line in _verb(epochal, verb, root, level=2))


def overview() -> str:
    """A table of the verbs, each with its line."""
    rows = [f"| [`{verb}`](#epochal-{verb}) | {help_markdown(line)} |" for verb, (_, line) in VERBS.items()]
    return "\n".join(["| | |", "|---|---|", *rows])


def _verb(group: click.Group, name: str, parent: click.Context, level: int) -> Iterator[str]:
    command = group.get_command(parent, name)
    assert command is not None
    with click.Context(command, info_name=name, parent=parent) as context:
        path = context.command_path
        yield from (f"{'#' * level} {path}", "")
        yield from (f"```{{program}} {path}", "```", "")
        yield from _help(command.help or "")
        if isinstance(command, click.Group):
            for each in command.list_commands(context):
                yield from _verb(command, each, context, level + 1)
            return
        usage = " ".join(command.collect_usage_pieces(context))
        yield from ("```text", f"{path} {usage}", "```", "")
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                yield from _option(parameter, context)


def _option(option: click.Option, context: click.Context) -> Iterator[str]:
    names = [*option.opts, *option.secondary_opts]
    # a flag takes no value
    value = "" if option.is_flag else f" {option.make_metavar(context)}"
    yield from (f"```{{option}} {', '.join(sorted(names, key=len))}{value}", "")
    text = help_markdown(option.help or "")
    default = f" Default: `{option.default}`." if option.show_default and not option.is_flag else ""
    many = " May be given more than once." if option.multiple else ""
    yield from (f"{text}{default}{many}", "```", "")


def _help(text: str) -> Iterator[str]:
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        if paragraph.startswith(("#", " ")):  # a line to copy
            yield from ("```text", paragraph, "```", "")
        else:
            yield from (help_markdown(re.sub(r"\s+", " ", paragraph.replace("\b", ""))), "")
