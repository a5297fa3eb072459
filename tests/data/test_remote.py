"""Data behind URLs."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from PIL import Image

from epochal.config.component import Component
from epochal.console import Console
from epochal.data.remote import fetch, localized
from epochal.data.sources import build_source
from epochal.errors import DataError, RequestError

QUIET = Console(quiet=True)


@pytest.fixture
def remote() -> Any:
    """A file system of other paths than the disk's, emptied for each test."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    system.pseudo_dirs[:] = [""]
    return system


def test_a_folder_is_fetched_once_and_read_as_a_local_one(remote: Any, tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        for index in range(2):
            file = tmp_path / "picture.png"
            Image.fromarray(np.full((4, 4), 40 * index, np.uint8)).save(file)
            remote.pipe(f"/pets/{name}/{index}.png", file.read_bytes())
    component = Component(name="folder", root="memory://pets")
    local = localized(component, tmp_path / "cache", QUIET)
    source = build_source(local, "class")
    assert source.manifest.names == ("cat", "dog")
    assert source.manifest.filenames.to_list() == ["cat/0.png", "cat/1.png", "dog/0.png", "dog/1.png"]
    assert source.read(3).max() == 40

    kept = Path(local.arguments["root"]) / "cat" / "0.png"
    os.utime(kept, ns=(0, 0))
    assert localized(component, tmp_path / "cache", QUIET) == local
    assert kept.stat().st_mtime_ns == 0, "nothing was fetched again"


def test_what_changed_at_the_other_end_is_fetched_again(remote: Any, tmp_path: Path) -> None:
    remote.pipe("/t.csv", b"a,target\n1,x\n2,y\n")
    first = fetch("memory://t.csv", tmp_path, QUIET)
    assert first.name == "t.csv"
    assert first.read_text().endswith("2,y\n")
    remote.pipe("/t.csv", b"a,target\n1,x\n2,y\n3,z\n")
    assert fetch("memory://t.csv", tmp_path, QUIET).read_text().endswith("3,z\n")


def test_a_table_of_files_brings_its_folder(remote: Any, tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(file)
    remote.pipe("/set/images/a.png", file.read_bytes())
    remote.pipe("/set/images/b.png", file.read_bytes())
    remote.pipe("/set/labels.csv", b"image,target\nimages/a.png,x\nimages/b.png,y\n")
    component = Component(name="table", path="memory://set/labels.csv", file="image", target="target")
    source = build_source(localized(component, tmp_path / "cache", QUIET), "class")
    assert source.manifest.filenames.to_list() == ["images/a.png", "images/b.png"]


def test_patterns_bring_every_file_that_matches(remote: Any, tmp_path: Path) -> None:
    for index in range(3):
        remote.pipe(f"/shards/train-{index}.tar", bytes(index + 1))
    assert sorted(
        each.name for each in fetch("memory://shards/train-{0..1}.tar", tmp_path, QUIET).glob("*.tar")
    ) == [
        "train-0.tar",
        "train-1.tar",
    ]
    assert len(list(fetch("memory://shards/*.tar", tmp_path, QUIET).glob("*.tar"))) == 3


def test_what_cannot_be_fetched_says_why(remote: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't be read"):
        fetch("memory://nothing/here.csv", tmp_path, QUIET)
    with pytest.raises(DataError, match="check the URL"):
        fetch("nowhere://a/b", tmp_path, QUIET)
    with pytest.raises(RequestError, match="pip install gcsfs"):
        fetch("gs://bucket/file.csv", tmp_path, QUIET)
