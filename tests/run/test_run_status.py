"""The lock and the status of a run, with real processes that hold it, end or are killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from epochal.errors import RequestError
from epochal.run.durable import Lock, is_locked, read_holder
from epochal.run.folder import create_run_folder
from epochal.run.status import clear_flags, reason_of, set_flag, status_of

HOLDER = """
import sys
from pathlib import Path
from epochal.run.durable import Lock
with Lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.readline()
"""


def hold(path: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock until it reads a line."""
    command = [sys.executable, "-c", HOLDER, str(path)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def release(holder: subprocess.Popen[str]) -> None:
    holder.communicate("\n")
    assert holder.returncode == 0


def kill(holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.communicate()


def test_a_second_process_is_refused_and_told_who_holds_the_run(tmp_path: Path) -> None:
    holder = hold(tmp_path / ".lock")
    with pytest.raises(
        RequestError, match=f"another process is working on it: pid {holder.pid} on .* since 20"
    ):
        Lock(tmp_path / ".lock").__enter__()
    release(holder)
    with Lock(tmp_path / ".lock"):
        assert read_holder(tmp_path / ".lock")["pid"] == os.getpid()


def test_the_lock_of_a_killed_process_is_free_and_its_half_written_files_go(tmp_path: Path) -> None:
    holder = hold(tmp_path / ".lock")
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / f".last.safetensors.{holder.pid}.0a1b.tmp").write_bytes(bytes(100))
    (tmp_path / "checkpoints" / "last.safetensors").write_bytes(b"whole")
    kill(holder)
    with Lock(tmp_path / ".lock"):
        assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["last.safetensors"]


def test_the_lock_ends_with_its_block_even_where_a_forked_child_lives_on(tmp_path: Path) -> None:
    with Lock(tmp_path / ".lock"):
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.read(reading, 1)
            os._exit(0)
    try:
        assert not is_locked(tmp_path / ".lock")
    finally:
        os.write(writing, b"x")
        os.waitpid(child, 0)
        os.close(reading)
        os.close(writing)


def test_asking_whether_it_is_locked_takes_nothing(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / ".lock")
    with Lock(tmp_path / ".lock"):
        assert is_locked(tmp_path / ".lock")
        assert is_locked(tmp_path / ".lock")
    assert not is_locked(tmp_path / ".lock")


@pytest.mark.parametrize(("end", "status"), [(release, "crashed"), (kill, "crashed")])
def test_a_run_without_a_flag_is_running_while_its_process_lives(
    tmp_path: Path, end: Callable[[subprocess.Popen[str]], None], status: str
) -> None:
    folder = create_run_folder(tmp_path, "skin", "0a1b2c3d")
    holder = hold(folder.lock)
    assert status_of(folder) == "running"
    end(holder)
    assert status_of(folder) == status


def test_a_run_has_the_flag_of_its_last_attempt(tmp_path: Path) -> None:
    folder = create_run_folder(tmp_path, "skin", "0a1b2c3d")
    assert status_of(folder) == "crashed"
    assert reason_of(folder) == ""
    for ending, reason in (("interrupted", "stopped by SIGTERM"), ("failed", "loss: nan")):
        set_flag(folder, ending, reason)  # type: ignore[arg-type]
        assert status_of(folder) == ending
        assert reason_of(folder) == reason
    clear_flags(folder)
    assert status_of(folder) == "crashed"
    set_flag(folder, "finished", "finished")
    assert status_of(folder) == "finished"
    assert [path.name for path in folder.path.iterdir()] == ["finished.out"]


def test_a_holder_that_can_not_be_read_is_nobody(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("[torn")
    assert read_holder(tmp_path / ".lock") == {}
    (tmp_path / ".lock").write_text("[1]")
    assert read_holder(tmp_path / ".lock") == {}
