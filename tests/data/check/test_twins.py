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
    twins = alike(np.stack([thumbnail(image) for image in photos + others]))
    assert twins.pairs.tolist() == [[number, number + 300] for number in range(200)]
    assert twins.cut == 0


def test_pictures_without_contrast_and_none_at_all() -> None:
    assert len(alike(np.full((5, 16, 16, 3), 200, np.uint8)).pairs) == 0
    assert len(alike(np.zeros((0, 16, 16, 3), np.uint8)).pairs) == 0


def test_chains_of_pairs_are_joined() -> None:
    pairs = np.array([[5, 6], [6, 7], [2, 7], [3, 4]])
    assert joined(9, pairs).tolist() == [0, 1, 2, 3, 3, 2, 2, 2, 8]


def test_the_search_is_bounded_where_all_pictures_are_much_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal.data.check.twins._FEW", 1)
    generator = np.random.default_rng(0)
    dark = generator.integers(0, 40, (2000, 16, 16, 3), dtype=np.uint8)
    dark[:, 4:8, 4:8] += 150  # one lamp in the night
    dark[7] = dark[1500]
    twins = alike(dark)
    assert twins.pairs.tolist() == [[7, 1500]]  # equal bytes are found wherever they are
    assert 0 < twins.cut <= 2000
    assert 0 < twins.compared < 2000


def test_many_copies_of_one_picture_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("epochal.data.check.twins._FEW", 1)
    generator = np.random.default_rng(0)
    one = thumbnail(photo(1)).astype(int)
    copies = np.clip(one + generator.integers(-1, 2, (2000, *one.shape)), 0, 255).astype(np.uint8)
    others = np.stack([thumbnail(photo(number)) for number in range(2, 50)])
    both = np.concatenate([copies, others])
    assert joined(len(both), alike(both).pairs).tolist() == [0] * 2000 + list(range(2000, 2048))
