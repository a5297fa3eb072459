"""Leaves out one thing at a time of what makes runs safe, and shows that a test fails for each.

The things are the items of the state of training (each stays as it was when a checkpoint is read) and the
calls of ``sync`` and ``sync_folder`` (each does nothing, in its line only). Both lists are read from the
product, so that what is added there is asked for here. Prints a table; the exit code is 1 if one survives.

    python tests/crash/mutation.py [jobs]
"""

from __future__ import annotations

import ast
import inspect
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from counted import leave_fresh

from epochal.engine.config import OptimizerConfig
from epochal.engine.flat import unflatten
from epochal.engine.optimizers import build_optimizer
from epochal.engine.schedules import Schedule
from epochal.engine.state import TrainState
from epochal.run import durable, folder

HERE = Path(__file__).parent
_STATE_TESTS = (
    "../engine/test_exact_resume.py",
    "../engine/test_exact_state.py",
    "test_failpoints.py::test_kills_in_the_rotation_of_checkpoints_and_elsewhere",
)
_SYNC_TESTS = (
    "test_power_loss.py::test_what_was_written_survives_a_power_cut_anywhere",
    "test_power_loss.py::test_what_durable_has_done_survives_a_power_cut",
)


@dataclass(frozen=True)
class Mutant:
    """What is left out, and the tests of which one must fail. Without a name, nothing: they must pass."""

    variable: str
    name: str
    tests: tuple[str, ...]

    def run(self) -> int:
        """pytest's exit code, in this process, which it changes for good."""
        if self.name:
            os.environ[self.variable] = self.name  # for the processes that tests start
        if self.variable == "CRASH_FRESH" and self.name:
            leave_fresh(self.name)
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        paths = [str(HERE / test) for test in self.tests]
        return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *paths]))


def state_items() -> list[str]:
    """The items of a checkpoint as paths into it; CUDA's generator has no state here."""
    model = torch.nn.Linear(1, 1)
    optimizer = build_optimizer(OptimizerConfig(name="SGD", lr=0.1), model)
    schedule = Schedule(optimizer, None, 1, 1, "min")
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    state = TrainState(model, {"": optimizer}, {"": schedule}, scaler, None, torch.device("cpu"))
    tensors, values = state.to_checkpoint()
    return list(_paths(unflatten(values, tensors), ""))


def _paths(value: Any, above: str) -> Iterator[str]:
    """Each entry, or where it is one of several things its own entries."""
    for name, entry in value.items() if isinstance(value, dict) else enumerate(value):
        path = f"{above}{name}"
        if path in ("counters", "processes") or path.removeprefix("processes/") in ("0", "0/generators"):
            yield from _paths(entry, f"{path}/")
        elif name != "cuda":
            yield path


def sync_calls(module: ModuleType) -> list[str]:
    """``file.py:line`` of each call of ``disk.sync`` and ``disk.sync_folder``."""
    path = Path(inspect.getsourcefile(module) or "")
    return [
        f"{path.name}:{node.lineno}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ("sync", "sync_folder")
    ]


def in_children(mutants: list[Mutant], jobs: int, tell: Callable[[Mutant, int, float], None]) -> None:
    """Run each in a forked process, so many at a time."""
    waiting, running = list(mutants), dict[int, tuple[Mutant, float]]()
    while waiting or running:
        if waiting and len(running) < jobs:
            mutant = waiting.pop(0)
            child = os.fork()
            if child == 0:
                os._exit(mutant.run())
            running[child] = mutant, time.monotonic()
            continue
        child, status = os.wait()
        mutant, started = running.pop(child)
        tell(mutant, os.waitstatus_to_exitcode(status), time.monotonic() - started)


def main() -> int:
    mutants = [Mutant("CRASH_FRESH", "", _STATE_TESTS), Mutant("CRASH_SKIP", "", _SYNC_TESTS)]
    mutants += [Mutant("CRASH_FRESH", name, _STATE_TESTS) for name in state_items()]
    mutants += [
        Mutant("CRASH_SKIP", place, _SYNC_TESTS)
        for module in (durable, folder)
        for place in sync_calls(module)
    ]
    wrong = []

    def tell(mutant: Mutant, code: int, seconds: float) -> None:
        found = {0: "survived", 1: "killed"}.get(code, f"pytest ended with {code}")
        name = mutant.name or f"({mutant.variable}: nothing)"
        print(f"{name:24} {found:10} {seconds:5.1f} s", flush=True)  # noqa: T201 (the table)
        if code != (1 if mutant.name else 0):
            wrong.append(name)

    in_children(mutants, int(sys.argv[1]) if len(sys.argv) > 1 else 2, tell)
    print(f"{len(mutants) - 2} left out, one at a time; wrong: {wrong or 'none'}")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
