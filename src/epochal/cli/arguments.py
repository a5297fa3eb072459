"""CONFIG and free overrides, as every verb that reads a config takes them."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

ResultT = TypeVar("ResultT")


class _Overrides(click.Argument):
    """All that follows; options unknown to the verb are keys of the config and land here."""

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        super().add_to_parser(parser, ctx)
        parser.ignore_unknown_options = True


def config_arguments(function: Callable[..., ResultT]) -> Callable[..., ResultT]:
    """Pass ``config: str`` and ``overrides: list[str]`` (each ``dotted.key=value``) to a verb's function.

    Stands below ``@click.command``. ``--dotted.key value`` and ``--dotted.key=value`` are overrides too.
    """

    @click.argument("config", metavar="CONFIG")
    @click.argument(
        "overrides", cls=_Overrides, nargs=-1, type=click.UNPROCESSED, metavar="[DOTTED.KEY=VALUE]..."
    )
    @functools.wraps(function)
    def with_config(*positional: Any, config: str, overrides: tuple[str, ...], **options: Any) -> ResultT:
        # it loads the YAML parser, which `--help` can do without
        from epochal.config.override import split_arguments

        if config.startswith("-") or (re.match(r"[\w.]+=", config) and not Path(config).exists()):
            raise click.UsageError(f"CONFIG comes first, before '{config}'")
        known = [name for parameter in click.get_current_context().command.params for name in parameter.opts]
        taken = [name for name in known if name.startswith("--")]
        return function(*positional, config=config, overrides=split_arguments(overrides, taken), **options)

    return with_config
