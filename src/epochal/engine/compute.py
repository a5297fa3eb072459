"""The device, the precision, the threads, determinism and seeds."""

from __future__ import annotations

import ctypes
import os
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from epochal.engine.config import ComputeConfig
from epochal.engine.start import set_deterministic, without_compiler
from epochal.errors import ConfigError, Problem

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of malloc.h
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Compute:
    """What a run computes on.

    precision: ``float32``, ``bfloat16`` or ``float16``: the dtype of matrix products and convolutions;
    weights, losses and outputs stay float32. channels_last: the memory layout of batches of images, and of
    the weights that meet them.
    """

    device: torch.device
    precision: str
    channels_last: bool = True

    def lay_out(self, model: nn.Module, shape: tuple[int, ...]) -> nn.Module:
        """The model, moved to the device, in the layout that samples of this shape have.

        A model that is still lazy has no weights to lay out, and may come again.
        """
        lazy = any(nn.parameter.is_lazy(parameter) for parameter in model.parameters())
        if len(shape) == 3 and not lazy:
            layout = torch.channels_last if self.channels_last else torch.contiguous_format
            return model.to(device=self.device, memory_format=layout)  # type: ignore[call-overload,no-any-return]
        return model.to(self.device)

    def autocast(self) -> AbstractContextManager[object]:
        """Mixed precision inside the block; nothing for float32."""
        if self.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, _DTYPES[self.precision])

    def describe(self) -> dict[str, Any]:
        """For ``environment.json``."""
        cuda = self.device.type == "cuda"
        return {
            "device": str(self.device),
            "gpu": torch.cuda.get_device_name(self.device) if cuda else None,
            "precision": self.precision,
            "channels_last": self.channels_last,
            "threads": torch.get_num_threads(),
            "cuda": torch.version.cuda,
        }


def choose_compute(config: ComputeConfig, known: Mapping[str, Any] | None = None) -> Compute:
    """The device, precision and layout that the configuration means on this machine.

    known: what a run derived; what was left to us stays as it was then, on a device of the same type.
    """
    device = choose_device(config.device)
    precision, channels_last = config.precision, True
    if known and is_known(known, device):
        channels_last = bool(known.get("channels_last", True))
        if precision == "auto":
            precision = known["precision"]
    if precision == "auto":
        precision = "float32"
        if device.type == "cuda":
            capability = torch.cuda.get_device_capability(device)
            precision = (
                "bfloat16" if capability >= (8, 0) else "float16" if capability >= (7, 0) else "float32"
            )
    if precision == "float16" and device.type == "cpu":
        raise ConfigError(
            Problem("float16 trains on a GPU only", where="compute.precision", mend="use bfloat16 or float32")
        )
    return Compute(device, precision, channels_last)


def is_known(known: Mapping[str, Any], device: torch.device) -> bool:
    """Whether what a run derived was derived on a device of this type."""
    return str(known["device"]).partition(":")[0] == device.type


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether this CPU multiplies bfloat16 in hardware; elsewhere torch emulates it, slowly."""
    cpu = torch.cpu
    return device.type == "cpu" and (cpu._is_avx512_bf16_supported() or cpu._is_amx_tile_supported())


def choose_device(name: str) -> torch.device:
    """The device that a name means on this machine; ConfigError where it is not there."""
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda", "mps"):
        raise ConfigError(
            Problem(
                f"no device is called '{name}'", where="compute.device", mend="use auto, cpu, cuda or mps"
            )
        )
    if device.type == "cpu":
        return torch.device("cpu")  # which cpu:0 is not equal to
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if (device.index or 0) >= count:
            raise ConfigError(
                Problem(
                    f"'{name}' is not there: torch sees {count} CUDA devices",
                    where="compute.device",
                    mend="use compute.device=auto or cpu; `epochal doctor` says what torch sees",
                )
            )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError(Problem("'mps' is not there", where="compute.device", mend="use auto or cpu"))
    return device


@contextmanager
def compute_settings(config: ComputeConfig, device: torch.device) -> Iterator[None]:
    """Threads and determinism as configured inside the block, as they were outside."""
    threads = torch.get_num_threads()
    mode = torch.get_deterministic_debug_mode()
    benchmark = torch.backends.cudnn.benchmark
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    if config.threads != "auto":
        torch.set_num_threads(config.threads)
    if config.deterministic and device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats itself only so
    set_deterministic(2 if config.deterministic else 0, config.compile)
    torch.backends.cudnn.benchmark = not config.deterministic
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a pass a tensor
    try:
        with nullcontext() if config.compile else without_compiler():
            yield
    finally:
        torch.set_num_threads(threads)
        set_deterministic(mode)
        torch.backends.cudnn.benchmark = benchmark
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]


def seed_generators(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global generators."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def keep_freed_memory() -> None:
    """Tell glibc not to hand memory back to the system between steps, which would be asked for again at once.

    Freed blocks at the end of the heap stay (M_TRIM_THRESHOLD), and large ones come from the heap instead of
    mappings of their own (M_MMAP_MAX); see mallopt(3). Nothing happens without glibc.
    """
    if (mallopt := _from_libc("mallopt")) is not None:
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)


def give_back_memory() -> None:
    """glibc as it was, and what is free back to the system: a process may live on, as notebooks do."""
    if (mallopt := _from_libc("mallopt")) is not None:
        mallopt(_MMAP_MAX, 2**16)
        mallopt(_TRIM_THRESHOLD, 2**17)
    if (malloc_trim := _from_libc("malloc_trim")) is not None:
        malloc_trim(0)


def _from_libc(name: str) -> Callable[..., int] | None:
    """A function of glibc's; None elsewhere."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
