"""Parts that a user writes in the working folder and names by their import path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from shell import Shell

import epochal

MODULE = """
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR


def wing(outputs, targets, width=1.0):
    return nn.functional.cross_entropy(outputs, targets) * width


class Weighted(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, outputs, targets):
        return self.factor * nn.functional.cross_entropy(outputs, targets)


class Double:
    def __init__(self, times=2):
        self.times = times

    def __call__(self, sample):
        return sample * self.times


def negative(batch):
    return -batch


class Sign(torch.optim.Optimizer):
    def __init__(self, params, lr=0.01):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for each in group["params"]:
                if each.grad is not None:
                    each.sub_(group["lr"] * each.grad.sign())


def halving(optimizer, factor=0.5):
    return LambdaLR(optimizer, lambda epoch: factor**epoch)


def specificity(predictions, targets):
    others = targets != 0
    return (predictions.argmax(1)[others] != 0).mean()


def share(predictions, targets, of=0):
    return float((predictions.argmax(1) == of).mean())


def broken(predictions, targets):
    return predictions.nothing


class Notify:
    def __init__(self, every=1):
        self.every = every

    def after_epoch(self, state, row, is_best):
        if state.counters.epoch % self.every == 0:
            with open("told.txt", "a") as file:
                file.write(f"{state.counters.epoch} {row['val/specificity']}\\n")


class Stop:
    def after_step(self, state, loss):
        raise ValueError("enough")
"""

CONFIG: dict[str, Any] = {
    "name": "own",
    "data": {"source": "breast_cancer"},
    "training": {"epochs": 2},
    "tracking": [],
}


@pytest.fixture
def project(here: Path) -> Path:
    (here / "own_project").mkdir()
    (here / "own_project" / "__init__.py").touch()
    (here / "own_project" / "parts.py").write_text(MODULE)
    return here


def _train(*overrides: str) -> epochal.Run:
    return epochal.train(CONFIG, *overrides, preflight=False, quiet=True)


METRICS = (
    'evaluation.metrics=["own_project.parts:specificity", {name: "own_project.parts:share", of: 1, as: ones}]'
)


def test_metrics_are_scores_like_others(project: Path) -> None:
    follow = "training={monitor: val/specificity, monitor_direction: max}"
    run = _train(METRICS, follow)
    epochs = run.epochs
    assert {"val/specificity", "val/ones"} <= set(epochs.columns)
    scores = json.loads(run.folder.scores("test").read_text())
    low, high = scores["intervals"]["specificity"]
    assert low <= scores["overall"]["specificity"] <= high
    predictions = run.predictions()
    ones = (predictions["PREDICTION"] == _classes(run)[1]).mean()
    assert run.metrics["test/ones"] == pytest.approx(ones)
    assert "specificity" in epochal.evaluate(run, quiet=True).metrics
    again = _train(METRICS, "seed=2")
    compared = epochal.compare(run, again)
    assert "specificity" in str(compared)
    page = epochal.report(run).read_text()
    assert "specificity" in page


def _classes(run: epochal.Run) -> list[str]:
    return list(json.loads(run.folder.scores("test").read_text())["per_class"])


def test_a_metric_that_fails_or_is_misnamed_is_told_before_training(project: Path) -> None:
    with pytest.raises(epochal.ConfigError, match=r"broken fails .* \(own_project/parts.py:58\)"):
        _train('evaluation.metrics=["own_project.parts:broken"]')
    with pytest.raises(epochal.ConfigError, match="takes no 'off'; did you mean 'of'"):
        _train('evaluation.metrics=[{name: "own_project.parts:share", off: 1}]')
    with pytest.raises(epochal.ConfigError, match="two scores are called 'accuracy'"):
        _train('evaluation.metrics=[{name: "own_project.parts:share", as: accuracy}]')
    with pytest.raises(epochal.ConfigError, match=r"monitor_direction.*set it to max or min"):
        _train(METRICS, "training.monitor=val/ones")
    assert not list(Path("runs").glob("*/*"))


def test_hooks_are_told_every_epoch(project: Path) -> None:
    run = _train(METRICS, 'training.hooks=[{name: "own_project.parts:Notify", every: 2}]')
    assert Path("told.txt").read_text() == f"2 {run.epochs['val/specificity'][1]}\n"


def test_what_a_hook_raises_ends_the_run_with_its_line(project: Path) -> None:
    shell = Shell(project)
    shell.write("own.yaml", json.dumps({**CONFIG, "training": {"hooks": ["own_project.parts:Stop"]}}))
    said = shell.run("train", "own.yaml", "--quiet", "--no-preflight", code=1).stderr
    assert "ValueError: enough (own_project/parts.py:73)" in said


@pytest.mark.parametrize(
    "override",
    [
        'loss={name: "own_project.parts:wing", width: 2}',
        'loss={name: "own_project.parts:Weighted", factor: 2}',
        'data.prepare=[{name: "own_project.parts:Double", times: 3}]',
        'data.augment=["own_project.parts:negative"]',
        'optimizer={name: "own_project.parts:Sign", lr: 0.02}',
        'scheduler={name: "own_project.parts:halving", factor: 0.1}',
    ],
)
def test_every_other_part_is_used(project: Path, plain: list[float], override: str) -> None:
    run = _train(override)
    assert run.status == "finished"
    assert _losses(run) != plain


@pytest.fixture
def plain(project: Path) -> list[float]:
    return _losses(_train())


def _losses(run: epochal.Run) -> list[float]:
    return [*run.epochs["train/loss"], *run.epochs["train/lr"]]
