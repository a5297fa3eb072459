"""The device, the precision, the threads, determinism and seeds."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from epochal.engine.config import ComputeConfig
from epochal.errors import ConfigError, Problem

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Compute:
    """What a run computes on.

    precision: ``float32``, ``bfloat16`` or ``float16``: the dtype of matrix products and convolutions;
    weights, losses and outputs stay float32.
    """

    device: torch.device
    precision: str

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
            "threads": torch.get_num_threads(),
            "cuda": torch.version.cuda,
        }


def choose_compute(config: ComputeConfig) -> Compute:
    """The device and precision that the configuration means on this machine."""
    device = _device(config.device)
    precision = config.precision
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
    return Compute(device, precision)


def _device(name: str) -> torch.device:
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", torch.cuda.current_device())
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ConfigError(
            Problem(
                f"no device is called '{name}'", where="compute.device", mend="use auto, cpu, cuda or mps"
            )
        ) from None
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
    deterministic = torch.are_deterministic_algorithms_enabled()
    benchmark = torch.backends.cudnn.benchmark
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    if config.threads != "auto":
        torch.set_num_threads(config.threads)
    if config.deterministic and device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats itself only so
    torch.use_deterministic_algorithms(config.deterministic)
    torch.backends.cudnn.benchmark = not config.deterministic
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]  # a pass a tensor
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(deterministic)
        torch.backends.cudnn.benchmark = benchmark
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]


def seed_generators(seed: int) -> None:
    """Seed Python's, NumPy's and torch's global generators."""
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
