"""Several processes train what one would, and end and resume together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.numpy import load_file
from shell import Shell

CONFIG = """
data: {source: digits, batch_size: 50, augment: [{name: rotation, degrees: 10}, mixup]}
model: {name: simple_cnn, channels: [8, 16], hidden: 600}
optimizer: {name: AdamW, lr: 1e-3}
training: {epochs: 6, log_every: 5, accumulate: 2, ema: 0.9, gradient_clip: 1.0, checkpoint: {every: 4 steps}}
compute: {precision: float32, threads: 1}
tracking: []
"""


def _train(shell: Shell, *arguments: str, code: int = 0) -> str:
    return shell.run("train", "several.yaml", "--quiet", *arguments, code=code).stderr


def _history(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def _assert_alike(one: Path, other: Path) -> None:
    """The same numbers up to the order of summation."""
    rows, others = _history(one), _history(other)
    assert [row["step"] for row in rows] == [row["step"] for row in others]
    for row, expected in zip(rows, others, strict=True):
        for key in {"train/batch_loss", "train/loss", "val/loss", "train/lr"} & expected.keys():
            assert row[key] == pytest.approx(expected[key], rel=1e-4), (key, row["step"])
    weights, expected_weights = (load_file(run / "checkpoints" / "best.safetensors") for run in (one, other))
    assert weights.keys() == expected_weights.keys()
    for name, weight in weights.items():
        assert weight == pytest.approx(expected_weights[name], abs=2e-4), name


def _assert_identical(one: Path, other: Path) -> None:
    for name in ("checkpoints/best.safetensors", "predictions/test.csv", "metrics/test.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process."""
    shell = Shell(tmp_path_factory.mktemp("alone"))
    shell.write("several.yaml", CONFIG)
    _train(shell)
    return shell.only_run("several")


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of two processes."""
    shell = Shell(tmp_path_factory.mktemp("together"))
    shell.write("several.yaml", CONFIG)
    _train(shell, "compute.processes=2")
    return shell.only_run("several")


def _workers(launcher: int) -> list[int]:
    """The processes that a launcher started, by rank."""
    children = Path(f"/proc/{launcher}/task/{launcher}/children").read_text().split()
    return sorted(map(int, children))


def _start_and_wait(shell: Shell, *arguments: str) -> subprocess.Popen[str]:
    """A training of two processes that has written a checkpoint in the middle of its second epoch."""
    process = shell.start("train", "several.yaml", "--quiet", "compute.processes=2", *arguments)
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and process.poll() is None:
        found = list((shell.folder / "runs").glob("*/*/metrics.jsonl"))
        if found and found[0].read_text().count("\n") >= 5:
            return process
        time.sleep(0.01)
    raise AssertionError(process.communicate()[1])


def test_two_processes_train_what_one_does(alone: Path, together: Path) -> None:
    _assert_alike(together, alone)
    scores = (json.loads((run / "metrics" / "val.json").read_text()) for run in (alone, together))
    one, other = (score["overall"]["loss"] for score in scores)
    assert one == pytest.approx(other, rel=1e-4)


@pytest.mark.skipif(
    not hasattr(torch.Stream, "record_event"), reason="torch's own sharding needs torch 2.7 on CPUs"
)
def test_sharded_weights_train_alike_and_one_process_goes_on_with_them(here: Path, alone: Path) -> None:
    shell = Shell(here)
    shell.write("several.yaml", CONFIG)
    process = _start_and_wait(shell, "compute.strategy=fsdp")
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 143, said
    run = shell.only_run("several")
    assert (run / "interrupted.out").read_text() == "stopped by SIGTERM\n"
    assert "processes: 2 -> 1" in _train(shell, "--resume")
    _assert_alike(run, alone)


def test_what_is_thawed_trains_on_the_gradients_of_all(here: Path) -> None:
    thaw = ("training.freeze=features.*", "training.unfreeze={2: features.*2.*}", "training.epochs=3")
    found = []
    for count in (1, 2):
        shell = Shell(here / str(count))
        shell.write("several.yaml", CONFIG)
        _train(shell, *thaw, f"compute.processes={count}")
        found.append(shell.only_run("several"))
    _assert_alike(*found)
    said = _train(shell, *thaw, "compute.processes=2", "compute.strategy=fsdp", "--again", code=2)
    assert "a model in parts (fsdp) can't begin to train weights that were frozen" in said


def test_when_one_process_is_killed_all_end_and_resuming_is_exact(here: Path, together: Path) -> None:
    shell = Shell(here)
    shell.write("several.yaml", CONFIG)
    process = _start_and_wait(shell)
    workers = _workers(process.pid)
    assert len(workers) == 2
    os.kill(workers[1], signal.SIGKILL)
    said = process.communicate(timeout=30)[1]
    assert process.returncode == 1
    assert "process 1 of 2 was ended by SIGKILL; the others were stopped; --resume continues" in said
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
    run = shell.only_run("several")
    assert "another process of this run ended" in (run / "failed.out").read_text()
    _train(shell, "--resume", "compute.processes=2")
    _assert_identical(run, together)


@pytest.mark.crash
def test_when_all_are_killed_two_or_one_go_on(here: Path, together: Path, alone: Path) -> None:
    for count, expected, same in ((2, together, _assert_identical), (1, alone, _assert_alike)):
        shell = Shell(here / str(count))
        shell.write("several.yaml", CONFIG)
        process = _start_and_wait(shell)
        for each in [process.pid, *_workers(process.pid)]:
            os.kill(each, signal.SIGKILL)
        process.communicate()
        assert "  crashed  " in shell.run("runs").stdout
        _train(shell, "--resume", f"compute.processes={count}")
        same(shell.only_run("several"), expected)


@pytest.mark.crash
def test_a_launcher_that_is_killed_takes_its_processes_with_it(here: Path, together: Path) -> None:
    shell = Shell(here)
    shell.write("several.yaml", CONFIG)
    process = _start_and_wait(shell)
    workers = _workers(process.pid)
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    run = shell.only_run("several")
    assert (run / "interrupted.out").read_text() == "stopped by SIGTERM\n"
    _train(shell, "--resume", "compute.processes=2")
    _assert_identical(run, together)


@pytest.mark.crash
def test_torchrun_starts_them_too(here: Path, together: Path) -> None:
    shell = Shell(here)
    shell.write("several.yaml", CONFIG)
    torchrun = str(Path(sys.executable).with_name("torchrun"))
    command = [torchrun, "--nproc-per-node", "2", "-m", "epochal", "train", "several.yaml"]
    done = subprocess.run(
        command, cwd=here, env=shell.environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("run folder:") == 1
    _assert_identical(shell.only_run("several"), together)


def test_an_error_of_the_request_is_told_once(here: Path) -> None:
    shell = Shell(here)
    shell.write("several.yaml", CONFIG.replace("simple_cnn", "simple_cnm"))
    said = _train(shell, "compute.processes=2", code=2)
    assert said.count("simple_cnm") == 1
    assert not (here / "runs").exists()
