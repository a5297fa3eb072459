from __future__ import annotations

import copy
import logging
import os
import random
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from epochal.console import Console
from epochal.engine.compute import compute_settings
from epochal.errors import ConfigError, DataError, RequestError
from epochal.experiment.assemble import Experiment, assemble
from epochal.experiment.config import load_experiment
from epochal.experiment.dry_run import dry_run
from epochal.experiment.preflight import preflight
from epochal.experiment.start import steps_per_epoch

PARTS = """
import random
import numpy as np
import polars as pl
import torch
from torch import nn
from torch.utils.data import Dataset
import epochal


class Parity(epochal.Task):
    target = "class"
    monitor = "val/accuracy"

    def __init__(self, context, strict=False, curve="none"):
        super().__init__(context)
        self.strict, self.curve = strict, curve

    def running(self, outputs, targets):
        return {"accuracy": (outputs.argmax(1) == targets).float().mean()}

    def predict(self, outputs):
        return outputs.softmax(1)

    def scores(self, predictions, targets):
        if self.strict and len(np.unique(targets)) < 2:
            raise ValueError("only one class is present")
        return epochal.Scores({"accuracy": float((predictions.argmax(1) == targets).mean())})

    def curves(self, predictions, targets):
        tables = {"none": {}, "odd": {"roc": pl.DataFrame({"A": [1, 2]})}}
        tables["nested"] = {"lists": pl.DataFrame({"A": [[1], [2]]})}
        return tables[self.curve]

    def table(self, predictions, targets):
        return {"PREDICTION": predictions.argmax(1)}


class Net(nn.Module):
    def __init__(self, mode="plain"):
        super().__init__()
        self.mode, self.steps, self.kept = mode, 0, 0
        self.norm = nn.BatchNorm1d(2)
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        if self.training:
            self.steps += 1
            if self.mode == "interrupted":
                raise KeyboardInterrupt
            if self.mode == "exhausted":
                raise MemoryError("no more")
            if self.mode == "recurrent":
                self.kept = self.kept + self.layer(x)
                return self.kept
            noise = torch.rand(2) * random.random() * np.random.rand()
            x = nn.functional.dropout(x) + noise.float()
        elif self.mode == "blind" and self.steps:
            raise RuntimeError("no eyes")
        return self.layer(self.norm(x))

    def get_extra_state(self):
        return {"set": {1, 2}, "number": 3, "forgetful": torch.tensor(self.steps)}.get(
            self.mode, torch.tensor(0)
        )

    def set_extra_state(self, state):
        if self.mode == "refusing":
            raise ValueError("not this")

    def __deepcopy__(self, memo):
        if self.mode == "unique":
            raise TypeError("there is only one")
        copied = Net(self.mode)
        copied.load_state_dict(self.state_dict(), strict=False) if self.mode != "refusing" else None
        return copied


class Noting(torch.optim.SGD):
    def state_dict(self):
        return super().state_dict() | {"notes": object()}


class Stumbling(torch.optim.SGD):
    def step(self, closure=None):
        raise RuntimeError("a stone")


RATES = [1.0] * 50


def late(epoch):
    return RATES[epoch]


class Ragged(Dataset):
    def __init__(self, odd=-1):
        self.odd = odd

    def __len__(self):
        return 60

    def __getitem__(self, index):
        return torch.rand(3 if index == self.odd else 2), index % 2


def breaks(sample, above=2.0):
    if sample.max() > above:
        raise ValueError("too bright")
    return sample
"""

