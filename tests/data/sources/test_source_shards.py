"""Tar archives as webdataset lays them out."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from epochal.config.component import Component
from epochal.data.images import read_image
from epochal.data.sources import build_source
from epochal.errors import DataError


def write_archive(path: Path, members: Mapping[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))


def picture(seed: int, form: str = "PNG") -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 255, (9, 7, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def two_archives(folder: Path) -> None:
    for shard, split in enumerate(("train", "val")):
        members: dict[str, bytes] = {}
        for index in range(4):
            form = "jpg" if index == 3 else "png"
            members[f"{index:04}.{form}"] = picture(10 * shard + index, "JPEG" if form == "jpg" else "PNG")
            members[f"{index:04}.cls"] = str(index % 2).encode()
        write_archive(folder / f"{split}-{shard:03}.tar", members)


@pytest.mark.parametrize("pattern", ["train-{000..001}.tar", "*.tar", ""])
def test_samples_are_read_by_their_place(tmp_path: Path, pattern: str) -> None:
    two_archives(tmp_path)
    if "{" in pattern:
        (tmp_path / "val-001.tar").rename(tmp_path / "train-001.tar")
    source = build_source(Component(name="shards", path=str(tmp_path / pattern)), "class")
    manifest = source.manifest
    assert source.kind == "image"
    assert manifest.names == ("0", "1")
    assert manifest.targets.tolist() == [0, 1, 0, 1, 0, 1, 0, 1]
    assert manifest.filenames[1] == "train-000/0001.png"
    for row in (6, 0, 3):  # in any order
        data = picture(10 * (row // 4) + row % 4, "JPEG" if row % 4 == 3 else "PNG")
        plain = tmp_path / f"plain{row}.{'jpg' if row % 4 == 3 else 'png'}"
        plain.write_bytes(data)
        assert np.array_equal(source.read(row), read_image(plain, 3))


def test_archives_named_by_split_and_targets_in_json(tmp_path: Path) -> None:
    for split, value in (("train", 1.5), ("test", -2.0)):
        members: dict[str, bytes] = {}
        for index in range(3):
            buffer = io.BytesIO()
            np.save(buffer, np.full(4, index, np.float32))
            members[f"part/{index}.npy"] = buffer.getvalue()
            members[f"part/{index}.json"] = json.dumps({"weight": value + index}).encode()
        write_archive(tmp_path / f"{split}-0.tar", members)
    component = Component(name="shards", path=str(tmp_path), target="json", field="weight", split=True)
    source = build_source(component, "value")
    assert source.kind == "vector"
    assert source.manifest.splits is not None
    assert source.manifest.splits.to_list() == ["test"] * 3 + ["train"] * 3
    assert source.manifest.targets[:, 0].tolist() == [-2.0, -1.0, 0.0, 1.5, 2.5, 3.5]
    assert source.read(5).tolist() == [2.0, 2.0, 2.0, 2.0]


def test_what_is_wrong_is_told_with_its_archive(tmp_path: Path) -> None:
    whole = {"a.png": picture(0), "a.cls": b"0", "b.png": picture(1), "c.cls": b"1"}
    write_archive(tmp_path / "one.tar", whole)
    with pytest.raises(DataError) as found:
        build_source(Component(name="shards", path=str(tmp_path / "one.tar")), "class")
    assert "the sample 'c' has no input, only cls" in str(found.value)

    write_archive(tmp_path / "two.tar", {"a.png": picture(0), "a.cls": b"0"})
    with pytest.raises(DataError, match="no 'txt', only cls, png"):
        build_source(
            Component(name="shards", path=str(tmp_path / "two.tar"), input="png", target="txt"), "class"
        )

    data = (tmp_path / "one.tar").read_bytes()
    (tmp_path / "one.tar").write_bytes(data[:1400])
    with pytest.raises(DataError, match="can't be read as a tar archive"):
        build_source(Component(name="shards", path=str(tmp_path / "one.tar")), "class")

    with pytest.raises(DataError, match="there is no such file"):
        build_source(Component(name="shards", path=str(tmp_path / "{0..2}.tar")), "class")
