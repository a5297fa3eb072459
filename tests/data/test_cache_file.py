"""One file, several processes, any of which may be killed: what is found is whole and right."""

from __future__ import annotations

import errno
import fcntl
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from epochal.console import Console
from epochal.data import filling
from epochal.data.cache import Samples, prepare_samples
from epochal.data.cache_file import building
from epochal.data.manifest import Array, Manifest, Source
from epochal.data.prepare import Prepare
from epochal.errors import DataError

COUNT = 200
MANIFEST = Manifest(pl.Series([str(row) for row in range(COUNT)]), np.zeros(COUNT, np.int64), "class", ("a",))
EXPECTED: Array = np.arange(COUNT, dtype=np.uint8).repeat(16).reshape(COUNT, 1, 4, 4)

BUILDER = """
import sys, time
from pathlib import Path
from tests.data.test_cache_file import EXPECTED, prepared

def read(row):
    time.sleep(float(sys.argv[2]))
    with open(sys.argv[3], "a") as log:
        print(row, file=log)
    return EXPECTED[row]

array = prepared(Path(sys.argv[1]), read).array
assert (array == EXPECTED).all()
"""


def _row(row: int) -> Array:
    found: Array = EXPECTED[row]
    return found


def prepared(folder: Path, read: Callable[[int], Array] = _row) -> Samples:
    source = Source(MANIFEST, "image", read, "0" * 32)
    return prepare_samples(source, Prepare(), "disk", folder, Console(quiet=True))


def start(folder: Path, pause: float, log: Path) -> subprocess.Popen[bytes]:
    """A process that builds the cache, ``pause`` seconds a row, and writes down which rows it reads."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", BUILDER, str(folder), str(pause), str(log)]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], env=environment)


def rows_of(log: Path) -> list[int]:
    return [int(line) for line in log.read_text().split()] if log.exists() else []


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "prepared").iterdir())


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_of_two_processes_one_builds_and_both_have_the_samples(tmp_path: Path) -> None:
    logs = [tmp_path / "first.txt", tmp_path / "second.txt"]
    builders = [start(tmp_path, 0.002, log) for log in logs]
    assert [builder.wait(60) for builder in builders] == [0, 0]
    # each reads row 0 to see what samples are; only one reads the others
    assert sorted(len(set(rows_of(log))) for log in logs) == [1, COUNT]
    assert len(names(tmp_path)) == 1


def test_a_killed_build_is_continued(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = tmp_path / "log.txt"
    builder = start(tmp_path, 0.05, log)  # 5 s with two cores, the rows saved after 2
    wait_for(lambda: list(tmp_path.rglob("*.rows")))
    builder.send_signal(signal.SIGKILL)
    builder.wait()
    assert all(name.startswith(".") for name in names(tmp_path))

    read_now: list[int] = []

    def read(row: int) -> Array:
        read_now.append(row)
        return _row(row)

    with caplog.at_level(logging.INFO, "epochal"):
        array = prepared(tmp_path, read).array
    np.testing.assert_array_equal(array, EXPECTED)
    assert len(set(read_now)) < COUNT - 10
    assert "of 200 samples were prepared before" in caplog.text
    assert len(names(tmp_path)) == 1


def test_a_waiting_process_goes_on_where_the_builder_was_killed(tmp_path: Path) -> None:
    first = start(tmp_path, 0.5, tmp_path / "first.txt")
    wait_for(lambda: len(rows_of(tmp_path / "first.txt")) > 2)
    second = start(tmp_path, 0, tmp_path / "second.txt")
    wait_for(lambda: rows_of(tmp_path / "second.txt"))
    time.sleep(0.2)
    assert set(rows_of(tmp_path / "second.txt")) == {0}
    first.send_signal(signal.SIGKILL)
    assert (first.wait(), second.wait(60)) == (-signal.SIGKILL, 0)
    assert len(names(tmp_path)) == 1


def test_what_was_done_before_ctrl_c_stays_done(tmp_path: Path) -> None:
    done: set[int] = set()

    def read(row: int) -> Array:
        if len(done) >= 100:
            raise KeyboardInterrupt
        done.add(row)
        return _row(row)

    with pytest.raises(KeyboardInterrupt):
        prepared(tmp_path, read)
    later: list[int] = []

    def read_later(row: int) -> Array:
        later.append(row)
        return _row(row)

    np.testing.assert_array_equal(prepared(tmp_path, read_later).array, EXPECTED)
    assert len(done) >= 100
    assert set(later) - {0} == set(range(COUNT)) - done


def test_rows_without_their_file_are_not_believed(tmp_path: Path) -> None:
    """The list says that all is done, but the array is another's, or gone."""

    def interrupt(row: int) -> Array:
        if row > 20:
            raise KeyboardInterrupt
        return _row(row)

    for content in (b"", b"no array"):
        with pytest.raises(KeyboardInterrupt):
            prepared(tmp_path, interrupt)
        [part] = (tmp_path / "prepared").glob(".*.part.npy")
        part.write_bytes(content)
        part.with_suffix(".rows").write_bytes(b"\xff" * (COUNT // 8))
        np.testing.assert_array_equal(prepared(tmp_path).array, EXPECTED)
        for file in (tmp_path / "prepared").iterdir():
            file.unlink()


def test_a_failed_build_leaves_nothing(tmp_path: Path) -> None:
    def read(row: int) -> Array:
        return _row(row) if row < 150 else np.zeros((3, 1, 1), np.uint8)

    with pytest.raises(DataError):
        prepared(tmp_path, read)
    assert names(tmp_path) == []


def test_leftovers_go_after_a_week(tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    folder.mkdir()
    month = time.time() - 30 * 24 * 60 * 60
    for name, old in ((".a.part.npy", True), (".a.part.rows", True), (".b.part.npy", False), ("c.npy", True)):
        (folder / name).write_bytes(b"x")
        if old:
            os.utime(folder / name, (month, month))
    prepared(tmp_path)
    assert set(names(tmp_path)) > {".b.part.npy", "c.npy"}
    assert not {".a.part.npy", ".a.part.rows"} & set(names(tmp_path))


def test_without_locks_each_process_builds_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(handle: int, operation: int) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", no_locks)
    with (
        building(tmp_path / "prepared" / "a.npy") as first,
        building(tmp_path / "prepared" / "a.npy") as second,
    ):
        assert first.path != second.path
        first.discard()
        second.discard()
    np.testing.assert_array_equal(prepared(tmp_path).array, EXPECTED)


def test_filling_saves_only_what_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "_SAVE_EVERY", 0.0)
    done, written = np.zeros(COUNT, np.bool_), np.zeros(COUNT, np.bool_)
    done[:50] = written[:50] = True
    shares: list[int] = []

    def write(row: int) -> None:
        assert not written[row]
        written[row] = True

    def save() -> None:
        assert not (done & ~written).any()
        shares.append(int(done.sum()))

    advanced: list[int] = []
    filling.fill_rows(write, done, advanced.append, save)
    assert done.all()
    assert sum(advanced) == COUNT - 50
    assert len(shares) > 3
    assert shares == sorted(shares)
