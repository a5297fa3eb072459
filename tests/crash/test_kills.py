"""Killed at random moments again and again, runs end as if nothing had happened."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from configs import TRAININGS
from trainings import (
    arguments,
    assert_identical,
    finish,
    is_finished,
    kill,
    newest_step,
    run_in,
    start,
    uncut,
    uncut_run,
    zygote,
)

from epochal.run.folder import RunFolder
from epochal.run.status import status_of

EPOCHAL = str(Path(sys.executable).with_name("epochal"))
_KILLS = 3  # a run, at least
_START = 5.0  # seconds that a fresh process takes until it trains, about


def moment(name: str, step: int, draws: random.Random) -> float:
    """Seconds from the start of an attempt: any part of the life that is left to a run at ``step``."""
    whole, last = uncut_run(name)[1], uncut(name)["counters"]["step"]
    return draws.uniform(0, whole * (1 - 0.7 * step / last))


def kill_at_random(name: str, folder: Path, kills: int, draws: random.Random) -> int:
    """Kill a training up to so many times, then let it finish; how many kills there were."""
    step = done = 0
    while done < kills and not is_finished(folder):
        seconds = moment(name, step, draws)
        process = start(name, folder)
        if process.wait(seconds) is None:
            kill(process, group=draws.random() < 0.5)
            done += 1
        before, step = step, newest_step(folder)
        assert step >= before, "a later checkpoint was there before"
    if not is_finished(folder):
        finish(name, folder)
    assert_identical(name, folder)
    shutil.rmtree(folder)
    return done


def kill_runs(name: str, tmp_path: Path, kills: int, seed: int) -> None:
    """Runs until there were so many kills in runs of three at least."""
    draws, number = random.Random(f"{name} {seed}"), 0
    while kills > 0:
        done = kill_at_random(name, tmp_path / str(number), draws.randint(_KILLS, _KILLS + 2), draws)
        kills -= done if done >= _KILLS else 0
        number += 1


@pytest.mark.parametrize("name", ["digits", "own2"])
def test_a_run_that_is_killed_three_times(name: str, tmp_path: Path) -> None:
    kill_runs(name, tmp_path, _KILLS, seed=0)


@pytest.mark.crash
@pytest.mark.parametrize("seed", range(1, 7))
@pytest.mark.parametrize(("name", "kills"), [("digits", 21), ("board", 6), ("own0", 9), ("own2", 15)])
def test_runs_that_are_killed_at_random_moments(name: str, kills: int, seed: int, tmp_path: Path) -> None:
    kill_runs(name, tmp_path, kills, seed)


def test_workers_that_outlive_a_killed_process_do_not_hold_its_run(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    process = start("own2", folder)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while not list(folder.glob("runs/*/*/checkpoints/last.safetensors")) or not children.read_text():
        assert process.wait(0.01) is None, process.output.read_text()
    (folder / "slow").write_text("3")  # seconds for which a worker looks at nothing
    time.sleep(0.2)
    workers = [Path(f"/proc/{pid}") for pid in children.read_text().split()]
    kill(process, group=False)
    assert status_of(RunFolder(run_in(folder))) == "crashed"
    assert any(worker.exists() for worker in workers)
    (folder / "slow").unlink()
    finish("own2", folder)
    assert_identical("own2", folder)


def kill_fresh_processes(name: str, folder: Path, draws: random.Random) -> None:
    """The same with ``epochal`` as a shell starts it."""
    TRAININGS[name].put(folder)
    done = 0
    while not is_finished(folder):
        process = subprocess.Popen(
            [EPOCHAL, *arguments(name, folder)],
            cwd=folder,
            env=zygote().environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        if done < _KILLS:
            time.sleep(draws.uniform(0.4, 1) * _START)
            (os.killpg if draws.random() < 0.5 else os.kill)(process.pid, signal.SIGKILL)
            done += process.wait() == -signal.SIGKILL
            assert process.stderr is not None
            process.stderr.close()
        else:
            said = process.communicate()[1]
            assert process.returncode == 0, said
        newest_step(folder)
    assert_identical(name, folder)


def test_fresh_processes_that_are_killed(tmp_path: Path) -> None:
    kill_fresh_processes("digits", tmp_path / "run", random.Random(0))


@pytest.mark.crash
@pytest.mark.parametrize("name", ["digits", "board", "brief", "own0", "own2", "large"])
def test_many_fresh_processes_that_are_killed(name: str, tmp_path: Path) -> None:
    kill_fresh_processes(name, tmp_path / "run", random.Random(name))
