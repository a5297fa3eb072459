from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from epochal.engine import memory
from epochal.engine.compute import Compute
from epochal.engine.memory import available_memory, memory_advice, out_of_memory

CPU = torch.device("cpu")


def test_what_the_allocators_of_a_cpu_raise_is_out_of_memory() -> None:
    with pytest.raises(RuntimeError) as torchs:
        torch.empty(1 << 60)
    assert out_of_memory(torchs.value)
    with pytest.raises(MemoryError) as numpys:
        np.empty(1 << 57)
    assert out_of_memory(numpys.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 17.00 GB)"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 8 bytes."),
    ],
)
def test_other_ways_of_saying_so(error: Exception) -> None:
    assert out_of_memory(error)


def test_other_errors_are_not() -> None:
    with pytest.raises(RuntimeError) as shapes:
        torch.zeros(2, 3) @ torch.zeros(2, 3)
    assert not out_of_memory(shapes.value)
    assert not out_of_memory(ValueError("out of memory"))


@pytest.fixture
def fast_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "has_fast_bfloat16", lambda device: True)


@pytest.fixture
def slow_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "has_fast_bfloat16", lambda device: False)


@pytest.mark.usefixtures("fast_bfloat16")
def test_advice_can_be_typed() -> None:
    assert memory_advice(128, 1, Compute(CPU, "float32")) == (
        "try data.batch_size=64 training.accumulate=2 (the same batch in two parts), "
        "or compute.precision=bfloat16, or data.batch_size=auto"
    )
    assert memory_advice(33, 3, Compute(CPU, "bfloat16"), auto=True) == (
        "try data.batch_size=16 training.accumulate=6 (nearly the same batch in two parts)"
    )
    assert memory_advice(1, 1, Compute(CPU, "float32")) == "try compute.precision=bfloat16"


@pytest.mark.usefixtures("slow_bfloat16")
def test_advice_is_what_this_device_and_batch_allow() -> None:
    assert memory_advice(2, 1, Compute(CPU, "float32")) == (
        "try data.batch_size=1 training.accumulate=2 (the same batch in two parts)"
    )
    assert memory_advice(1, 1, Compute(CPU, "float32")).startswith("use a smaller model")


def test_available_memory_is_some_of_what_the_machine_has() -> None:
    lines = Path("/proc/meminfo").read_text().splitlines()
    total = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemTotal"))
    assert 2**26 < available_memory() <= total


def test_the_tightest_cgroup_around_a_process_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files of cgroups v2 as Slurm and containers leave them, below another root."""
    mine = Path("/proc/self/cgroup").read_text().splitlines()
    unified = next((line.split(":", 2)[2] for line in mine if line.startswith("0::")), None)
    if unified is None:
        pytest.skip("this kernel has no cgroups v2")
    for folder, limit in ((tmp_path, "max"), (tmp_path / unified.strip("/"), str(2**20))):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text(f"{3 * 2**18}\n")
        (folder / "memory.stat").write_text(f"anon {2**18}\nfile {2**19}\n")
    monkeypatch.setattr(memory, "_CGROUPS", tmp_path)
    assert available_memory() == 2**20 - 3 * 2**18 + 2**19
