"""The lock and the status of a run, with real processes that hold it, end or are killed."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from epochal.errors import RequestError
from epochal.run.durable import Lock, boot_id, is_locked, read_holder
from epochal.run.folder import RunFolder, create_run_folder
from epochal.run.run import Run
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


def crashed_run(
    root: Path, since: datetime, boot: str | None = None, host: str | None = None
) -> tuple[RunFolder, str]:
    """A run whose process left a lock file and a log, and that time as its reason shows it."""
    folder = create_run_folder(root, "skin", "0a1b2c3d")
    holder = {"pid": 123, "host": host or socket.gethostname(), "boot": boot or boot_id()}
    folder.lock.write_text(json.dumps({**holder, "since": since.isoformat(timespec="seconds")}))
    folder.log.write_text("run\n")
    return folder, since.strftime("%Y-%m-%d %H:%M:%S")


NOW = datetime.now().astimezone()


def test_a_running_run_says_who_works_on_it(tmp_path: Path) -> None:
    folder = create_run_folder(tmp_path, "skin", "0a1b2c3d")
    holder = hold(folder.lock)
    run = Run(folder.path)
    assert run.reason.startswith(f"pid {holder.pid} on {socket.gethostname()} since 20")
    assert run.holder == {**run.holder, "pid": holder.pid, "host": socket.gethostname(), "boot": boot_id()}
    kill(holder)
    assert run.holder["pid"] == holder.pid
    assert f"pid {holder.pid} on {socket.gethostname()} since 20" in run.reason


def test_a_crashed_run_says_what_is_known_and_how_to_go_on(tmp_path: Path) -> None:
    folder, shown = crashed_run(tmp_path / "my runs", NOW - timedelta(hours=1))
    run = Run(folder.path)
    who = f"pid 123 on {socket.gethostname()} since {shown}"
    why = "killed, out of memory, or the machine stopped"
    command = f"epochal train --resume '{folder.path}'"
    assert run.step == 0
    assert run.reason == (
        f"{who} is gone without a word ({why}); last recorded: nothing yet; continue it with `{command}`"
    )
    rows = [{"step": 20, "epoch": 1, "train/loss": 1.0}, {"step": 30, "epoch": 2, "train/batch_loss": 0.9}]
    folder.history.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"step": 4')
    assert run.step == 30
    assert "last recorded: epoch 2, step 30;" in run.reason


def test_a_cross_validation_that_crashed_is_continued_as_one(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "a" / "2026-01-01_00-00-00_1234abcd")
    (folder.path / "folds").mkdir(parents=True)
    assert f"`epochal crossval {folder.config}`" in reason_of(folder)
    assert "last recorded: nothing yet;" in reason_of(folder)
    folds = [RunFolder(folder.path / "folds" / number) for number in ("2", "1", "3")]
    for fold in folds:
        fold.path.mkdir()
    set_flag(folds[1], "finished", "finished")
    folds[0].history.write_text('{"step": 20, "epoch": 4}\n')
    how_far = "1 fold finished, fold 2: epoch 4, step 20, fold 3: nothing yet"
    assert f"last recorded: {how_far}; continue it with `epochal crossval" in reason_of(folder)


def test_another_boot_of_this_machine_is_a_restart_and_that_of_another_machine_is_not(tmp_path: Path) -> None:
    here, _ = crashed_run(tmp_path, NOW, boot="an-earlier-one")
    assert "is gone without a word (the machine was restarted since)" in reason_of(here)
    elsewhere, _ = crashed_run(tmp_path, NOW, boot="its-own", host="elsewhere")
    assert "on elsewhere since" in reason_of(elsewhere)
    assert "(killed, out of memory, or the machine stopped)" in reason_of(elsewhere)


def test_who_evaluated_a_crashed_run_is_not_taken_for_who_trained_it(tmp_path: Path) -> None:
    folder, _ = crashed_run(tmp_path, NOW)
    os.utime(folder.log, (NOW.timestamp() - 60, NOW.timestamp() - 60))  # training wrote to it before
    assert reason_of(folder).startswith("its process is gone without a word")


def test_a_finished_run_stays_finished_while_it_is_evaluated_and_after(tmp_path: Path) -> None:
    folder = create_run_folder(tmp_path, "skin", "0a1b2c3d")
    set_flag(folder, "finished", "finished")
    holder = hold(folder.lock)
    assert (status_of(folder), reason_of(folder)) == ("finished", "finished")
    release(holder)
    assert (status_of(folder), reason_of(folder)) == ("finished", "finished")


def test_a_run_of_which_nothing_is_known_crashed(tmp_path: Path) -> None:
    folder = create_run_folder(tmp_path, "skin", "0a1b2c3d")
    assert Run(folder.path).holder == {}
    assert reason_of(folder).startswith("its process is gone without a word (killed, out of memory")
    folder.lock.write_text("[torn")
    assert reason_of(folder).startswith("its process is gone without a word (killed, out of memory")
