"""The table of runs, narrow and wide, and what is said below it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from epochal.cli.runs import command
from epochal.errors import RequestError
from epochal.run.durable import Lock
from epochal.run.folder import RunFolder
from epochal.run.status import set_flag

SCORES = {"accuracy": 0.9, "f1": 0.8, "roc_auc": 0.7, "balanced_accuracy": 0.6}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make_run(number: int, experiment_id: str) -> RunFolder:
    """A run of two epochs that has no flag."""
    folder = RunFolder(Path("runs/skin") / f"2026-01-02_03-04-{number:02}_{experiment_id}")
    folder.path.mkdir(parents=True)
    folder.config.write_text("name: skin\n")
    row = {"step": 40, "epoch": 2, "train/loss": 1.0, "val/loss": 1.0}
    scores = {f"val/{name}": value for name, value in SCORES.items()}
    folder.history.write_text(json.dumps({**row, **scores}) + "\n")
    return folder


def shown(*arguments: str) -> str:
    return click.unstyle(CliRunner().invoke(command, arguments, catch_exceptions=False).stdout)


def terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """Whatever is printed goes to a terminal of so many columns."""
    for key, value in {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": str(width)}.items():
        monkeypatch.setenv(key, value)


def listed() -> dict[str, Any]:
    (run,) = json.loads(shown("--json"))
    return dict(run)


@pytest.mark.parametrize(("width", "with_process", "scores"), [(54, False, 0), (80, True, 2), (140, True, 4)])
def test_the_process_of_a_running_run_is_shown_where_it_fits(
    width: int, with_process: bool, scores: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_run(1, "0a1b2c3d")
    terminal(monkeypatch, width)
    with Lock(folder.lock):
        header, row = shown().splitlines()
        assert listed()["holder"]["pid"] == os.getpid()
        assert listed()["reason"].startswith(f"pid {os.getpid()} on ")
    status = f"running {os.getpid()}" if with_process else "running"
    assert row.split("  ")[:2] == [f"skin/{folder.path.name}", status]
    assert len(set(header.split()) & SCORES.keys()) == scores
    assert max(len(header), len(row)) <= width


def test_below_the_table_stands_why_runs_ended_and_how_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    crashed, failed = make_run(1, "aaaaaaaa"), make_run(2, "bbbbbbbb")
    set_flag(failed, "failed", "ValueError: [bad] (model.py:3)\nand more")
    terminal(monkeypatch, 80)
    table, *advice = shown().split("\n\n")
    assert len(table.splitlines()) == 3
    assert advice[0].splitlines() == [
        "2026-01-02_03-04-01_aaaaaaaa crashed: its process is gone without a word "
        "(killed, out of memory, or the machine stopped); last recorded: epoch 2, step 40",
        f"  epochal train --resume {crashed.path}",
    ]
    assert advice[1].splitlines() == [
        "2026-01-02_03-04-02_bbbbbbbb failed: ValueError: [bad] (model.py:3)",
        f"  epochal train --resume {failed.path}",
    ]


def test_only_the_newest_three_are_explained_and_none_that_has_a_newer_run() -> None:
    folders = [make_run(number, experiment_id) for number, experiment_id in enumerate("abcdea")]
    set_flag(folders[-1], "finished", "finished")
    said = shown()
    explained = [folder.path.name for folder in folders if f"--resume {folder.path}" in said]
    assert explained == [folder.path.name for folder in folders[2:5]]


def varied(number: int, rate: float, accuracy: float, epochs: int = 3) -> RunFolder:
    """A finished run of another learning rate."""
    folder = make_run(number, f"{number}{number}{number}")
    folder.config.write_text(f"optimizer: {{name: AdamW, lr: {rate}}}\ntraining: {{epochs: {epochs}}}\n")
    row = {
        "step": 9,
        "epoch": 1,
        "train/loss": 1.0,
        "val/loss": 1.0,
        "val/accuracy": accuracy,
        "seconds": 125,
    }
    folder.history.write_text(json.dumps(row) + "\n")
    set_flag(folder, "finished", "finished")
    return folder


def test_what_differs_stands_beside_the_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    varied(1, 0.001, 0.5)
    varied(2, 0.25, 0.75)
    terminal(monkeypatch, 120)
    header, first, second = shown().splitlines()
    assert header.split() == ["run", "status", "epoch", "duration", "lr", "accuracy", "loss", "of"]
    assert first.split()[1:] == ["finished", "1", "2m05s", "0.001", "0.5000", "1.0000", "val"]
    assert second.split()[4] == "0.25"
    terminal(monkeypatch, 70)
    header, *_ = shown().splitlines()
    assert header.split() == ["run", "status", "epoch", "lr", "accuracy", "of"]
    assert len(header) <= 70


def test_runs_are_chosen_ordered_and_cut() -> None:
    folders = [varied(number, rate, number / 10) for number, rate in ((1, 0.1), (2, 0.01), (3, 0.01))]
    listed = shown("--where", "optimizer.lr<0.1", "--sort", "val/accuracy", "--limit", "1")
    assert [line.split()[0] for line in listed.splitlines()[1:]] == [f"skin/{folders[2].path.name}"]
    result = CliRunner().invoke(command, ["--where", "optimizer.lr>1"])
    assert result.stderr == "no run in runs/ is such: optimizer.lr>1\n"


def test_the_table_as_csv_and_markdown() -> None:
    names = [varied(number, number / 10, 0.5).path.name for number in (1, 2)]
    lines = shown("--format", "csv").splitlines()
    assert lines[0] == "run,status,epoch,seconds,optimizer.lr,train/loss,val/loss,val/accuracy"
    assert lines[1] == f"skin/{names[0]},finished,1,125.0,0.1,1.0,1.0,0.5"
    lines = shown("--format", "markdown").splitlines()
    assert lines[1].startswith("| --- | --- | ---: | ---: | ---: |")
    assert lines[3].startswith(f"| skin/{names[1]} | finished | 1 | 125.0 | 0.2 |")
    assert shown("--format", "json") == shown("--json")


def test_a_cross_validation_is_one_row() -> None:
    parent = varied(1, 0.1, 0.5)
    fold = RunFolder(parent.path / "folds" / "1")
    fold.path.mkdir(parents=True)
    fold.config.write_text("name: skin\n")
    content = {"folds": [{"fold": 1, "run": "folds/1"}], "mean": {"accuracy": 0.25}}
    (parent.path / "crossval.json").write_text(json.dumps(content))
    (row,) = shown().splitlines()[1:]
    assert row.endswith("0.2500  1 folds")


def test_json_tells_the_step_and_the_holder() -> None:
    make_run(1, "0a1b2c3d")
    assert {key: listed()[key] for key in ("status", "epoch", "step", "holder")} == {
        "status": "crashed",
        "epoch": 2,
        "step": 40,
        "holder": {},
    }


def test_what_does_not_fit_is_counted_and_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for number, rate in ((1, 0.001), (2, 0.25)):
        varied(number, rate, 0.5, epochs=number)
    monkeypatch.setenv("COLUMNS", "70")  # of a pipe, too
    result = CliRunner().invoke(command, [], catch_exceptions=False)
    assert max(map(len, result.stdout.splitlines())) <= 70
    assert result.stderr == "3 more columns: duration, epochs, loss; " + (
        "--columns all shows them, --columns KEY,KEY some\n"
    )
    header = shown("--columns", "all").splitlines()[0].split()
    assert header == ["run", "status", "epoch", "duration", "lr", "epochs", "accuracy", "loss", "of"]
    asked, first, _ = shown("--columns", "optimizer, val/accuracy, duration").splitlines()
    assert asked.split() == ["run", "status", "optimizer", "val/accuracy", "duration"]
    assert first.split()[2:] == ["AdamW", "0.5000", "2m05s"]
    with pytest.raises(RequestError, match=r"no run has the key 'optimizer\.lrr'; did you mean 'optim"):
        shown("--columns", "optimizer.lrr")


def test_what_runs_of_one_name_differ_in_goes_before_what_the_name_tells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = (
        ("skin", "folder", "mlp", 0.1),
        ("skin", "folder", "mlp", 0.2),
        ("price", "table", "cnn", 0.1),
    )
    for number, (name, source, model, momentum) in enumerate(settings):
        folder = RunFolder(Path(f"runs/{name}/2026-01-02_03-04-{number:02}_aaaa000{number}"))
        folder.path.mkdir(parents=True)
        text = f"data: {{source: {source}}}\nmodel: {model}\nbatch_momentum: {momentum}\n"
        folder.config.write_text(text)
        set_flag(folder, "finished", "finished")
    terminal(monkeypatch, 80)
    assert "batch_momentum" in shown().splitlines()[0].split()
    assert shown("--columns", "all").splitlines()[0].split() == [
        *("run", "status", "epoch"),
        *("source", "model", "batch_momentum"),
    ]
