"""Killed at any of its durable operations, and again while it resumes, a run ends as if nothing had been."""

from __future__ import annotations

import functools
import random
import shutil
import signal
from pathlib import Path

import pytest
from counted import recorded
from trainings import assert_identical, finish, is_finished, newest_step, scratch, start

TRAINING = "brief"
_SLICES = 12
_AGAIN = 150  # operations of a resumed attempt among which it is killed again


@functools.cache
def operations() -> list[str]:
    """The names of the operations of a whole run; ``last`` and ``previous`` beside ``replace``."""
    folder = scratch()
    finish(TRAINING, folder / "run", CRASH_RECORD=str(folder / "record"))
    names = []
    for name, *rest in recorded(folder / "record"):
        if name == "replace":
            names.append(f"replace {Path(rest[1]).stem}")
        elif name != "written":
            names.append(name)
    return names


def killed_at(number: int, folder: Path) -> None:
    """Kill at an operation, then at one of the attempt that resumes, then finish.

    A run may have fewer operations than another: what is ordered while the disk is busy replaces what waits.
    """
    again = random.Random(number).randint(1, _AGAIN)
    for at in (number, again):
        code = 0 if is_finished(folder) else start(TRAINING, folder, CRASH_AT=str(at)).wait()
        assert code == -signal.SIGKILL or is_finished(folder)  # or both: killed after it was finished
        newest_step(folder)
    if not is_finished(folder):
        finish(TRAINING, folder)
    assert_identical(TRAINING, folder)
    shutil.rmtree(folder)


def test_kills_in_the_rotation_of_checkpoints_and_elsewhere(tmp_path: Path) -> None:
    names = operations()
    rotation = [number for number, name in enumerate(names, start=1) if name == "replace previous"][1]
    others = [number for number, name in enumerate(names, start=1) if name != "write"]
    chosen = [rotation - 3, rotation - 2, *range(rotation, rotation + 3), *random.Random(1).sample(others, 4)]
    for number in chosen:
        killed_at(number, tmp_path / str(number))


@pytest.mark.crash
@pytest.mark.parametrize("part", range(_SLICES))
def test_kills_at_every_operation(part: int, tmp_path: Path) -> None:
    for number in range(1 + part, len(operations()) + 1, _SLICES):
        killed_at(number, tmp_path / str(number))
