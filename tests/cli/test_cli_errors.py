from __future__ import annotations

import errno
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from epochal.cli.errors import run_command
from epochal.errors import ConfigError, Interrupted, Problem, RunError


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EPOCHAL_DEBUG", raising=False)


def _command(body: Callable[[], Any]) -> click.Command:
    return click.Command("verb", callback=body)


def _raising(error: BaseException) -> click.Command:
    def body() -> None:
        raise error

    return _command(body)


@pytest.mark.parametrize(("returned", "code"), [(None, 0), (0, 0), (75, 75), ("text", 0)])
def test_a_command_may_return_its_exit_code(returned: Any, code: int) -> None:
    assert run_command(_command(lambda: returned), []) == code


def test_every_problem_is_a_line_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    error = ConfigError(Problem("no 'lrr'", "c.yaml:12: optimizer.lrr", "did you mean 'lr'?"), "two\nlines")
    assert run_command(_raising(error), []) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "error: c.yaml:12: optimizer.lrr: no 'lrr'; did you mean 'lr'?\nerror: two lines\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [(RunError("it failed"), 1), (KeyboardInterrupt(), 130), (click.Abort(), 130), (Interrupted(15), 143)],
)
def test_exit_codes(error: BaseException, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(_raising(error), []) == code
    assert "Traceback" not in capsys.readouterr().err


def test_a_program_that_ends_itself_is_left_to() -> None:
    with pytest.raises(SystemExit) as caught:
        run_command(_raising(SystemExit(5)), [])
    assert caught.value.code == 5


def test_wrong_use_shows_the_usage_and_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(_command(lambda: None), ["--nonsense"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Usage: epochal")
    assert "error: No such option" in err


@pytest.mark.parametrize("error", [ValueError("first\nsecond"), EOFError("cut"), OSError(5, "disk")])
def test_the_unexpected_is_one_line_with_its_place(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(_raising(error), []) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {type(error).__name__}: ")
    assert f"({__file__}:" in line
    assert line.endswith("EPOCHAL_DEBUG=1 shows the traceback")


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "full"), OSError("No space left on device (os error 28)")],  # Python's, polars'
)
def test_a_full_disk_is_no_bug(error: OSError, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(_raising(error), []) == 1
    line = capsys.readouterr().err.strip()
    assert line == "error: No space left on device; make room, or write to another disk"


def test_a_place_without_permission_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(_raising(PermissionError(errno.EACCES, "no", "out.csv")), []) == 1
    line = capsys.readouterr().err.strip()
    assert line == "error: out.csv: Permission denied; mend the permissions, or name another place"


def test_a_bug_of_epochal_is_called_internal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from epochal import errors

    def bug() -> None:
        errors.did_you_mean(3, ["a"])  # type: ignore[arg-type]

    assert run_command(_command(bug), []) == 1
    err = capsys.readouterr().err
    assert err.startswith("internal error: AttributeError: ")
    assert "errors.py:" in err


def test_an_error_inside_a_library_points_to_the_code_that_called_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "own_model.py"
    path.write_text("import json\n\ndef forward():\n    json.loads('{')\n")
    spec = importlib.util.spec_from_file_location("own_model", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert run_command(_command(module.forward), []) == 1
    assert f"({path}:4, in forward)" in capsys.readouterr().err


def test_the_traceback_is_shown_on_request(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EPOCHAL_DEBUG", "1")
    assert run_command(_raising(ValueError("here")), []) == 1
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.splitlines()[-1].startswith("error: ValueError: here")


def test_a_broken_pipe_that_is_not_the_output_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(_raising(BrokenPipeError(32, "worker")), []) == 1
    assert "BrokenPipeError" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["config", "recipes"], ["--help"]])
def test_a_closed_output_ends_quietly(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "epochal", *arguments],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writing)
    assert done.returncode == 141
    assert done.stderr == ""
