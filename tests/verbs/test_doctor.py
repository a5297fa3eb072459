from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

import epochal
from epochal.cli.errors import run_command
from epochal.cli.group import epochal as program
from epochal.verbs.doctor import Finding

CONFIG = {
    "name": "few",
    "data": {"source": "digits", "batch_size": 512},
    "model": "linear",
    "training": {"epochs": 1},
    "evaluation": {"intervals": False},
    "tracking": [],
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> epochal.Run:
    folder = tmp_path_factory.mktemp("doctor")
    paths = {"runs": str(folder / "runs"), "cache": str(folder / "cache")}
    return epochal.train({**CONFIG, "paths": paths}, preflight=False, quiet=True)


def examined(run: epochal.Run, changes: dict[str, Any]) -> dict[str, Finding]:
    """What the doctor says of a run whose environment.json was otherwise; without what is of any run."""
    path = run.folder.environment
    before = path.read_text()
    environment = json.loads(before)
    for key, value in changes.items():
        environment[key] = {**environment[key], **value} if isinstance(value, dict) else value
    path.write_text(json.dumps(environment))
    try:
        general = {finding.subject for finding in epochal.doctor()}
        of_run = [each for each in epochal.doctor(run) if each.then or each.subject not in general]
        return {each.subject: each for each in of_run}
    finally:
        path.write_text(before)


def test_it_reports_the_machine_and_the_installation(tmp_path: Path) -> None:
    found = {finding.subject: finding for finding in epochal.doctor(runs=tmp_path / "not" / "yet")}
    assert found["python"].text.startswith(platform.python_version())
    assert found["torch"] == Finding("torch", "ok", version("torch"))
    assert int(found["threads"].text.split()[0]) >= 1
    assert "GiB available" in found["memory"].text
    assert found["runs"].text.endswith(f"GiB free in {tmp_path}")
    assert "cache" in found
    assert found["[audio]"].text == f"soundfile {version('soundfile')}"
    for finding in found.values():
        assert not finding.subject.startswith("[") or finding.state == "ok" or finding.mend.startswith("pip ")


def test_a_run_of_this_environment_needs_nothing(
    run: epochal.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    found = examined(run, {"git": None})
    assert list(found) == ["run"]
    assert found["run"].state == "ok"
    assert run_command(program, ["doctor", str(run), "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)
    assert {"subject", "state", "text", "mend", "then", "now"} == set(lines[0])


def test_what_is_otherwise_than_in_the_run_is_named_then_and_now(run: epochal.Run) -> None:
    packages = {"numpy": "1.9", "Black_X": "24.1"}
    hardware = {"device": "cuda:0", "gpu": "H100", "cuda": "99.1", "threads": 64}
    git = {"commit": "a" * 40, "diff": "", "branch": "main", "untracked": []}
    found = examined(
        run, {"python": "3.9.1", "packages": packages, "hardware": hardware, "git": None} | {"git": git}
    )
    assert found["numpy"].mend == "pip install numpy==1.9"
    assert (found["numpy"].then, found["numpy"].now) == ("1.9", version("numpy"))
    assert (found["Black_X"].then, found["Black_X"].now, found["Black_X"].state) == ("24.1", None, "note")
    assert found["packages"].mend == "pip install numpy==1.9 Black_X==24.1"
    assert (found["python"].then, found["python"].now) == ("3.9.1", platform.python_version())
    plain = version("torch").partition("+")[0]
    index = "https://download.pytorch.org/whl/cu991"
    assert found["torch build"].mend == f"pip install torch=={plain} --index-url {index}"
    assert found["device"].then == "cuda:0 (H100)"
    assert found["threads"].mend == "set compute.threads=64, or OMP_NUM_THREADS=64"
    assert found["git commit"].mend == "git checkout aaaaaaaaaa"
    assert {finding.state for finding in found.values()} == {"note"}


def test_what_the_run_needs_and_is_missing_is_a_problem(
    run: epochal.Run, capsys: pytest.CaptureFixture[str]
) -> None:
    found = examined(run, {"packages": {"gone-one": "1.0"}, "loaded": ["gone-one"]})
    assert found["gone-one"].state == "problem"
    config = run.folder.config
    before = config.read_text()
    config.write_text(before.replace("model: linear", "model: gone.models:Net"))
    assert config.read_text() != before
    try:
        assert run_command(program, ["doctor", str(run)]) == 1
    finally:
        config.write_text(before)
    out = capsys.readouterr().out
    assert "!!  config" in out
    assert "model" in out
    assert out.endswith("1 problem\n")


def test_a_run_that_is_not_there_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(program, ["doctor", "nothing", "--runs", str(tmp_path)]) == 2
    assert "nothing: no such run" in capsys.readouterr().err
