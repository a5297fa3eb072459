from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from epochal.data.manifest import Array
from epochal.data.masks.coding import IGNORED
from epochal.data.masks.read import MaskOptions, mask_arrays, mask_files, painted, read_mask
from epochal.errors import DataError

VALUES = np.array([[0, 1, 2], [2, 1, 255]], np.uint8)
NAMES = ["background", "disc", "box"]


def saved(path: Path, values: Array = VALUES) -> str:
    if path.suffix == ".npy":
        np.save(path, values)
    else:
        Image.fromarray(values).save(path)
    return str(path)


@pytest.mark.parametrize("name", ["m.png", "m.tif", "m.bmp", "m.npy"])
def test_every_format_gives_the_values(tmp_path: Path, name: str) -> None:
    assert np.array_equal(read_mask(saved(tmp_path / name)), VALUES)


def test_numbers_of_a_palette_are_the_values_unless_colours_are_told(tmp_path: Path) -> None:
    image = Image.fromarray(VALUES)
    image.putpalette(np.repeat(np.arange(256, dtype=np.uint8)[::-1], 3).tobytes())
    image.save(tmp_path / "m.png")
    assert np.array_equal(read_mask(tmp_path / "m.png"), VALUES)
    assert read_mask(tmp_path / "m.png", colored=True)[0, 0] == 0xFFFFFF


def test_gray_saved_as_colour_is_read_and_colour_without_a_meaning_is_a_fault(tmp_path: Path) -> None:
    gray = saved(tmp_path / "gray.png", np.repeat(VALUES[:, :, None], 3, axis=2))
    assert np.array_equal(read_mask(gray), VALUES)
    red = np.zeros((2, 3, 3), np.uint8)
    red[0, 0, 0] = 200
    with pytest.raises(DataError, match=r"red\.png: the mask is coloured; say .* colors: \{road"):
        read_mask(saved(tmp_path / "red.png", red))


def test_masks_that_are_all_unfit_are_told_by_name(tmp_path: Path) -> None:
    red = saved(tmp_path / "red.png", np.full((2, 3, 3), [200, 0, 0], np.uint8))
    with pytest.raises(DataError, match=r"red\.png: the mask is coloured"):
        mask_files([red, red], MaskOptions())


def test_colours_become_classes(tmp_path: Path) -> None:
    pixels = np.array([[[0, 0, 0], [128, 64, 128]], [[70, 70, 70], [9, 9, 9]]], np.uint8)
    colors: dict[str, list[int]] = {"road": [128, 64, 128], "building": [70, 70, 70], "sky": [0, 0, 0]}
    path = saved(tmp_path / "m.png", pixels)
    masks = mask_files([path], MaskOptions(colors=colors, ignored=[9, 9, 9]))
    assert masks(0).tolist() == [[2, 0], [1, IGNORED]]
    assert masks.counts.tolist() == [[1, 1, 1]]
    masks = mask_files([path], MaskOptions(colors=colors))
    with pytest.raises(DataError, match=r"colour \[9, 9, 9\] stands"):
        masks(0)


def test_pixels_are_counted_and_faults_stay_with_their_mask(tmp_path: Path) -> None:
    wrong = saved(tmp_path / "wrong.png", np.full((2, 3), 7, np.uint8))
    masks = mask_files([saved(tmp_path / "m.png"), wrong, ""], MaskOptions(NAMES))
    assert masks.counts.tolist() == [[1, 2, 2], [0, 0, 0], [0, 0, 0]]
    assert [fault is None for fault in masks.faults] == [True, False, False]
    assert masks(0)[1, 2] == IGNORED
    for row, what in ((1, "value 7"), (2, "no mask")):
        with pytest.raises(DataError, match=what):
            masks(row)
    assert masks[np.array([1])].faults[0] is not None


def test_arrays_of_integers_are_masks() -> None:
    assert mask_arrays(VALUES[None].astype(np.int16), MaskOptions(NAMES), "y").counts.tolist() == [[1, 2, 2]]
    with pytest.raises(DataError, match=r"whole numbers \[N, H, W\], not float32"):
        mask_arrays(VALUES[None].astype(np.float32), MaskOptions(NAMES), "y")


def test_a_painted_image_shows_all_but_the_first_class() -> None:
    image = np.full((1, 2, 3), 100, np.uint8)
    colors = np.zeros((256, 3), np.uint8)
    colors[1] = 200
    found = painted(image, VALUES, colors)
    assert found[:, 0, 0].tolist() == [100] * 3
    assert found[:, 0, 1].tolist() == [150] * 3
