"""Choosing and ordering runs by settings, scores and status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import epochal
from epochal.errors import RequestError
from epochal.run.folder import RunFolder
from epochal.run.status import set_flag

# lr, model, accuracy on val, seconds
RUNS = ((0.1, "mlp", 0.5, 30), (0.01, "linear", 0.9, 60), (0.001, "mlp", 0.7, 900), (0.1, "mlp", None, None))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    for number, (rate, model, accuracy, seconds) in enumerate(RUNS):
        folder = RunFolder(root / "skin" / f"2026-01-01_00-00-0{number}_{number}{number}")
        folder.path.mkdir(parents=True)
        folder.config.write_text(
            f"model: {{name: {model}}}\noptimizer: {{name: SGD, lr: {rate}}}\nscheduler: null\n"
        )
        if accuracy is not None:
            scores = {"val/accuracy": accuracy, "val/loss": 1 - accuracy}
            row = {"step": 1, "epoch": 1, "train/loss": 1.0, "seconds": seconds, **scores}
            folder.history.write_text(json.dumps(row) + "\n")
            set_flag(folder, "finished", "finished")
    return root


def chosen(root: Path, *where: str, sort: str = "", reverse: bool = False, limit: int | None = None) -> str:
    """The runs' places in ``RUNS``."""
    found = epochal.runs("skin", runs=root, where=where, sort=sort, reverse=reverse, limit=limit)
    return "".join(run.id[0] for run in found)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("optimizer.lr<1e-1", "12"),
        ("optimizer.lr <= 0.01", "12"),
        ("optimizer.lr==0.1", "03"),
        ("optimizer.lr!=0.1", "12"),
        ("model==mlp", "023"),
        ("model.name=linear", "1"),
        ("val/accuracy>=0.7", "12"),
        ("accuracy>0.7", "1"),
        ("status==finished", "012"),
        ("status!=finished", "3"),
        ("duration>=1m", "12"),
        ("duration<0.5h", "012"),
        ("epoch==0", "3"),
        ("id==11", "1"),
        ("name==skin", "0123"),
        ("scheduler==null", "0123"),
        ("model>3", ""),
    ],
)
def test_conditions_on_settings_scores_and_status(root: Path, where: str, expected: str) -> None:
    assert chosen(root, where) == expected


def test_all_conditions_must_hold(root: Path) -> None:
    assert chosen(root, "model==mlp", "val/accuracy>0.6") == "2"


def test_scores_are_ordered_the_best_first_and_settings_the_smallest_first(root: Path) -> None:
    assert chosen(root, sort="val/accuracy") == "1203"
    assert chosen(root, sort="loss") == "1203"
    assert chosen(root, sort="optimizer.lr") == "2103"
    assert chosen(root, sort="duration") == "0123"
    assert chosen(root, sort="model") == "1023"
    assert chosen(root, sort="val/accuracy", reverse=True) == "3021"


def test_a_limit_keeps_the_newest_or_the_first_of_an_order(root: Path) -> None:
    assert chosen(root, limit=2) == "23"
    assert chosen(root, sort="val/accuracy", limit=2) == "12"
    assert chosen(root, reverse=True, limit=1) == "3"
    assert chosen(root, limit=0) == ""


@pytest.mark.parametrize(
    ("where", "message"),
    [
        (["optimizer.lrr<1"], r"no run has the key 'optimizer.lrr'; did you mean 'optimizer.lr' or"),
        (["lr"], r"--where: 'lr' is no condition; write a key, one of"),
    ],
)
def test_a_condition_that_means_nothing_is_refused(root: Path, where: list[str], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        epochal.runs(runs=root, where=where)
    with pytest.raises(RequestError, match="no run has the key 'val/acuracy'; did you mean 'val/accuracy'"):
        epochal.runs(runs=root, sort="val/acuracy")
