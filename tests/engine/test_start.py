from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from epochal.engine.start import set_deterministic

STEP = """
import sys, torch
from epochal.engine.compute import compute_settings
from epochal.engine.config import ComputeConfig, OptimizerConfig
from epochal.engine.optimizers import build_optimizer, plain_step
model = torch.nn.Linear(2, 2)
with compute_settings(ComputeConfig(compile={compiled}), torch.device("cpu")):
    optimizer = build_optimizer(OptimizerConfig(name="AdamW"), model)
    model(torch.ones(1, 2)).sum().backward()
    plain_step(optimizer)()
    optimizer.load_state_dict(optimizer.state_dict())
    assert torch.are_deterministic_algorithms_enabled()
    inductor = sys.modules.get("torch._inductor.config")
    # torch 2.6 does not have this setting yet
    print("torch._dynamo" in sys.modules, getattr(inductor, "deterministic", True) if inductor else None)
assert not torch.are_deterministic_algorithms_enabled()
"""

METHODS = """
import torch
from epochal.engine.start import without_compiler
bare = torch.optim.Optimizer.add_param_group.__wrapped__
before = vars(bare).copy()
with without_compiler():
    torch.optim.SGD(torch.nn.Linear(1, 1).parameters())
assert vars(bare) == before
"""


@pytest.mark.parametrize(("compiled", "printed"), [(False, "False None"), (True, "True True")])
def test_the_compiler_loads_only_where_something_is_compiled(compiled: bool, printed: str) -> None:
    code = STEP.format(compiled=compiled)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == printed, done.stderr


def test_methods_are_as_they_were_afterwards() -> None:
    done = subprocess.run([sys.executable, "-c", METHODS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("mode", [2, 1, 0])
def test_the_mode_is_what_torch_says(mode: int) -> None:
    before = torch.get_deterministic_debug_mode()
    set_deterministic(mode)
    try:
        assert torch.get_deterministic_debug_mode() == mode
    finally:
        set_deterministic(before)
