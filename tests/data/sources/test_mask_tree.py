from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from epochal.data.manifest import Source
from epochal.data.sources.folder import folder
from epochal.data.sources.table import table
from epochal.errors import ConfigError, DataError

MASK = np.array([[0, 1], [1, 1]], np.uint8)


def put(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        values = MASK if "mask" in name else np.full((2, 2), 90, np.uint8)
        Image.fromarray(values).save(root / name)
    return root


def opened(root: Path, images: str = "images", masks: str = "masks") -> Source:
    return folder(
        root, images=images, masks=masks, classes=["background", "tumour"], target_kind="mask"
    ).source()


def test_masks_are_found_by_name_whatever_their_ending(tmp_path: Path) -> None:
    put(tmp_path, "images/a.png", "images/deep/b.jpg", "images/c.png")
    put(tmp_path, "masks/a_mask.png", "masks/deep/b.png", "masks/c.tif")
    found = opened(tmp_path)
    assert found.masks is not None
    assert found.manifest.filenames.to_list() == ["images/a.png", "images/c.png", "images/deep/b.jpg"]
    assert found.manifest.targets.tolist() == [[1, 3]] * 3
    assert np.array_equal(found.masks(2), MASK)


@pytest.mark.parametrize("layout", ["{tree}/{split}/a.png", "{split}/{tree}/a.png"])
def test_folders_of_splits_lie_inside_of_the_trees_or_around_them(tmp_path: Path, layout: str) -> None:
    for split in ("train", "valid", "test"):
        put(tmp_path, *(layout.format(tree=tree, split=split) for tree in ("images", "masks")))
    splits = opened(tmp_path).manifest.splits
    assert splits is not None
    assert sorted(splits.to_list()) == ["test", "train", "val"]


def test_trees_may_be_called_otherwise(tmp_path: Path) -> None:
    put(tmp_path, "x/a.png", "y/mask/a.png")
    assert len(opened(tmp_path, images="x", masks="y/mask").manifest) == 1


def test_images_without_a_mask_and_masks_without_an_image_are_kept_for_the_checks(tmp_path: Path) -> None:
    masks = opened(put(tmp_path, "images/a.png", "images/b.png", "masks/a.png", "masks/z.png")).masks
    assert masks is not None
    assert masks.orphans == ("masks/z.png",)
    with pytest.raises(DataError, match="no mask"):
        masks(1)


def test_a_folder_without_masks_says_how_it_is_laid_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no mask below 'masks'.*ROOT/images/NAME.jpg"):
        opened(put(tmp_path, "images/a.png"))


def test_a_table_has_a_column_of_masks(tmp_path: Path) -> None:
    put(tmp_path, "i/a.png", "i/b.png", "m/mask1.png", "m/mask2.png")
    (tmp_path / "t.csv").write_text("image,mask\ni/a.png,m/mask2.png\ni/b.png,m/mask1.png\n")
    found = table(tmp_path / "t.csv", file="image", target="mask", target_kind="mask").source()
    assert found.manifest.names == ("background", "foreground")
    assert found.manifest.targets.tolist() == [[1, 3], [1, 3]]
    (tmp_path / "t.csv").write_text("image,mask\ni/a.png,m/none.png\ni/b.png,/etc/passwd\n")
    with pytest.raises(DataError, match=r"(?s)'m/none.png' does not exist.*lies outside"):
        table(tmp_path / "t.csv", file="image", target="mask", target_kind="mask").source()
    with pytest.raises(ConfigError, match="name the column of images as 'file'"):
        table(tmp_path / "t.csv", target="mask", target_kind="mask")


def test_a_task_of_classes_does_not_take_images_and_their_masks_for_two_classes(tmp_path: Path) -> None:
    put(tmp_path, "images/a.png", "masks/a.png")
    with pytest.raises(ConfigError, match="choose task: segmentation, or call the folders otherwise"):
        folder(tmp_path, target_kind="class")
    put(tmp_path, "others/a.png")
    assert folder(tmp_path, target_kind="class").source().manifest.names == ("images", "masks", "others")
    with pytest.raises(ConfigError, match="'colors' and 'ignore_index' are of masks"):
        folder(tmp_path, colors={"road": [1, 2, 3], "sky": [0, 0, 0]}, target_kind="class")
