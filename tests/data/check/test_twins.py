from __future__ import annotations

import io

import numpy as np
import pytest
from faults import photo
from PIL import Image

from epochal.data.check.twins import alike, equal_rows, joined, row_hashes
from epochal.data.manifest import Array


def thumbnail(image: Image.Image) -> Array:
    return np.asarray(image.convert("RGB").resize((16, 16), Image.Resampling.BILINEAR, reducing_gap=4.0))


def encoded(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("width", [1, 3, 64])
def test_equal_rows_are_found(dtype: type, width: int) -> None:
    array: Array = np.random.default_rng(0).integers(0, 4, (300, width)).astype(dtype)
    expected = [next(r for r in range(300) if (array[r] == row).all()) for row in array]
    assert equal_rows(array).tolist() == expected
    assert len(np.unique(row_hashes(array))) == len(np.unique(array, axis=0))


def test_pictures_saved_anew_are_alike_and_others_are_not() -> None:
    photos = [photo(number, 96) for number in range(300)]
    others = [encoded(image, 60) for image in photos[:100]]
    others += [image.resize((41, 41), Image.Resampling.LANCZOS) for image in photos[100:200]]
    pairs = alike(np.stack([thumbnail(image) for image in photos + others]))
    assert pairs.tolist() == [[number, number + 300] for number in range(200)]


def test_pictures_without_contrast_and_none_at_all() -> None:
    assert len(alike(np.full((5, 16, 16, 3), 200, np.uint8))) == 0
    assert len(alike(np.zeros((0, 16, 16, 3), np.uint8))) == 0


def test_chains_of_pairs_are_joined() -> None:
    pairs = np.array([[5, 6], [6, 7], [2, 7], [3, 4]])
    assert joined(9, pairs).tolist() == [0, 1, 2, 3, 3, 2, 2, 2, 8]
