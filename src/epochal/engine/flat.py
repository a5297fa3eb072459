"""A nested state as JSON and tensors by name, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from epochal.errors import Problem, RunError


def flatten(value: Any, prefix: str, tensors: dict[str, Tensor]) -> Any:
    """A nested state as JSON; its tensors are moved to ``tensors`` under names that start with ``prefix``.

    Tensors, numbers, text, None, and mappings, lists and tuples of them; RunError for anything else.
    """
    if isinstance(value, Tensor):
        name = prefix
        while name in tensors:  # a key 1 beside a key "1"
            name += "'"
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, Mapping):
        items = [[key, flatten(entry, f"{prefix}/{key}", tensors)] for key, entry in value.items()]
        return {"items": items}
    if isinstance(value, list | tuple):
        entries = [flatten(entry, f"{prefix}/{index}", tensors) for index, entry in enumerate(value)]
        return {"tuple" if isinstance(value, tuple) else "list": entries}
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise RunError(
        Problem(
            f"a checkpoint can't hold '{prefix}', which is a {type(value).__name__}",
            mend="state_dict() should give tensors, numbers, text, and dicts, lists and tuples of them",
        )
    )


def unflatten(value: Any, tensors: Mapping[str, Tensor]) -> Any:
    """What ``flatten`` took apart."""
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tensor":
        return tensors[content]
    if kind == "items":
        return {key: unflatten(entry, tensors) for key, entry in content}
    entries = [unflatten(entry, tensors) for entry in content]
    return tuple(entries) if kind == "tuple" else entries
