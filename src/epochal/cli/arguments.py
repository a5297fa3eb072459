"""CONFIG and free overrides, as every verb that reads a config takes them."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from epochal.errors import ConfigError, Problem

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
    return _config_arguments(function, required=True)


def resumable_config_arguments(function: Callable[..., ResultT]) -> Callable[..., ResultT]:
    """The same with ``config: str | None``: None where ``--resume RUN`` names one."""
    return _config_arguments(function, required=False)


def _config_arguments(function: Callable[..., ResultT], *, required: bool) -> Callable[..., ResultT]:
    @click.argument("config", metavar="CONFIG" if required else "[CONFIG]", required=required)
    @click.argument(
        "overrides", cls=_Overrides, nargs=-1, type=click.UNPROCESSED, metavar="[DOTTED.KEY=VALUE]..."
    )
    @functools.wraps(function)
    def with_config(
        *positional: Any, config: str | None, overrides: tuple[str, ...], **options: Any
    ) -> ResultT:
        # it loads the YAML parser, which `--help` can do without
        from epochal.config.override import split_arguments

        if config and (config.startswith("-") or (_is_override(config) and not Path(config).exists())):
            if required or not options.get("resume"):
                raise click.UsageError(f"CONFIG comes first, before '{config}'")
            overrides, config = (config, *overrides), None
        known = [name for parameter in click.get_current_context().command.params for name in parameter.opts]
        taken = [name for name in known if name.startswith("--")]
        return function(*positional, config=config, overrides=split_arguments(overrides, taken), **options)

    return with_config


def _is_override(text: str) -> bool:
    return re.match(r"[\w.]+=", text) is not None


def refuse_mistakes(config: str, *each: Sequence[str]) -> None:
    """ConfigError at once for mistakes that need no torch to be seen, which takes seconds to load.

    each: overrides of ``config``; a mistake that several share is told once.
    """
    if "torch" in sys.modules:  # the verb tells all mistakes, of components too, just as fast
        return
    from epochal.experiment.first_look import first_look  # `--help` can do without

    problems: dict[Problem, None] = {}
    for overrides in each:
        try:
            first_look(config, overrides)
        except ConfigError as error:
            problems.update(dict.fromkeys(error.problems))
    if problems:
        raise ConfigError(*problems)
