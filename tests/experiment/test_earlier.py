"""Which run goes on, what is said of it, and what is refused; with a real run that has lost its flag."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import epochal
from epochal.config.yaml import dump_yaml, parse_yaml
from epochal.console import Console
from epochal.engine.compute import compute_settings
from epochal.errors import RequestError
from epochal.experiment.assemble import Experiment, assemble
from epochal.experiment.config import load_experiment
from epochal.experiment.differences import differences
from epochal.experiment.earlier import finished_run, run_to_resume
from epochal.run.durable import write_json, write_text
from epochal.run.run import Run
from epochal.run.status import set_flag

MODEL = """
from epochal_test_width import WIDTH
from torch import nn


def net(features, num_classes):
    return nn.Sequential(nn.Linear(features, WIDTH), nn.ReLU(), nn.Linear(WIDTH, num_classes))
"""
CONFIG: dict[str, Any] = {
    "name": "wine",
    "data": {"source": "wine", "batch_size": 64, "augment": [{"name": "gaussian_noise", "std": 0.1}]},
    "model": {"name": "epochal_test_net:net", "features": 13},
    "optimizer": {"name": "AdamW", "lr": 0.001},
    "training": {"epochs": 1},
    "compute": {"threads": 1},
    "tracking": [],
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a finished run."""
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        _enter(folder, patch)
        (folder / "epochal_test_net.py").write_text(MODEL)
        (folder / "epochal_test_width.py").write_text("WIDTH = 4\n")
        epochal.train(CONFIG, quiet=True)
    _forget_modules()
    return folder


