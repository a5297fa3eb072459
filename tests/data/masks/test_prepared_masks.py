from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from epochal.config.component import Component
from epochal.console import Console
from epochal.data.cache import prepare_samples
from epochal.data.manifest import Array, Manifest, Source
from epochal.data.masks.coding import IGNORED
from epochal.data.masks.prepared import prepare_masks
from epochal.data.masks.read import MaskOptions, mask_arrays
from epochal.data.prepare import Prepare, build_prepare
from epochal.errors import ConfigError, DataError


def steps(*settings: dict[str, Any]) -> Prepare:
    return build_prepare([Component.model_validate(each) for each in settings])


def source(masks: Array, images: Array | None = None) -> Source:
    images = (masks[:, None] * 40).astype(np.uint8) if images is None else images
    read = mask_arrays(masks, MaskOptions(["a", "b", "c", "d"]), "y")
    manifest = Manifest(
        pl.Series("FILENAME", map(str, range(len(masks)))), read.counts, "mask", read.coding.names
    )
    return Source(manifest, "image", images.__getitem__, "0" * 32, array=images, masks=read)


def prepared(found: Source, prepare: Prepare, folder: Path) -> tuple[Array, Array]:
    console = Console(quiet=True)
    samples = prepare_samples(found, prepare, "memory", folder, console)
    assert samples.array is not None
    return samples.array, prepare_masks(found, samples, prepare, "memory", folder, console)


def test_masks_stay_over_their_images(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).integers(0, 4, (3, 12, 10), dtype=np.uint8)
    prepare = steps(
        {"name": "resize", "size": [24, 30], "interpolation": "nearest"},
        {"name": "grayscale"},
        {"name": "center_crop", "size": [20, 30]},
        {"name": "pad", "size": 32},
    )
    images, moved = prepared(source(masks), prepare, tmp_path)
    assert moved.shape == (3, 32, 32)
    inside = moved != IGNORED
    assert np.array_equal(moved[inside] * 40, images[:, 0][inside])
    assert inside.sum() == 3 * 20 * 30


def test_what_was_predicted_goes_back_to_the_size_before() -> None:
    prepare = steps({"name": "resize", "size": [24, 20]}, {"name": "pad", "size": 32})
    values = np.zeros((2, 32, 32), np.float32)
    values[1, 4:28, 6:16] = 1  # the left half of what is not padding
    back = prepare.undo(values, (12, 40))
    assert back.shape == (2, 12, 40)
    assert (back[1, :, :18] > 0.5).all()
    assert (back[1, :, 22:] < 0.5).all()


def test_what_was_cut_off_is_unknown() -> None:
    back = steps({"name": "center_crop", "size": 4}).undo(np.ones((1, 4, 4), np.float32), (6, 8))
    assert np.isnan(back).sum() == 6 * 8 - 16


def test_a_mask_of_another_size_is_told(tmp_path: Path) -> None:
    found = source(np.zeros((2, 6, 6), np.uint8), np.zeros((2, 1, 6, 8), np.uint8))
    with pytest.raises(DataError, match=r"the mask is 6×6, its image 6×8"):
        prepared(found, steps({"name": "resize", "size": 4}), tmp_path)


def test_a_step_that_moves_images_alone_is_refused(tmp_path: Path) -> None:
    found = source(np.zeros((2, 6, 6), np.uint8))
    with pytest.raises(ConfigError, match=r"images and masks have different sizes: 3×3 and 6×6"):
        prepared(found, steps({"name": "Resize", "size": [3, 3]}), tmp_path)


def test_masks_are_kept_apart_by_what_their_values_mean(tmp_path: Path) -> None:
    masks = np.random.default_rng(0).integers(0, 2, (3, 4, 4), dtype=np.uint8)
    found = source(masks)
    console = Console(quiet=True)
    samples = prepare_samples(found, steps(), "disk", tmp_path, console)
    first = prepare_masks(found, samples, steps(), "disk", tmp_path, console)
    other = mask_arrays(masks, MaskOptions({"b": 1, "a": 0}), "y")
    second = prepare_masks(replace(found, masks=other), samples, steps(), "disk", tmp_path, console)
    assert np.array_equal(second, 1 - first)
