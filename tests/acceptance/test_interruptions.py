"""Runs that are stopped, killed or fail, and go on as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file
from shell import Shell, stop_after_lines

import epochal

CONFIG = """
data: {source: digits, batch_size: 16, augment: [{name: rotation, degrees: 10}]}
model: {name: simple_cnn, channels: [8, 16], dropout: 0.2}
scheduler: CosineAnnealingLR
training: {epochs: 5, log_every: 10, ema: 0.9}
compute: {threads: 1}
tracking: []
"""

MODEL = """
from pathlib import Path

from torch import nn


class Fragile(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.layer = nn.Linear(64, num_classes)
        self.steps = 0

    def forward(self, x):
        self.steps += self.training
        if self.steps > 100 and not Path("mended").exists():
            raise ValueError("the hundred and first step")
        return self.layer(x.flatten(1))
"""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    shell = Shell(tmp_path_factory.mktemp("uninterrupted"))
    config = shell.write("digits8.yaml", CONFIG)
    folders = (f"paths.runs={shell.folder}/runs", f"paths.cache={shell.folder}/cache")
    return epochal.train(config, *folders, quiet=True).path


def _history(run: Path) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k not in ("seconds", "samples_per_second")} for row in rows]


def _assert_equal_runs(one: Path, other: Path) -> None:
    assert _history(one) == _history(other)
    assert (one / "predictions/test.csv").read_text() == (other / "predictions/test.csv").read_text()
    assert (one / "metrics/test.json").read_text() == (other / "metrics/test.json").read_text()
    weights, others = (load_file(run / "checkpoints" / "best.safetensors") for run in (one, other))
    assert weights.keys() == others.keys()
    assert all((weights[name] == others[name]).all() for name in weights)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_cleanly_and_the_run_resumes(
    number: int, code: int, here: Path, uninterrupted: Path
) -> None:
    shell = Shell(here)
    shell.write("digits8.yaml", CONFIG)
    process = shell.start("train", "digits8.yaml")
    said = stop_after_lines(process, here / "runs" / "digits8", 15, number)
    assert process.returncode == code, said
    assert "Traceback" not in said
    name = signal.Signals(number).name
    run = shell.only_run("digits8")
    how = f"{run.relative_to(here)} goes on with: epochal train digits8.yaml --resume"
    assert f"stopped by {name}; {how}" in said
    assert (run / "interrupted.out").read_text() == f"stopped by {name}\n"
    assert (run / "checkpoints" / "last.safetensors").exists()
    assert not (run / "metrics" / "test.json").exists()
    assert epochal.train("digits8.yaml", resume=True, quiet=True).path == run.relative_to(here)
    assert (run / "finished.out").exists()
    assert not (run / "interrupted.out").exists()
    _assert_equal_runs(run, uninterrupted)


def test_a_killed_run_is_crashed_and_resumes(here: Path, uninterrupted: Path) -> None:
    shell = Shell(here)
    shell.write("digits8.yaml", CONFIG)
    process = shell.start("train", "digits8.yaml")
    _wait_and_freeze(process.pid, here / "runs" / "digits8")
    try:
        run = shell.only_run("digits8")
        refused = shell.run("train", "digits8.yaml", "--resume", str(run), code=2).stderr
        assert f"another process is working on it: pid {process.pid}" in refused
        assert [run.status for run in epochal.runs()] == ["running"]
    finally:
        process.kill()
        process.communicate()
    assert "  crashed  " in shell.run("runs").stdout
    assert epochal.train("digits8.yaml", resume=True, quiet=True).path == run.relative_to(here)
    _assert_equal_runs(run, uninterrupted)


def _wait_and_freeze(pid: int, runs: Path) -> None:
    """Stop a process (as Ctrl-Z does) when its first epoch has a checkpoint; it still holds its run."""
    deadline = time.monotonic() + 60
    while not list(runs.glob("*/checkpoints/last.safetensors")):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(pid, signal.SIGSTOP)


def test_an_exception_in_the_users_model_fails_the_run(here: Path) -> None:
    shell = Shell(here)
    shell.write("fragile.py", MODEL)
    shell.write(
        "own.yaml", CONFIG.replace("{name: simple_cnn, channels: [8, 16], dropout: 0.2}", "fragile:Fragile")
    )
    failed = shell.run("train", "own.yaml", code=1)
    lines = [line for line in failed.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    assert "ValueError: the hundred and first step (fragile.py:16)" in lines[0]
    run = shell.only_run("own")
    assert "the hundred and first step" in (run / "failed.out").read_text()
    log = (run / "run.log").read_text()
    assert "Traceback (most recent call last)" in log
    assert 'raise ValueError("the hundred and first step")' in log
    shell.write("mended", "")
    assert epochal.train("own.yaml", resume=True, quiet=True).path == run.relative_to(here)
    assert (run / "finished.out").exists()
    assert not (run / "failed.out").exists()
    assert [row["epoch"] for row in _history(run) if "val/loss" in row] == [1, 2, 3, 4, 5]


GREEDY = """
import torch
from torch import nn


class Greedy(nn.Module):
    def __init__(self, num_classes: int = 10) -> None:
        super().__init__()
        self.layer = nn.Linear(64, num_classes)
        self.steps = 0

    def forward(self, x):
        self.steps += self.training
        if self.steps == 100:
            torch.empty(1 << 60)
        if self.steps >= 101:
            x = x / 0
        return self.layer(x.flatten(1))
"""


def test_what_ended_a_run_is_said_in_full(here: Path) -> None:
    """First memory that is not there; resumed, in the next step, a division by zero."""
    shell = Shell(here)
    shell.write("greedy.py", GREEDY)
    model = "greedy:Greedy"
    shell.write("own.yaml", CONFIG.replace("{name: simple_cnn, channels: [8, 16], dropout: 0.2}", model))
    said = shell.run("train", "own.yaml", code=1).stderr
    assert "error: out of memory: RuntimeError" in said
    assert "(greedy.py:15); try data.batch_size=8 training.accumulate=2 (the same batch in two parts)" in said
    run = shell.only_run("own")
    assert "data.batch_size=8" in (run / "failed.out").read_text()
    shell.write("greedy.py", GREEDY.replace("== 100", "== -1"))
    said = shell.run("train", "own.yaml", "--resume", code=1).stderr
    assert "greedy.py changed" in said
    assert "the model itself (Greedy) is the first whose output is not finite" in said
    assert "the loss became nan at step" in (run / "failed.out").read_text()
    assert "the batch: " in (run / "run.log").read_text()
    shell.write("greedy.py", GREEDY.replace("== 100", "== -1").replace(">= 101", ">= 999999"))
    shell.run("train", "own.yaml", "--resume")
    assert (run / "finished.out").exists()


def test_a_reader_that_goes_away_ends_no_training(here: Path) -> None:
    shell = Shell(here)
    shell.write("digits8.yaml", CONFIG)
    process = shell.start("train", "digits8.yaml")
    assert process.stderr is not None
    assert process.stdout is not None
    assert process.stderr.readline().startswith("run ")
    process.stderr.close()
    assert "run folder: " in process.stdout.read()
    process.stdout.close()
    assert process.wait(60) == 0
    assert (shell.only_run("digits8") / "finished.out").exists()