PLAIN: dict[str, Any] = {
    "name": "flown",
    "data": {
        "source": {"name": "table", "path": "both.csv", "target": "y", "split": "split"},
        "split": "column",
    },
    "model": "flown_parts:Net",
    "training": {"epochs": 60},
    "compute": {"threads": 1},
    "tracking": [],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder: two tables, whose first rows of each split lack a class, and a module."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "flown_parts.py").write_text(PARTS)
    generator = np.random.default_rng(0)
    for name, last in (("both.csv", "y"), ("one.csv", "n")):
        splits = [("train", "ny"[row % 2]) for row in range(40)]
        splits += [("val", "y" if row > 8 else "n") for row in range(12)]
        splits += [("test", last if row > 8 else "n") for row in range(12)]
        rows = [f"{a:.3f},{b:.3f}" for a, b in generator.normal(size=(64, 2))]
        lines = [f"{row},{y},{split}" for row, (split, y) in zip(rows, splits, strict=True)]
        (folder / name).write_text("\n".join(["a,b,y,split", *lines]))
    return folder


@pytest.fixture(autouse=True)
def _here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(place)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield
    sys.modules.pop("flown_parts", None)


def fly(runs: Path, *overrides: str) -> Experiment:
    """What comes before a run folder is made."""
    paths = (f"paths.runs={runs}", f"paths.cache={runs.parent / 'cache'}")
    config = load_experiment(PLAIN, (*paths, *overrides))
    experiment = assemble(config, Console(quiet=True))
    with compute_settings(config.compute, experiment.compute.device):
        dry_run(experiment)
        preflight(experiment, steps_per_epoch(experiment) * config.training.epochs)
    return experiment


def generator_states() -> list[str]:
    states = random.getstate(), np.random.get_state(), torch.get_rng_state().tolist()
    return [str(state) for state in states]


def test_everything_stays_as_it_was(tmp_path: Path) -> None:
    overrides = (
        "optimizer.lr=1e-2",
        "training.ema=0.9",
        "training.gradient_clip=1.0",
        "scheduler=OneCycleLR",
    )
    experiment = fly(tmp_path / "runs", *overrides, "scheduler.max_lr=0.1")
    weights = copy.deepcopy(experiment.model.state_dict())
    (before,) = list(experiment.test.epoch())
    states = generator_states()
    preflight(experiment, 600)
    assert generator_states() == states
    for name, weight in experiment.model.state_dict().items():
        assert torch.equal(weight, weights[name])
    assert all(parameter.grad is None for parameter in experiment.model.parameters())
    assert experiment.model.training
    (after,) = list(experiment.test.epoch())
    assert torch.equal(after.inputs, before.inputs)
    assert os.listdir(tmp_path / "runs") == []


# overrides, and what the message says
MISTAKES = [
    (
        "task.strict=true data.source.path=one.csv",
        "task: the test phase would fail: ValueError: only one class is present (flown_parts.py:27)",
    ),
    (
        "task.curve=nested",
        "task: the test phase would fail: ComputeError: CSV format does not support nested",
    ),
    ("task.curve=odd", "task: the plots would fail: ColumnNotFoundError:"),
    (
        "scheduler={name: LambdaLR, lr_lambda: 'flown_parts:late'}",
        "scheduler: the scheduler would fail in epoch 50: IndexError: list index out of range (flown_",
    ),
    (
        "scheduler={name: LambdaLR, lr_lambda: 'flown_parts:late', per: step, warmup: 3}",
        "scheduler: the scheduler would fail in epoch 27: IndexError",
    ),
    (
        "model.mode=set",
        "model: the checkpoint would fail: a checkpoint can't hold 'state/model/_extra_state', which is a",
    ),
    (
        "optimizer={name: 'flown_parts:Noting', lr: 0.1}",
        "optimizer: the checkpoint would fail: a checkpoint can't hold 'state/optimizer/notes', which is",
    ),
    (
        "optimizer={name: 'flown_parts:Stumbling', lr: 0.1}",
        "optimizer: the optimizer's step would fail: RuntimeError: a stone (flown_parts.py:",
    ),
    ("model.mode=number", "model: the best weights can't be written: '_extra_state' is a int; get_extra"),
    (
        "model.mode=forgetful",
        "model: resuming from a checkpoint would not bring back 'state/model/_extra_state'",
    ),
    (
        "model.mode=refusing",
        "model: resuming from a checkpoint would fail: ValueError: not this (flown_parts.py:",
    ),
    (
        "model.mode=recurrent",
        "model: the training step would fail: RuntimeError: Trying to backward through the graph a second",
    ),
    ("model.mode=blind", "model: validation would fail: RuntimeError: no eyes (flown_parts.py:"),
]


@pytest.mark.parametrize(("overrides", "said"), MISTAKES, ids=[each for each, _ in MISTAKES])
def test_a_mistake_that_would_show_late(tmp_path: Path, overrides: str, said: str) -> None:
    own = ["task=flown_parts:Parity"] if overrides.startswith("task") else []
    words = overrides.split(" ") if own else [overrides]
    with pytest.raises(ConfigError) as caught:
        fly(tmp_path / "runs", *own, *words)
    assert str(caught.value).startswith(said), str(caught.value)
    assert caught.value.problems[0].mend
    assert not (tmp_path / "runs").exists()


def test_few_samples_that_lack_a_class_are_no_mistake(tmp_path: Path) -> None:
    fly(tmp_path / "runs", "task=flown_parts:Parity", "task.strict=true")


def test_a_schedule_of_too_many_calls_is_not_walked(tmp_path: Path) -> None:
    scheduler = "scheduler={name: LambdaLR, lr_lambda: 'flown_parts:late'}"
    fly(tmp_path / "runs", scheduler, "training.epochs=2001")


def test_a_model_that_can_not_be_copied_is_left_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "epochal"):
        fly(tmp_path / "runs", "model.mode=unique")
    said = "the preflight is left out, for the model can't be copied: TypeError: there is only one"
    assert any(message.startswith(said) for message in caplog.messages)


