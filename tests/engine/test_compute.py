from __future__ import annotations

import random
from contextlib import suppress

import numpy as np
import pytest
import torch

from epochal.engine.compute import Compute, choose_compute, compute_settings, seed_generators
from epochal.engine.config import ComputeConfig
from epochal.errors import ConfigError

CPU = torch.device("cpu")


def settings() -> tuple[int, int, bool, bool]:
    return (
        torch.get_num_threads(),
        torch.get_deterministic_debug_mode(),
        torch.backends.cudnn.benchmark,
        torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
    )


@pytest.mark.parametrize("mode", ["default", "warn", "error"])
def test_settings_hold_inside_the_block_and_are_put_back(mode: str) -> None:
    torch.set_deterministic_debug_mode(mode)
    try:
        before = settings()
        threads = before[0] + 1
        with compute_settings(ComputeConfig(threads=threads, deterministic=True), CPU):
            assert torch.get_num_threads() == threads
            assert torch.are_deterministic_algorithms_enabled()
            assert torch.get_deterministic_debug_mode() == 2
        assert settings() == before
        with suppress(RuntimeError), compute_settings(ComputeConfig(deterministic=False), CPU):
            assert not torch.are_deterministic_algorithms_enabled()
            raise RuntimeError
        assert settings() == before
    finally:
        torch.set_deterministic_debug_mode("default")


@pytest.mark.parametrize("name", ["gpu", "", "tpu:0", "meta", "xpu", "cpu:x"])
def test_an_unknown_device_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"compute\.device: no device is called '{name}'; use auto, cpu"):
        choose_compute(ComputeConfig(device=name))


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"compute\.device: 'cuda:99' is not there: torch sees \d+ CUDA"):
        choose_compute(ComputeConfig(device="cuda:99"))


def test_a_cpu_computes_in_float32_or_bfloat16() -> None:
    assert choose_compute(ComputeConfig(device="cpu")) == Compute(CPU, "float32")
    assert choose_compute(ComputeConfig(device="cpu:0")).device == CPU
    with choose_compute(ComputeConfig(device="cpu", precision="bfloat16")).autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    with choose_compute(ComputeConfig(device="cpu")).autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    with pytest.raises(ConfigError, match=r"compute\.precision: float16 trains on a GPU only; use bfloat16"):
        choose_compute(ComputeConfig(device="cpu", precision="float16"))


def test_what_is_computed_on_is_described() -> None:
    found = Compute(CPU, "float32").describe()
    assert (found["device"], found["gpu"], found["threads"]) == ("cpu", None, torch.get_num_threads())


def test_one_seed_sets_every_generator() -> None:
    def draws() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    seed_generators(2**40 + 1)  # NumPy's takes 32 bits
    first = draws()
    assert draws() != first
    seed_generators(2**40 + 1)
    assert draws() == first
