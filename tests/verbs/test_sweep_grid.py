"""Grids of real, tiny runs: what is run, skipped, continued and retried, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import epochal
from epochal.cli.sweep import command
from epochal.errors import RequestError
from epochal.verbs.sweep import Sweep

GRID = ("training.epochs=1", "optimizer={name: SGD, lr: 0.01}", "optimizer.lr=0.01,100.0", "seed=1,2")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working folder with a home of its own."""
    folder = tmp_path_factory.mktemp("sweep")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def swept(place: Path) -> Sweep:
    """Two seeds that finish, and two whose learning rate is too high for any number."""
    return epochal.sweep("diabetes", *GRID, quiet=True)


def actions(*overrides: str, **options: Any) -> str:
    planned = epochal.sweep("diabetes", *overrides, dry_run=True, quiet=True, **options)
    return " ".join(trial.action for trial in planned.trials)


def test_one_that_fails_stops_no_other(swept: Sweep) -> None:
    assert [trial.status for trial in swept.trials] == ["finished", "finished", "failed", "failed"]
    assert [trial.title for trial in swept.trials][:2] == [
        f"optimizer.lr=0.01 seed={seed}" for seed in (1, 2)
    ]
    assert "the loss became" in swept.trials[2].error
    assert [run.status for run in swept.runs] == ["finished", "finished"]
    assert swept.comparison is not None
    assert [group.runs for group in swept.comparison.groups] == [swept.runs]


def test_finished_runs_are_skipped_and_failed_ones_continued_only_on_request(swept: Sweep) -> None:
    assert actions(*GRID) == "skip skip skip skip"
    assert actions(*GRID, retry=True) == "skip skip resume resume"
    assert actions(*GRID[:3], "seed=2,3") == "skip run skip run"
    again = epochal.sweep("diabetes", *GRID, quiet=True)
    assert again.runs == swept.runs
    assert len(list(Path("runs/diabetes").iterdir())) == 4


def test_the_command_ends_with_the_comparison_and_says_what_is_missing(swept: Sweep) -> None:
    done = CliRunner().invoke(command, ["diabetes", *GRID, "-q", "--metric", "mae"], standalone_mode=False)
    assert done.return_value == 1
    header, row = click.unstyle(done.stdout).splitlines()
    assert header.split() == ["run", "test", "mae"]
    assert row.split()[:4] == ["A", "diabetes,", "2", "seeds"]
    lines = done.stderr.splitlines()
    assert "2 of 4 finished" in lines
    assert lines[-1].startswith("  failed: optimizer.lr=100.0 seed=2: ")
    assert lines[-1].endswith("; --retry continues it")


def test_a_dry_run_lists_and_writes_nothing(swept: Sweep) -> None:
    before = len(list(Path("runs/diabetes").iterdir()))
    arguments = ["diabetes", *GRID[:3], "seed=2,3", "--dry-run", "-q"]
    done = CliRunner().invoke(command, arguments, standalone_mode=False)
    assert done.return_value == 0
    rows = [line.split() for line in click.unstyle(done.stdout).splitlines()[1:]]
    assert [row[0] for row in rows] == ["skip", "run", "skip", "run"]
    assert rows[2][2:] == ["optimizer.lr=100.0", "seed=2", "failed;", "--retry", "continues", "it"]
    assert len(list(Path("runs/diabetes").iterdir())) == before
    done = CliRunner().invoke(command, ["diabetes", "seed=2,3", "--dry-run"], standalone_mode=False)
    assert done.stdout.splitlines()[0].split() == ["action", "id", "settings"]
    assert "each seed draws a split of its own; data.split={name: file, path: RUN/split.csv}" in done.stderr
    (run,) = [run for run in swept.runs if run.folder.config.read_text().count("seed: 1\n")]
    fixed = f"data.split={{name: file, path: {run.folder.split}}}"
    done = CliRunner().invoke(command, ["diabetes", "seed=2,3", fixed, "--dry-run"], standalone_mode=False)
    assert "split of its own" not in done.stderr


def test_equal_combinations_are_one(place: Path) -> None:
    assert actions("training.epochs=1,1", "seed=7,7") == "run"


def test_mistakes_of_all_combinations_are_told_before_anything_runs(place: Path) -> None:
    with pytest.raises(RequestError) as raised:
        epochal.sweep("diabetes", "optimizer.lrr=1,2", "training.epochs=1,-1", "seed=8", quiet=True)
    told = [str(problem) for problem in raised.value.problems]
    assert any("optimizer.lrr" in text for text in told)
    assert any("training.epochs" in text for text in told)
    assert len(told) == len(set(told))


@pytest.mark.slow
def test_jobs_stop_cleanly_at_a_signal_and_go_on(place: Path) -> None:
    grid = (
        "name=long",
        "training.epochs=40000",
        "training.early_stopping=null",
        "training.checkpoint.every=1 hour",
        "seed=1,2,3",
    )

    def stop() -> None:
        deadline = time.monotonic() + 60
        while len(list(Path("runs/long").glob("*/metrics.jsonl"))) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(epochal.Interrupted):
        epochal.sweep("diabetes", *grid, jobs=2, quiet=True)
    thread.join()
    assert [run.status for run in epochal.runs("long")] == ["interrupted", "interrupted"]
    assert actions(*grid) == "resume resume run"


def test_json_holds_trials_and_comparison(swept: Sweep) -> None:
    done = CliRunner().invoke(command, ["diabetes", *GRID, "-q", "--json"], standalone_mode=False)
    content = json.loads(done.stdout)
    assert [trial["status"] for trial in content["trials"]] == ["finished", "finished", "failed", "failed"]
    assert content["comparison"]["groups"][0]["runs"] == [str(run) for run in swept.runs]
