"""More epochs for a finished run, and what is refused; with real, tiny runs."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import epochal
from epochal.config.yaml import dump_yaml, parse_yaml
from epochal.console import Console
from epochal.engine.checkpoint import read_checkpoint
from epochal.errors import RequestError
from epochal.experiment.assemble import assemble
from epochal.experiment.config import load_experiment
from epochal.experiment.earlier import run_to_resume
from epochal.run.run import Run

CONFIG: dict[str, Any] = {
    "name": "sugar",
    "task": "regression",  # it has few plots, which take most of the time
    "data": {"source": "diabetes", "augment": [{"name": "gaussian_noise", "std": 0.1}]},
    "evaluation": {"intervals": False},
    "model": {"name": "mlp", "hidden": [8], "dropout": 0.2},
    "scheduler": {"name": "ExponentialLR", "gamma": 0.9},
    "training": {"epochs": 2, "ema": 0.9},
    "compute": {"threads": 1},
}


def train(*overrides: str, **options: Any) -> Run:
    return epochal.train(CONFIG, *overrides, quiet=True, preflight=False, **options)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working folder with a home of its own, and a finished run."""
    folder = tmp_path_factory.mktemp("longer")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def short(place: Path) -> Run:
    return train()


def content(run: Run, *names: str) -> list[bytes]:
    return [(run.path / name).read_bytes() for name in names]


def numbers(run: Run) -> list[dict[str, Any]]:
    """What was recorded, but for the times that it took."""
    return [
        {key: value for key, value in row.items() if key not in ("seconds", "samples_per_second")}
        for row in run.history
    ]


def state(run: Run) -> tuple[dict[str, bytes], str]:
    """The last checkpoint, but for the length of ``metrics.jsonl``, whose times have more or fewer digits."""
    tensors, values = read_checkpoint(run.folder.last)
    plain, replaced = re.subn(r'\["history", \d+\]', "", json.dumps(values))
    assert replaced == 1
    return {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}, plain


def test_a_run_that_goes_on_is_byte_for_byte_the_longer_one(short: Run, place: Path) -> None:
    before = {path: path.read_bytes() for path in short.path.rglob("*") if path.is_file()}
    longer = epochal.train(None, "training.epochs=4", resume=short.path, quiet=True)
    assert longer.status == "finished"
    assert {path: path.read_bytes() for path in before} == before
    settings: Any = parse_yaml(longer.folder.config.read_text(), "config.yaml")[0]
    assert settings["training"]["epochs"] == 4
    environment = json.loads(longer.folder.environment.read_text())
    assert environment["begins_from"] == str(short.path.absolute())
    # asked for again, whichever way, it is there
    assert train("training.epochs=4").path == longer.path
    assert train("training.epochs=4", resume=short.path).path == longer.path
    assert train().path == short.path

    shutil.move(longer.path, place / longer.path.name)
    whole = train("training.epochs=4")
    assert whole.id == longer.id
    longer = Run(place / longer.path.name)
    names = ("checkpoints/best.safetensors", "predictions/test.csv", "metrics/test.json")
    assert content(whole, *names) == content(longer, *names)
    assert state(whole) == state(longer)
    assert numbers(whole) == numbers(longer)
    assert (longer.path / "tensorboard").is_dir()
    shutil.rmtree(whole.path)


def test_a_longer_training_is_told_of_the_shorter_one(short: Run, caplog: pytest.LogCaptureFixture) -> None:
    hint = f"{short.path} is the same with 2 epochs; --resume {short.path} goes on from its end"
    experiment = assemble(load_experiment(CONFIG, ["training.epochs=3"]), Console(quiet=True))
    with caplog.at_level(logging.INFO, logger="epochal"):
        assert run_to_resume(experiment, False) is None
    assert caplog.messages == [hint]
    with pytest.raises(RequestError, match=f"no unfinished run .*; {hint}"):
        train("training.epochs=3", resume=True)


def changed(run: Run, **settings: Any) -> Run:
    """A copy of a run that has other settings in its configuration."""
    copy = Run(run.path.with_name("2020-01-01_00-00-00_0a1b2c3d"))
    shutil.copytree(run.path, copy.path)
    written: Any = parse_yaml(copy.folder.config.read_text(), "config.yaml")[0]
    written["training"] |= settings.pop("training", {})
    copy.folder.config.write_text(dump_yaml({**written, **settings}))
    return copy


def test_a_schedule_as_long_as_training_is_refused(short: Run) -> None:
    run = changed(short, scheduler="CosineAnnealingLR")
    with pytest.raises(RequestError, match="CosineAnnealingLR's T_max is the length of training; leave --re"):
        train("scheduler=CosineAnnealingLR", "training.epochs=4", resume=run.path)
    shutil.rmtree(run.path)


def test_a_run_that_stopped_early_is_refused(short: Run) -> None:
    stopping = {"patience": 1, "min_delta": 0.0}
    run = changed(short, training={"epochs": 5, "early_stopping": stopping})
    with pytest.raises(RequestError, match="early stopping ended it in epoch 2 of 5; more epochs would chan"):
        train("training.early_stopping.patience=1", "training.epochs=9", resume=run.path)
    shutil.rmtree(run.path)


def test_other_changes_and_fewer_epochs_are_another_experiment(short: Run) -> None:
    for overrides in (("training.epochs=4", "optimizer.lr=0.1"), ("training.epochs=1",)):
        with pytest.raises(RequestError, match="the run is of another experiment") as raised:
            train(*overrides, resume=short.path)
        assert "continue it" not in str(raised.value)  # it is finished


def test_a_run_is_continued_by_its_own_config(short: Run) -> None:
    run = changed(short)
    run.folder.flag("finished").unlink()
    done = epochal.train(resume=run.path, quiet=True)
    assert done.path == run.path.absolute()
    assert done.status == "finished"
    shutil.rmtree(done.path)


def test_what_can_not_be_meant_is_refused(short: Run) -> None:
    with pytest.raises(RequestError, match="either continued or trained again; leave out --again"):
        train(resume=short.path, again=True)
    with pytest.raises(RequestError, match="there is nothing to train; name a config, or a run to resume"):
        epochal.train(resume=True)
