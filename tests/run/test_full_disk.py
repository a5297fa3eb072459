"""What a full disk does: the old files stand, nothing half written remains, and the message says where."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from epochal.console import Console
from epochal.data.cache import prepare_samples
from epochal.data.manifest import Array, Manifest, Source
from epochal.data.prepare import Prepare
from epochal.engine.checkpoint import Snapshot, read_checkpoint, write_checkpoint
from epochal.engine.writer import CheckpointWriter
from epochal.errors import DataError, RunError
from epochal.run.durable import LineFile, write_bytes
from epochal.run.folder import RunFolder
from epochal.run.status import set_flag, status_of

SIZE = 128 * 1024  # bytes
FULL = r"No space left|File too large"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder that holds 128 KiB: a file system of its own, or else a limit on the size of files."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode == 0:
        yield folder
        subprocess.run(["umount", "-l", str(folder)], check=True)
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE, hard))
    yield folder
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_the_old_file_stands(small_disk: Path) -> None:
    path = small_disk / "predictions.csv"
    write_bytes(path, b"old")
    with pytest.raises(OSError, match=FULL):
        write_bytes(path, bytes(2 * SIZE))
    assert path.read_bytes() == b"old"
    assert names(small_disk) == ["predictions.csv"]


def test_the_previous_checkpoint_stands_and_the_message_says_what_is_needed(small_disk: Path) -> None:
    path = small_disk / "last.safetensors"
    write_checkpoint(path, {"weight": torch.ones(4)}, {"epoch": 1})
    with pytest.raises(
        RunError,
        match=r"last\.safetensors: can't write the checkpoint, 400,\d+ bytes \([\d,]+ are free\).*make room",
    ):
        write_checkpoint(path, {"weight": torch.ones(100_000)}, {"epoch": 2})
    tensors, values = read_checkpoint(path)
    assert values == {"epoch": 1}
    assert torch.equal(tensors["weight"], torch.ones(4))
    assert names(small_disk) == ["last.safetensors"]


def test_where_resuming_begins_is_said_as_it_is(small_disk: Path) -> None:
    folder = RunFolder(small_disk)
    lines = LineFile(folder.history)
    small, large = (Snapshot.of({"weight": torch.ones(count)}, {}) for count in (4, 100_000))
    writer = CheckpointWriter(folder, lines)
    writer.order(large, small)  # the best weights fit, the whole state does not
    with pytest.raises(RunError, match=r"make room; it is the first one, and --resume starts from the begin"):
        writer.wait()
    writer.order(small)
    writer.wait()
    writer.order(large)
    with pytest.raises(RunError, match=r"make room; the checkpoint before it is intact, and --resume"):
        writer.wait()
    lines.close()
    assert names(small_disk) == ["best.safetensors", "last.safetensors", "metrics.jsonl"]


def test_prepared_samples_that_do_not_fit_are_a_data_error(small_disk: Path) -> None:
    array: Array = np.zeros((100, 1, 64, 64), np.uint8)
    filenames = pl.Series([str(row) for row in range(100)])
    manifest = Manifest(filenames, np.zeros(100, np.int64), "class", ("a",))
    source = Source(manifest, "image", array.__getitem__, "0" * 32)
    with pytest.raises(DataError, match=r"can't write the cache of prepared samples.*paths\.cache"):
        prepare_samples(source, Prepare(), "disk", small_disk, Console(quiet=True))
    assert names(small_disk) == []
    assert prepare_samples(source, Prepare(), "memory", small_disk, Console(quiet=True)).array is not None


def test_a_flag_that_can_not_be_written_hides_no_failure(small_disk: Path) -> None:
    folder = RunFolder(small_disk)
    with pytest.raises(OSError, match=FULL):
        (small_disk / "fill").write_bytes(bytes(2 * SIZE))
    set_flag(folder, "failed", "the disk is full " * SIZE)
    assert status_of(folder) == "crashed"
    with pytest.raises(OSError, match=FULL):
        set_flag(folder, "finished", "finished " * SIZE)
