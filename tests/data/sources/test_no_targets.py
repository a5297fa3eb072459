"""Every source for a task that needs no targets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from epochal.config.component import Component
from epochal.data.manifest import Source
from epochal.data.sources import build_source
from epochal.data.sources.dataset import from_dataset
from epochal.errors import ConfigError, DataError


def build(name: str, **arguments: object) -> Source:
    source = build_source(Component.model_validate({"name": name, **arguments}), "none")
    manifest = source.manifest
    assert manifest.target_kind == "none"
    assert manifest.targets.shape == (len(manifest), 0)
    assert manifest.targets.dtype == np.float32
    assert manifest.names == ()
    return source


def images(root: Path, *names: str) -> None:
    for number, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), number).save(root / name)


@pytest.mark.parametrize("name", ["digits", "diabetes", "wine"])
def test_targets_of_bundled_data_are_left_out(name: str) -> None:
    assert len(build(name).manifest) > 100


def test_a_folder_needs_no_classes(tmp_path: Path) -> None:
    images(tmp_path, "a.png", "deep/er/b.png", "c.png")
    source = build("folder", root=str(tmp_path))
    assert source.manifest.filenames.to_list() == ["a.png", "c.png", "deep/er/b.png"]
    assert source.manifest.splits is None
    with pytest.raises(DataError, match="lies in no class folder"):
        build_source(Component(name="folder", root=str(tmp_path)), "class")


def test_folders_of_splits_may_hold_images_themselves(tmp_path: Path) -> None:
    images(tmp_path, "train/a.png", "train/b.png", "test/c.png", "val/deep/d.png")
    splits = build("folder", root=str(tmp_path)).manifest.splits
    assert splits is not None
    assert splits.to_list() == ["test", "train", "train", "val"]


def test_arrays_without_targets(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((5, 3)), split=["train"] * 4 + ["test"])
    np.save(tmp_path / "x.npy", np.zeros((6, 8, 8), np.uint8))
    splits = build("arrays", path=str(tmp_path / "x.npz"), split="split").manifest.splits
    assert splits is not None
    assert len(build("arrays", path=str(tmp_path / "x.npy")).manifest) == 6


def test_a_table_may_name_a_target_or_none(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    pl.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0], "y": [0, 1]}).write_csv(path)
    assert build("table", path=str(path)).features == ("a", "b", "y")
    assert build("table", path=str(path), target="y").features == ("a", "b")
    with pytest.raises(ConfigError, match="table needs 'target'"):
        build_source(Component(name="table", path=str(path)), "class")


def test_items_of_a_dataset_may_be_inputs_alone() -> None:
    for items in (
        [np.zeros((1, 4, 4))] * 3,
        [(np.zeros((1, 4, 4)), 7)] * 3,
        [{"x": np.zeros((1, 4, 4))}] * 3,
    ):
        source = from_dataset(items, target_kind="none", name="mine")
        assert source.manifest.targets.shape == (3, 0)
        assert source.kind == "image"
    with pytest.raises(DataError, match="a dict of y"):
        from_dataset([{"y": 1}], target_kind="none", name="mine")
