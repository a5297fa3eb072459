"""``a.b=value`` from the command line, laid over the values of a config."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from epochal.config.merge import has, paths, put
from epochal.config.yaml import KeyPath, parse_yaml
from epochal.errors import ConfigError, Problem, did_you_mean

COMMAND_LINE = "command line"

_OPTION = re.compile(r"--|-[^\d.]")  # -1 and -.5 are values
_FORM = "dotted.key=value"


@dataclass(frozen=True)
class Override:
    """One parsed override: the parts of its dotted key, and its value read as YAML."""

    keys: tuple[str, ...]
    value: Any

    @property
    def is_name(self) -> bool:
        """Whether it names a component, so that arguments beside it must come after it."""
        return len(self.keys) > 1 and self.keys[-1] == "name"


def override(
    values: Mapping[str, Any], origins: Mapping[KeyPath, str], overrides: Sequence[str]
) -> tuple[dict[str, Any], dict[KeyPath, str]]:
    """``values`` and ``origins`` with the overrides laid over them.

    Of two overrides of one key the later wins. Otherwise their order is free: whole sections come before
    their keys, and a component's name before its arguments, so ``optimizer.lr=0.1 optimizer=SGD`` works.
    Items of lists go by number: ``data.augment.0.degrees=5``. ``a.b=`` is null.
    Raises ConfigError with every override that is malformed or leads nowhere.
    """
    parsed, problems = _parse_all(overrides)
    result, origins = dict(values), dict(origins)
    for item in sorted(parsed, key=lambda item: (len(item.keys), not item.is_name)):
        path = _path(result, item.keys)
        try:
            result = put(result, path, item.value, is_root=True)
        except LookupError as error:
            problems.append(Problem(str(error), where=f"{COMMAND_LINE}: {'.'.join(item.keys)}"))
            continue
        made = (path[:end] for end in range(1, len(path)) if path[:end] not in origins)
        origins.update(dict.fromkeys([*made, *paths(item.value, path)], COMMAND_LINE))
    if problems:
        raise ConfigError(*problems)
    return result, {path: origin for path, origin in origins.items() if has(result, path)}


def parse_override(text: str) -> Override:
    """One ``a.b=value``; ConfigError where it is malformed."""
    key, sign, written = text.partition("=")
    keys = tuple(part.strip() for part in key.split("."))
    if not sign:
        raise ConfigError(Problem(f"'{text}' is no override", COMMAND_LINE, f"write {_FORM}"))
    if not all(keys):
        raise ConfigError(Problem(f"'{text}' has an empty key", COMMAND_LINE, f"write {_FORM}"))
    try:
        value, _ = parse_yaml(written, COMMAND_LINE)
    except ConfigError as error:
        what = f"{error.problems[0].what} (in '{written}')"
        mend = f"quote the text twice, as in {key}='\"text\"'"
        raise ConfigError(Problem(what, f"{COMMAND_LINE}: {key}", mend)) from None
    return Override(keys, value)


def split_arguments(extra: Sequence[str], options: Iterable[str] = ()) -> list[str]:
    """Overrides ``key=value`` from ``key=value``, ``--key=value`` and ``--key value``.

    options: what the verb itself takes (``--resume``), offered where an option is misspelt. A dash inside
    the key of an option stands for an underscore.
    Raises ConfigError with every argument that is none of these.
    """
    overrides: list[str] = []
    problems: list[Problem] = []
    rest = deque(extra)
    while rest:
        argument = rest.popleft()
        is_option = argument.startswith("--")
        key, sign, value = argument.removeprefix("--").partition("=")
        if is_option:
            key = key.replace("-", "_")
            if not sign and rest and not _OPTION.match(rest[0]):
                sign, value = "=", rest.popleft()
        if sign and not key.startswith("-"):
            overrides.append(f"{key}={value}")
        elif argument.startswith("-"):
            near = did_you_mean(argument, options)
            mend = near if near.startswith("did you mean") else f"a key of the config takes a value: {_FORM}"
            problems.append(Problem(f"the option '{argument}' is unknown", COMMAND_LINE, mend))
        else:
            problems.append(Problem(f"'{argument}' is no override", COMMAND_LINE, f"write {_FORM}"))
    if problems:
        raise ConfigError(*problems)
    return overrides


def _parse_all(overrides: Sequence[str]) -> tuple[list[Override], list[Problem]]:
    parsed: list[Override] = []
    problems: list[Problem] = []
    for text in overrides:
        try:
            parsed.append(parse_override(text))
        except ConfigError as error:
            problems.extend(error.problems)
    return parsed, problems


def _path(values: Any, keys: Sequence[str]) -> KeyPath:
    """The dotted key as a path: numbers where a list, or a mapping with numbers for keys, stands."""
    path: list[str | int] = []
    for key in keys:
        number = int(key) if key.isdecimal() else None
        if isinstance(values, list):
            path.append(key if number is None else number)
            values = values[number] if number is not None and number < len(values) else None
        elif isinstance(values, Mapping):
            path.append(number if number is not None and number in values else key)
            values = values.get(path[-1])
        else:
            path.append(key)
            values = None
    return tuple(path)
