"""A disk that fills up during a run: what is there stays whole, and with more room the run goes on."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from trainings import assert_identical, finish, is_finished, newest_step, start, uncut_run

TRAINING = "brief"
_KIB = 1024


@contextmanager
def disk(folder: Path, size: int) -> Iterator[None]:
    """A file system of so many bytes at ``folder``."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip()
        pytest.skip(f"mounting is not permitted ({reason}); try `unshare -rm make test-crash`")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_up(folder: Path, size: int) -> str:
    """A run on a disk of so many bytes, resumed where that was too little; what it said."""
    with disk(folder / "runs", size):
        process = start(TRAINING, folder, "--no-preflight")
        code = process.wait()
        said = process.output.read_text()
        if code == 0:
            assert is_finished(folder)
        else:
            assert code in (1, 2), said
            assert "Traceback" not in said
            assert "No space left on device" in said
            for sizes in re.findall(r"the checkpoint, ([\d,]+) bytes \(([\d,]+) are free\)", said):
                needed, free = (int(number.replace(",", "")) for number in sizes)
                assert needed > free
            newest_step(folder)
            subprocess.run(["mount", "-o", "remount,size=64m", str(folder / "runs")], check=True)
            finish(TRAINING, folder, "--no-preflight")
        assert_identical(TRAINING, folder)
    return said


def full_size() -> int:
    """Bytes that a whole run takes."""
    return sum(path.stat().st_size for path in uncut_run(TRAINING)[0].rglob("*") if path.is_file())


def test_runs_on_disks_that_are_too_small(tmp_path: Path) -> None:
    sizes = [40 * _KIB, full_size() // 4, full_size() // 2]
    said = [fill_up(tmp_path / str(size), size) for size in sizes]
    assert any("can't write the checkpoint" in each for each in said)


@pytest.mark.crash
def test_runs_on_disks_of_every_size(tmp_path: Path) -> None:
    said = [fill_up(tmp_path / str(size), size) for size in range(4 * _KIB, full_size(), 16 * _KIB)]
    assert any("can't write the checkpoint" in each for each in said)


def test_the_preflight_names_the_room_that_is_missing(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with disk(folder / "runs", 100 * _KIB):
        process = start(TRAINING, folder)
        assert process.wait() == 2
        assert re.search(r"needs about [\d.]+ \w+ and [\d.]+ \w+ are free", process.output.read_text())
