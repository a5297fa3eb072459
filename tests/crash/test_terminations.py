"""Signals at random moments: the run stops in time and whole, or saves and goes on."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest
from test_kills import moment
from trainings import (
    Process,
    assert_identical,
    finish,
    is_finished,
    newest_step,
    read_state,
    run_in,
    start,
)

from epochal.run.catalog import list_runs
from epochal.run.folder import RunFolder

_IN_TIME = 5.0  # seconds


def terminate_at_random(name: str, folder: Path, draws: random.Random, count: int) -> tuple[int, int]:
    """Stop a training up to so many times, then let it finish.

    Returns how often it was stopped, and how many of these came while a checkpoint was being written.
    """
    step = stopped = writing = 0
    while stopped < count and not is_finished(folder):
        seconds = moment(name, step, draws)
        process = start(name, folder)
        if process.wait(seconds) is None:
            writing += any(folder.glob("runs/*/*/checkpoints/.*.tmp"))
            process.signal(signal.SIGTERM, group=draws.random() < 0.5)
            check_end(process, folder)
            stopped += 1
        step = newest_step(folder)
    if not is_finished(folder):
        finish(name, folder)
    assert_identical(name, folder)
    return stopped, writing


def check_end(process: Process, folder: Path) -> None:
    """In time; flagged, but for a process that had no run yet, or had finished it."""
    code = process.wait(_IN_TIME)
    statuses = [run.status for run in list_runs(folder / "runs")]
    said = process.output.read_text()
    if code == 128 + signal.SIGTERM:
        assert statuses == ["interrupted"], said
        assert "stopped by SIGTERM; " in said
        assert " goes on with: epochal train " in said
    elif code == 0:
        assert statuses == ["finished"], said
    else:
        assert code == -signal.SIGTERM, said
        assert statuses in ([], ["interrupted"], ["finished"]), said


@pytest.mark.parametrize("name", ["large", "own2"])
def test_runs_that_are_terminated(name: str, tmp_path: Path) -> None:
    terminate_at_random(name, tmp_path / "run", random.Random(0), 3)


@pytest.mark.crash
@pytest.mark.parametrize(("name", "count"), [("large", 32), ("own2", 10), ("digits", 8)])
def test_runs_that_are_terminated_at_random_moments(name: str, count: int, tmp_path: Path) -> None:
    draws, number, in_writing = random.Random(name), 0, 0
    while count > 0:
        stopped, writing = terminate_at_random(name, tmp_path / str(number), draws, 3)
        count, in_writing, number = count - stopped, in_writing + writing, number + 1
    assert name != "large" or in_writing > 5


def slowly(name: str, folder: Path, *options: str) -> tuple[Process, RunFolder]:
    """A training that has begun, and whose steps take a third of a second from now on."""
    process = start(name, folder, *options)
    while not list(folder.glob("runs/*/*/metrics.jsonl")):
        assert process.wait(0.01) is None, process.output.read_text()
    (folder / "slow").touch()
    return process, RunFolder(run_in(folder))


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process, _ = slowly("own0", folder)
    (folder / "slow").write_text("5")  # seconds a sample: a step of eight takes far longer than this may
    time.sleep(1)
    deadline = time.monotonic() + _IN_TIME
    while (code := process.wait(0.2)) is None:  # two at once would count as one
        assert time.monotonic() < deadline
        process.signal(signal.SIGINT)
    assert code == 128 + signal.SIGINT
    (folder / "slow").unlink()
    assert (run_in(folder) / "interrupted.out").read_text() == "stopped at once; the last checkpoint stands\n"
    finish("own0", folder)
    assert_identical("own0", folder)


@pytest.mark.parametrize("name", ["own0", "own2"])
def test_a_run_saves_when_it_is_asked_to_and_goes_on(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process, run = slowly(name, folder, "training.checkpoint.every=epoch")
    process.signal(signal.SIGUSR1, group=True)
    deadline = time.monotonic() + _IN_TIME
    while not run.last.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    (folder / "slow").unlink()
    saved = read_state(run.last)["counters"]
    assert process.wait() == 0
    assert saved["batch"] > 0, "in the middle of an epoch"
    assert_identical(name, folder)
