"""A checkpoint is one safetensors file: tensors by name, plain values as JSON in its header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from epochal.errors import Problem, RunError
from epochal.run.durable import write_bytes

_HEADER = "epochal"


def write_checkpoint(path: Path, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Write tensors and plain values so that a crash leaves the old file or the new one.

    The file is made in memory and written by ``durable``: a full disk then leaves the old file as it was.
    """
    # safetensors takes neither strided tensors nor two that share memory, as tied weights do
    copied = {
        name: tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        for name, tensor in tensors.items()
    }
    content = save(copied, metadata={_HEADER: json.dumps(values)})
    try:
        write_bytes(path, content)
    except OSError as error:
        raise RunError(
            Problem(
                f"can't write the checkpoint ({len(content) / 1e6:.1f} MB): {error.strerror}",
                where=str(path),
                mend="the previous checkpoint is intact; make room, then continue with --resume",
            )
        ) from error


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors (on the CPU) and plain values. Nothing in the file is executed."""
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
            values = json.loads((file.metadata() or {}).get(_HEADER, "{}"))
    except FileNotFoundError:
        raise RunError(Problem("there is no such checkpoint", where=str(path))) from None
    except (SafetensorError, ValueError, OSError) as error:
        raise RunError(
            Problem(f"the checkpoint can't be read: {error}", where=str(path), mend="it is torn or damaged")
        ) from None
    return tensors, values


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
