"""The time that a run took: its sessions together, without the breaks."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from epochal.errors import RequestError
from epochal.run.folder import RunFolder, create_run_folder
from epochal.run.index import entry_of
from epochal.run.run import Run
from epochal.run.sessions import at_work, seconds_of
from epochal.run.status import set_flag


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run with a configuration."""
    folder = create_run_folder(tmp_path, "skin", "0a1b2c3d")
    folder.config.write_text("name: skin\n")
    return folder


def recorded(folder: RunFolder) -> list[list[float | None]]:
    return list(json.loads(folder.sessions.read_text()))


def test_inside_the_block_the_run_is_this_process_s(folder: RunFolder) -> None:
    set_flag(folder, "interrupted", "stopped")
    with at_work(folder, 1000.0):
        assert Run(folder.path).status == "running"
        assert recorded(folder) == [[1000.0, None]]
        with pytest.raises(RequestError, match="another process is working on it"), at_work(folder, 2000.0):
            pass
    ((start, end),) = recorded(folder)
    assert start == 1000.0
    assert end is not None


def test_breaks_do_not_count_and_a_killed_session_ends_with_its_last_sign(folder: RunFolder) -> None:
    assert seconds_of(folder, running=False) is None
    folder.sessions.write_text("[[1000.0, 1010.0], [5000.0, null]]")
    folder.history.write_text("")
    os.utime(folder.history, (5020.0, 5020.0))
    assert seconds_of(folder, running=False) == 30.0
    assert entry_of(Run(folder.path)).seconds == 30.0
    with at_work(folder, 9000.0):
        assert recorded(folder) == [[1000.0, 1010.0], [5000.0, 5020.0], [9000.0, None]]
    folder.sessions.write_text("[[1000.0, 1010.0], [5000.0, 5002.5]]")
    assert seconds_of(folder, running=False) == 12.5


def test_a_run_of_an_older_version_tells_the_time_of_its_epochs(folder: RunFolder) -> None:
    row = {"step": 9, "epoch": 1, "train/loss": 1.0, "val/loss": 1.0, "seconds": 7.5}
    folder.history.write_text(json.dumps(row) + "\n")
    assert entry_of(Run(folder.path)).seconds == 7.5
