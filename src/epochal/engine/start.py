"""Parts of torch that would load its compiler, a second's work, where nothing is compiled."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

_MARK = "__dynamo_disable"  # where torch keeps the form of a method that is excluded from compilation


@contextmanager
def without_compiler() -> Iterator[None]:
    """Use optimizers inside the block without loading torch._dynamo.

    Methods of ``Optimizer`` are excluded from compilation, and the first call of each loads torch._dynamo to
    say so. Nothing is compiled inside the block; afterwards the methods are as they were.
    """
    found = vars(torch.optim.Optimizer).values()
    methods = {inspect.unwrap(method) for method in found if inspect.isfunction(method)}
    marked = [] if _compiler_is_loaded() else [method for method in methods if not hasattr(method, _MARK)]
    for method in marked:
        setattr(method, _MARK, method)
    try:
        yield
    finally:
        for method in marked:
            delattr(method, _MARK)


def set_deterministic(mode: int, compiled: bool = False) -> None:
    """``torch.use_deterministic_algorithms``, which tells the compiler too, where there is one to tell.

    mode: 0 off, 1 warn, 2 only operations that repeat bit for bit. compiled: it will be.
    """
    if compiled or _compiler_is_loaded():
        torch.use_deterministic_algorithms(mode > 0, warn_only=mode == 1)
    else:
        torch._C._set_deterministic_algorithms(mode > 0, warn_only=mode == 1)


def _compiler_is_loaded() -> bool:
    return "torch._dynamo" in sys.modules or "torch._inductor" in sys.modules
