"""Memory: whether an error says that it ran out, what mends that, and how much there is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import torch

from epochal.engine.compute import Compute, choose_compute, has_fast_bfloat16
from epochal.engine.config import ComputeConfig

_SAYINGS = (
    "out of memory",  # CUDA, MPS, and "CUDA error: out of memory" of the driver
    "can't allocate memory",  # torch's allocator on a CPU
    "not enough memory",  # the same on Windows
    "STATUS_ALLOC_FAILED",  # cuDNN, cuBLAS
)
_CGROUPS = Path("/sys/fs/cgroup")


def out_of_memory(error: BaseException) -> bool:
    """Whether the error says that the memory of the device or of the machine did not suffice."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(saying in str(error) for saying in _SAYINGS)


def memory_advice(batch_size: int, accumulate: int, compute: Compute, auto: bool = False) -> str:
    """What to set so that a training step needs less memory, as overrides that can be typed.

    auto: ``batch_size`` was chosen by ``data.batch_size=auto``, which is then no advice.
    """
    ways = []
    if batch_size > 1:
        same = "the same batch in two parts" if batch_size % 2 == 0 else "nearly the same batch in two parts"
        ways.append(f"data.batch_size={batch_size // 2} training.accumulate={2 * accumulate} ({same})")
    if compute.precision == "float32" and (precision := _small_precision(compute.device)):
        ways.append(f"compute.precision={precision}")
    if batch_size > 2 and not auto:
        ways.append("data.batch_size=auto")
    return "try " + ", or ".join(ways) if ways else "use a smaller model, or make the samples smaller"


def _small_precision(device: torch.device) -> str | None:
    """A precision of 16 bits that this device is good at."""
    if device.type == "cpu":
        return "bfloat16" if has_fast_bfloat16(device) else None
    precision = choose_compute(ComputeConfig(device=str(device))).precision
    return precision if precision != "float32" else None


def available_memory() -> int:
    """Bytes that this process may still take: what the system has, within the limits of its cgroups."""
    return min([_available_in_system(), *_left_in_cgroups()])


def _available_in_system() -> int:
    with suppress(OSError):  # not on Linux
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _left_in_cgroups() -> Iterator[int]:
    """What each limited cgroup around this process leaves; files in its page cache make room when asked."""
    places = []
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers == "":
                places.append((_CGROUPS, path, "memory.max", "memory.current", "file"))
            elif controllers == "memory":
                files = "memory.limit_in_bytes", "memory.usage_in_bytes", "total_cache"
                places.append((_CGROUPS / "memory", path, *files))
    for root, path, limit, used, cache in places:
        own = root / path.strip("/")
        # inside a container, the path may be that outside: then only the root is there
        for folder in (own, *own.parents):
            with suppress(OSError, ValueError):  # no such group; "max", no limit
                left = int((folder / limit).read_text()) - int((folder / used).read_text())
                yield left + _counted(folder / "memory.stat", cache)
            if folder == root:
                break


def _counted(path: Path, name: str) -> int:
    """One number of a ``memory.stat``."""
    lines = (line.split() for line in path.read_text().splitlines())
    return next((int(value) for key, value in lines if key == name), 0)