@pytest.fixture
def project(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same project, whose run has no flag, in the working folder."""
    shutil.copytree(trained, tmp_path / "project")
    _enter(tmp_path / "project", monkeypatch)
    (only_run().path / "finished.out").unlink()
    yield tmp_path / "project"
    _forget_modules()


def _forget_modules() -> None:
    for name in ("epochal_test_net", "epochal_test_width"):
        sys.modules.pop(name, None)


def _enter(folder: Path, patch: pytest.MonkeyPatch) -> None:
    patch.chdir(folder)
    patch.setenv("HOME", str(folder))
    patch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    patch.setattr(sys, "path", [*sys.path])


def only_run() -> Run:
    (path,) = Path("runs/wine").iterdir()
    return Run(path)


def experiment(*overrides: str) -> Experiment:
    return assemble(load_experiment(CONFIG, overrides), Console(quiet=True))


def resumed(resume: bool | str | Path, *overrides: str) -> Run | None:
    parts = experiment(*overrides)
    with compute_settings(parts.config.compute, parts.compute.device):
        return run_to_resume(parts, resume)


def refused(resume: bool | str | Path, *overrides: str) -> list[str]:
    with pytest.raises(RequestError) as caught:
        resumed(resume, *overrides)
    return [str(problem) for problem in caught.value.problems]


def change_record(run: Run, **derived: Any) -> None:
    """Another section ``derived``; a key whose value is None goes."""
    plain, _ = parse_yaml(run.folder.config.read_text(), "config.yaml")
    section = {**plain["derived"], **derived}
    plain["derived"] = {key: value for key, value in section.items() if value is not None}
    write_text(run.folder.config, dump_yaml(plain))


def change_environment(run: Run, **changes: Any) -> None:
    write_json(run.folder.environment, {**json.loads(run.folder.environment.read_text()), **changes})


def mend_helper() -> None:
    Path("epochal_test_width.py").write_text("WIDTH = 4  # mended\n")


@pytest.mark.usefixtures("project")
def test_an_unchanged_experiment_goes_on_without_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    run = only_run()
    assert resumed(True) == run
    assert resumed(str(run.path), "training.log_every=3", "compute.tune=false") == Run(run.path.absolute())
    assert caplog.messages == []


@pytest.mark.usefixtures("project")
def test_without_resume_an_unfinished_run_is_pointed_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "epochal")
    assert resumed(False) is None
    assert caplog.messages == [f"{only_run().path} of the same experiment is crashed; --resume continues it"]
    assert finished_run(experiment()) is None


@pytest.mark.usefixtures("project")
def test_where_only_own_code_is_mended_the_run_goes_on_and_the_files_are_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    run = only_run()
    mend_helper()
    assert experiment().id != run.id
    assert resumed(True) == run
    assert resumed(run.path) == Run(run.path.absolute())
    assert caplog.messages == [
        f"{path} may not end bit-identical to a run without a break: epochal_test_width.py changed"
        for path in (run.path, run.path.absolute())
    ]


@pytest.mark.usefixtures("project")
def test_a_run_of_the_same_code_goes_before_a_newer_one_of_other_code() -> None:
    run = only_run()
    newer = run.path.with_name("2099-01-01_00-00-00_ffffffff")
    shutil.copytree(run.path, newer)
    assert resumed(True) == run
    mend_helper()
    assert resumed(True) == Run(newer)


@pytest.mark.usefixtures("project")
def test_a_mended_run_trains_on_to_its_end() -> None:
    run = only_run()
    (run.path / "checkpoints" / "last.safetensors").unlink()
    run.folder.scores("test").unlink()
    set_flag(run.folder, "failed", "ValueError")
    mend_helper()
    assert epochal.train(CONFIG, resume=True, quiet=True).path == run.path
    assert run.status == "finished"
    assert "test/accuracy" in run.metrics


@pytest.mark.usefixtures("project")
def test_other_settings_are_refused_one_by_one() -> None:
    run = only_run()
    changes = (
        "optimizer.lr=0.01",
        "optimizer.weight_decay=0.5",
        "training.early_stopping.patience=3",
        "data.augment=[{name: gaussian_noise, std: 0.5}]",
        "scheduler=CosineAnnealingLR",
    )
    first, *listed = refused(run.path, *changes)
    path = run.path.absolute()
    assert first == (
        f"{path}: the run is of another experiment; continue it with `epochal train --resume {path}`"
    )
    assert sorted(listed) == [
        "data.augment.0.std: 0.1 in the run, 0.5 now",
        "optimizer.lr: 0.001 in the run, 0.01 now",
        "optimizer.weight_decay: (default) in the run, 0.5 now",
        "scheduler: null in the run, CosineAnnealingLR now",
        'training.early_stopping: null in the run, {"patience": 3, "min_delta": 0.0} now',
    ]
    mend_helper()  # which is allowed, but not beside them
    assert sorted(refused(run.path, *changes)[1:]) == sorted(listed)


@pytest.mark.usefixtures("project")
def test_at_most_eight_differences_are_listed() -> None:
    numbers = ("seed=1", "training.epochs=2", "training.ema=0.5", "training.accumulate=2")
    names = ("data.batch_size=8", "loss=focal", "training.gradient_clip=1", "compute.compile=true")
    others = ("data.normalize=none", "optimizer.lr=1", "compute.precision=bfloat16")
    lines = refused(only_run().path, *numbers, *names, *others)
    assert len(lines) == 10
    assert lines[-1] == "and 4 more differences"  # another seed makes another split


@pytest.mark.usefixtures("project")
def test_other_data_and_another_split_are_refused() -> None:
    run = only_run()
    lines = refused(run.path, "data.source=digits", "data.augment=[]", "model=mlp")
    assert lines[-1].startswith("the data: 178 samples (digest ")
    assert " in the run, 1,797 samples (digest " in lines[-1]
    assert lines[-1].endswith(" now; bring it back as it was, or leave --resume out")
    first, split = refused(run.path, "data.split={name: random, val: 0.3}")
    assert "continue it with" not in first
    assert split.startswith("the split: train 124, val 18, test 36 in the run; train ")
    change_record(run, split_digest="0123456789abcdef")
    mend_helper()
    assert refused(run.path)[-1].startswith("the split: other rows than in the run (train 124, val 18, test")


@pytest.mark.usefixtures("project")
def test_resume_finds_no_run_of_other_settings_and_says_what_the_newest_has() -> None:
    run = only_run()
    first, listed = refused(True, "optimizer.lr=0.01")
    assert first.startswith("no unfinished run of 'wine' (")
    assert f"the newest that is unfinished, {run.path}, is of another experiment; leave --resume out" in first
    assert listed == "optimizer.lr: 0.001 in the run, 0.01 now"
    set_flag(run.folder, "finished", "finished")
    (only,) = refused(True, "optimizer.lr=0.01")
    assert only.endswith("leave --resume out to start one; a changed configuration is another experiment")


@pytest.mark.usefixtures("project")
def test_a_finished_run_is_not_continued() -> None:
    run = only_run()
    set_flag(run.folder, "finished", "finished")
    assert resumed(run.path) == Run(run.path.absolute())
    assert finished_run(experiment()) == run
    mend_helper()
    assert refused(run.path) == [
        f"{run.path.absolute()}: the run is finished, there is nothing to continue; "
        "leave --resume out to train with what is changed"
    ]


@pytest.mark.usefixtures("project")
def test_a_run_of_an_older_version_goes_on_when_it_is_named(caplog: pytest.LogCaptureFixture) -> None:
    run = only_run()
    change_record(run, own_files=None, split_digest=None, samples=None)
    run.folder.environment.unlink()
    mend_helper()
    (only,) = refused(True)
    assert only.endswith(f"if it is the one you mean, name it: --resume {run.path}")
    assert resumed(run.path) == Run(run.path.absolute())
    assert caplog.messages == []
    plain, _ = parse_yaml(run.folder.config.read_text(), "config.yaml")
    del plain["training"], plain["derived"]
    write_text(run.folder.config, dump_yaml(plain))
    assert differences(run, experiment()) == []


@pytest.mark.usefixtures("project")
def test_each_condition_that_changed_is_said_in_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    run = only_run()
    environment = json.loads(run.folder.environment.read_text())
    packages = {**environment["packages"], "torch": "2.0.1", "epochal": "0.0.9", "timm": "0.1"}
    gpu = {**environment["hardware"], "device": "cuda:1", "gpu": "NVIDIA H100", "precision": "bfloat16"}
    gpu["threads"] = 3
    change_environment(run, packages=packages, hardware=gpu, python="3.9.1")
    change_record(run, device="cuda:1", precision="bfloat16")
    plain, _ = parse_yaml(run.folder.config.read_text(), "config.yaml")
    plain["compute"]["processes"] = 4
    write_text(run.folder.config, dump_yaml(plain))
    assert resumed(True) == run
    (said,) = caplog.messages
    *_, listed = said.partition("without a break: ")
    parts = dict(part.split(": ") for part in listed.split("; "))
    parts.pop("timm", None)  # where it is not installed, there is nothing to compare
    assert parts == {
        "device": "NVIDIA H100 -> cpu",
        "precision": "bfloat16 -> float32",
        "threads": "3 -> 1",
        "python": f"3.9.1 -> {sys.version.split()[0]}",
        "epochal": f"0.0.9 -> {epochal.__version__}",
        "torch": f"2.0.1 -> {importlib.metadata.version('torch')}",
        "processes": "4 -> 1",
    }


@pytest.mark.usefixtures("project")
def test_files_that_are_new_or_gone_are_said_and_other_names_of_the_same_are_not() -> None:
    run = only_run()
    record: dict[str, str] = parse_yaml(run.folder.config.read_text(), "")[0]["derived"]["own_files"]
    width = record.pop("epochal_test_width.py")
    change_record(run, own_files={**record, "old.py": "0123456789abcdef"})
    found = differences(run, experiment())
    assert found[:2] == ["epochal_test_width.py is new", "old.py is gone"]
    change_record(run, own_files={**record, "src/epochal_test_width.py": width})
    assert not [line for line in differences(run, experiment()) if ".py" in line]


def test_another_commit_alone_is_no_warning(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "epochal")
    change_environment(only_run(), git={"commit": "0123456789abcdef", "branch": "main"})
    identity = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org"}
    identity |= {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org"}
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *arguments], check=True, cwd=project, env={**os.environ, **identity})
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
    assert resumed(True) == only_run()
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", f"{only_run().path} goes on with another git commit: 01234567 -> {head[:8]}")
    ]
    mend_helper()
    assert resumed(True) == only_run()
    assert caplog.records[-1].levelname == "WARNING"
    assert caplog.messages[-1].endswith(f"_width.py changed; git commit: 01234567 -> {head[:8]}")
