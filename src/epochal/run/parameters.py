"""Settings by dotted keys, and what runs differ in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def flattened(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted key, plain value or list of plain values) of nested settings.

    A component in a list, as of augmentations, stands under its position: ``data.augment.0.degrees``.
    """
    if isinstance(values, dict):
        for key, value in values.items():
            yield from flattened(value, f"{path}.{key}" if path else str(key))
    elif isinstance(values, list) and any(isinstance(value, dict) for value in values):
        for position, value in enumerate(values):
            yield from flattened(value, f"{path}.{position}")
    else:
        yield path, values


def varying(settings: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Each key that the runs differ in -> the value of each run, None where it has none.

    A component written as its name alone is the same as one with arguments: ``model`` stands for both. A key
    that some runs have not counts where it is a component's argument, left to its default, and not where it
    is one that another version of epochal does not know.
    """
    keys = dict.fromkeys(key for each in settings for key in each)
    found = {}
    for key in keys:
        if key.removesuffix(".name") in keys and key.endswith(".name"):
            continue  # it stands under the short one
        is_argument = f"{key.rpartition('.')[0]}.name" in keys
        name = f"{key}.name" if f"{key}.name" in keys else key
        if not is_argument and any(key not in each and name not in each for each in settings):
            continue
        values = [each.get(key, each.get(name)) for each in settings]
        if any(value != values[0] for value in values):
            found[key] = values
    return found


def short_keys(keys: Sequence[str]) -> list[str]:
    """``lr`` for ``optimizer.lr``, ``model`` for ``model.name``, as long as each is still another one."""
    short = [re.sub(r".*\.(?=\D)", "", key.removesuffix(".name")) for key in keys]
    return [each if short.count(each) == 1 else key for each, key in zip(short, keys, strict=True)]