@pytest.mark.parametrize(("mode", "error"), [("interrupted", KeyboardInterrupt), ("exhausted", MemoryError)])
def test_what_is_no_mistake_passes_and_leaves_nothing(
    tmp_path: Path, mode: str, error: type[BaseException]
) -> None:
    (tmp_path / "runs").mkdir()
    with pytest.raises(error):
        fly(tmp_path / "runs", f"model.mode={mode}")
    assert os.listdir(tmp_path / "runs") == []


def test_an_item_of_another_shape(tmp_path: Path) -> None:
    source = "data.source={name: 'flown_parts:Ragged', odd: %d}"
    experiment = fly(tmp_path / "runs", "data.split=random", source % -1)
    odd = int(experiment.test.rows[-1])
    with pytest.raises(DataError, match=rf"{odd}: its shape 3 differs from 2 of '0'; make them equal"):
        fly(tmp_path / "other", "data.split=random", source % odd)
    assert not (tmp_path / "other").exists()


def test_a_sample_that_can_not_be_made(tmp_path: Path, place: Path) -> None:
    text = (place / "both.csv").read_text().splitlines()
    text[-3] = "50.0,50.0,y,test"
    (place / "bright.csv").write_text("\n".join(text))
    broken = "data.prepare=[{name: 'flown_parts:breaks', above: 40}]"
    with pytest.raises(ConfigError, match=r"data: making the sample '61' fails: ValueError: too bright"):
        fly(tmp_path / "runs", "data.cache=none", "data.source.path=bright.csv", broken)


def test_a_file_in_place_of_the_runs_folder(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("no folder")
    with pytest.raises(RequestError, match=r"runs: the run's folder can't be made here: .*paths\.runs"):
        fly(tmp_path / "runs")
    assert (tmp_path / "runs").read_text() == "no folder"


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Any]:
    """Mounts a small file system at ``runs`` with these options, where that is allowed."""
    folder = tmp_path / "runs"
    folder.mkdir()

    def mounted(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("mounting is not permitted here")
        return folder

    yield mounted
    subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


def test_a_read_only_runs_folder(mount: Any) -> None:
    runs = mount("ro")
    with pytest.raises(RequestError, match=r"runs: .*: Read-only file system; .*paths\.runs"):
        fly(runs)


def test_too_little_room(mount: Any) -> None:
    runs = mount("size=12k")
    said = r"runs: the run needs about \d+ kB and \d+ kB are free; make room, .*paths\.runs"
    with pytest.raises(RequestError, match=said):
        fly(runs)
    assert os.listdir(runs) == []


def test_a_disk_that_fills_up(tmp_path: Path) -> None:
    experiment = fly(tmp_path / "runs")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(
            RequestError, match=r"can't write here: File too large; the run needs about .*free"
        ):
            preflight(experiment, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert os.listdir(tmp_path / "runs") == []


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    for name, age in ((".preflight-old", 7200), (".preflight-new", 60)):
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        then = folder.stat().st_mtime - age
        os.utime(folder, (then, then))
    fly(tmp_path / "runs")
    assert os.listdir(tmp_path / "runs") == [".preflight-new"]
