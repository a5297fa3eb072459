from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from epochal.config.component import Component
from epochal.data.sources import build_source
from epochal.data.sources.folder import folder
from epochal.errors import ConfigError, DataError


def _write(root: Path, *names: str, mode: str = "L") -> None:
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".png":
            Image.new(mode, (4, 3), 10 + number if mode == "L" else (number, 2, 3)).save(path)
        else:
            path.write_text("text")


def test_classes_are_the_first_folders_and_deeper_ones_are_free(tmp_path: Path) -> None:
    _write(
        tmp_path,
        "dog/1.png",
        "cat/site b/2.png",
        "cat/1.png",
        "cat/.hidden.png",
        "cat/notes.txt",
        "readme.md",
    )
    source = build_source(Component(name="folder", root=str(tmp_path)), "class")
    manifest = source.manifest
    assert manifest.filenames.to_list() == ["cat/1.png", "cat/site b/2.png", "dog/1.png"]
    assert manifest.names == ("cat", "dog")
    assert manifest.targets.tolist() == [0, 0, 1]
    assert manifest.targets.dtype == np.int64
    assert manifest.splits is None
    assert source.kind == "image"
    assert source.array is None
    np.testing.assert_array_equal(source.read(2), np.full((1, 3, 4), 10))


def test_channels_follow_the_files_or_the_request(tmp_path: Path) -> None:
    _write(tmp_path, "a/1.png", "b/1.png")
    assert folder(tmp_path, target_kind="class").source().read(0).shape == (1, 3, 4)
    assert folder(tmp_path, channels=3, target_kind="class").source().read(0).shape == (3, 3, 4)
    _write(tmp_path, "b/2.png", mode="RGB")
    assert folder(tmp_path, target_kind="class").source().read(0).shape == (3, 3, 4)
    assert folder(tmp_path, channels=1, target_kind="class").source().read(2).shape == (1, 3, 4)


def test_folders_of_splits_give_splits(tmp_path: Path) -> None:
    _write(tmp_path, "Train/a/1.png", "Train/b/1.png", "valid/a/1.png", "test/b/1.png", "test/readme.txt")
    manifest = folder(tmp_path, target_kind="class").source().manifest
    assert manifest.names == ("a", "b")
    assert manifest.filenames.to_list() == ["Train/a/1.png", "Train/b/1.png", "test/b/1.png", "valid/a/1.png"]
    assert manifest.splits is not None
    assert manifest.splits.to_list() == ["train", "train", "test", "val"]
    assert manifest.targets.tolist() == [0, 1, 1, 0]


def test_splits_as_classes_where_they_hold_images_themselves(tmp_path: Path) -> None:
    _write(tmp_path, "train/1.png", "test/1.png")  # vehicles and exams
    manifest = folder(tmp_path, target_kind="class").source().manifest
    assert manifest.names == ("test", "train")
    assert manifest.splits is None


def test_digest_follows_content_and_names(tmp_path: Path) -> None:
    for copy in ("one", "two"):
        _write(tmp_path / copy, "a/1.png", "b/1.png")
    digests = [folder(tmp_path / copy, target_kind="class").source().digest for copy in ("one", "two")]
    assert digests[0] == digests[1]
    (tmp_path / "two/b/1.png").write_bytes((tmp_path / "two/a/1.png").read_bytes())
    changed = folder(tmp_path / "two", target_kind="class").source().digest
    (tmp_path / "one/b/1.png").rename(tmp_path / "one/b/2.png")
    renamed = folder(tmp_path / "one", target_kind="class").source().digest
    assert len({digests[0], changed, renamed}) == 3


def test_large_files_are_digested_by_size_and_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path, "a/1.png", "b/1.png")
    content = folder(tmp_path, target_kind="class").source().digest
    monkeypatch.setattr("epochal.data.sources.digest._CONTENT_LIMIT", 10)
    stamped = folder(tmp_path, target_kind="class").source().digest
    assert stamped != content
    assert folder(tmp_path, target_kind="class").source().digest == stamped
    (tmp_path / "a/1.png").touch()
    assert folder(tmp_path, target_kind="class").source().digest != stamped


def test_mistakes_are_told_together(tmp_path: Path) -> None:
    _write(tmp_path, "a/1.png", "lone.png", "b/1.gif", "b/2.gif", "b/x.txt")
    (tmp_path / "c").mkdir()
    with pytest.raises(DataError) as caught:
        folder(tmp_path, target_kind="class").source()
    told = str(caught.value)
    assert f"{tmp_path}/lone.png: this image lies in no class folder" in told
    assert "the class 'b' has no image, only 2 .gif, 1 .txt" in told
    assert "the class 'c' has no image;" in told
    assert len(caught.value.problems) == 3


def test_long_lists_of_mistakes_are_counted(tmp_path: Path) -> None:
    _write(tmp_path, "a/1.png", "b/1.png", *(f"{number}.png" for number in range(25)))
    with pytest.raises(DataError) as caught:
        folder(tmp_path, target_kind="class").source()
    assert len(caught.value.problems) == 21
    assert str(caught.value).endswith("and 5 more of such problems")


def test_missing_empty_and_single_class_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone: there is no such folder; relative paths count from /"):
        folder(tmp_path / "gone", target_kind="class").source()
    with pytest.raises(DataError, match=f"there is no such folder; did you mean '{tmp_path.name}'"):
        folder(f"{tmp_path}s", target_kind="class").source()
    with pytest.raises(DataError, match="there is no image in this folder; a source of kind folder is"):
        folder(tmp_path, target_kind="class").source()
    _write(tmp_path, "a/1.png")
    with pytest.raises(DataError, match="there is one class only, 'a'"):
        folder(tmp_path, target_kind="class").source()
    with pytest.raises(DataError, match="this is a file, not a folder"):
        folder(tmp_path / "a" / "1.png", target_kind="class").source()


def test_other_targets_point_to_the_table(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the task needs regression; use the source table"):
        folder(tmp_path, target_kind="value").source()
