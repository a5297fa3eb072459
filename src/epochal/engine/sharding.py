"""Weights, gradients and optimizer state spread over processes (FSDP2), and put together again.

Only several processes come here: it loads torch's compiler.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_WORTH = 2**16
"""Weights of a module that is gathered by itself; smaller ones go with what contains them."""


def shard(model: nn.Module, device: torch.device, count: int) -> None:
    """Spread the weights over ``count`` processes, in place; each module is gathered when it computes.

    The weights become other objects, so an optimizer is built afterwards. Units are the largest modules that
    do not contain another one that is worth it.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh(device.type, (count,))
    for module in reversed(list(model.modules())):
        inner = [child for child in module.modules() if child is not module]
        if (
            module is not model
            and _size(module) >= _WORTH
            and not any(_size(each) >= _WORTH for each in inner)
        ):
            fully_shard(module, mesh=mesh)
    fully_shard(model, mesh=mesh)


def _size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def is_sharded(model: nn.Module) -> bool:
    """Whether ``shard`` was here."""
    return hasattr(model, "set_requires_gradient_sync")


def whole(tensor: Tensor, keep: bool) -> Tensor:
    """A tensor on the CPU, of whose parts every process has one; every process calls it.

    keep: whether this process wants it; the others get an empty one.
    """
    full: Tensor = tensor.full_tensor()  # type: ignore[attr-defined]
    return full.cpu() if keep else torch.empty(0)


def part_of(value: Tensor, reference: Tensor) -> Tensor:
    """This process's part of a tensor, spread as ``reference`` is; all of it where that is whole."""
    if not is_part(reference):
        return value
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(reference, DTensor)
    return distribute_tensor(value.to(reference.device), reference.device_mesh, reference.placements)


def is_part(tensor: Tensor) -> bool:
    """Whether this process has but a part of it."""
    return hasattr(tensor, "full_tensor")
