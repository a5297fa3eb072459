from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
import torch
from PIL import Image

from epochal.data.foreign import import_torchvision
from epochal.data.manifest import Array
from epochal.data.prepare_steps import CenterCrop, Channels, Clip, Grayscale, Pad, Rescale, Resize
from epochal.errors import ConfigError, DataError

Kind = Literal["uint8", "float32"]


def image(channels: int = 3, height: int = 37, width: int = 50, kind: Kind = "uint8") -> Array:
    levels = np.random.default_rng(0).integers(0, 256, (channels, height, width), dtype=np.uint8)
    return levels if kind == "uint8" else (levels / np.float32(255)).astype(np.float32)


def functional() -> Any:
    import_torchvision()
    from torchvision.transforms.v2 import functional as found

    return found


@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(20, 31), (64, 80), (5, 5)])
def test_resize_is_torchvisions(kind: Kind, channels: int, size: tuple[int, int]) -> None:
    sample = image(channels, kind=kind)
    expected = functional().resize(torch.from_numpy(sample), list(size), antialias=True).numpy()
    resized = Resize(size)(sample)
    assert resized.dtype == sample.dtype
    tolerance = 1 if kind == "uint8" else 1e-5
    np.testing.assert_allclose(resized.astype(float), expected.astype(float), atol=tolerance)


def test_one_number_is_a_square_and_with_keep_aspect_the_shorter_side() -> None:
    assert Resize(24)(image()).shape == (3, 24, 24)
    for height, width in ((37, 50), (50, 37), (40, 40)):
        sample = image(3, height, width)
        expected = functional().resize(torch.from_numpy(sample), [24], antialias=True).shape
        assert Resize(24, keep_aspect=True)(sample).shape == tuple(expected)


def test_resize_of_an_image_that_has_the_size_is_the_image() -> None:
    sample = image(3, 24, 24)
    assert Resize(24)(sample) is sample


def test_bicubic_stays_within_the_samples_values() -> None:
    edges = np.kron(np.eye(8, dtype=np.float32), np.ones((4, 4), dtype=np.float32))[None]
    resized = Resize(45, interpolation="bicubic")(edges)
    assert resized.min() >= 0
    assert resized.max() <= 1
    assert len(np.unique(resized)) > 10


def test_nearest_invents_no_values() -> None:
    sample = image(1, 10, 10)
    assert set(np.unique(Resize(23, interpolation="nearest")(sample))) <= set(np.unique(sample))
    assert np.array_equal(Resize(20, interpolation="nearest")(sample), sample.repeat(2, 1).repeat(2, 2))


def test_resize_takes_what_pillow_gives() -> None:
    """An array over Pillow's memory is read-only, and channels come last in it."""
    pixels = np.asarray(Image.fromarray(image().transpose(1, 2, 0))).transpose(2, 0, 1)
    assert not pixels.flags.writeable
    assert np.array_equal(Resize(16)(pixels), Resize(16)(image()))


@pytest.mark.parametrize(("height", "width"), [(37, 50), (36, 51)])
@pytest.mark.parametrize("size", [(20, 31), 24])
def test_center_crop_is_torchvisions(height: int, width: int, size: int | tuple[int, int]) -> None:
    sample = image(3, height, width)
    sides = [size, size] if isinstance(size, int) else list(size)
    expected = functional().center_crop(torch.from_numpy(sample), sides).numpy()
    assert np.array_equal(CenterCrop(size)(sample), expected)


def test_center_crop_of_a_smaller_image_says_what_to_do() -> None:
    with pytest.raises(DataError, match="60×60 out of an image of 37×50; resize or pad before it"):
        CenterCrop(60)(image())


def test_pad_centres_and_keeps_what_is_large_enough() -> None:
    sample = image(1, 3, 10)
    padded = Pad(6, value=1.0)(sample)
    assert padded.shape == (1, 6, 10)
    assert np.array_equal(padded[:, 1:4], sample)
    assert (padded[:, [0, 4, 5]] == 255).all()
    assert Pad((5, 12), value=0.5)(sample.astype(np.float32) / 255)[0, 0, 0] == 0.5


def test_channels_and_grayscale() -> None:
    gray, colour = image(1), image(3)
    assert np.array_equal(Channels(3)(gray), np.concatenate([gray, gray, gray]))
    assert Channels(3)(colour) is colour
    assert Channels(1)(gray) is gray
    assert np.array_equal(Channels(1)(colour), Grayscale()(colour))
    assert Grayscale()(gray) is gray


@pytest.mark.parametrize("kind", ["uint8", "float32"])
def test_gray_is_torchvisions(kind: Kind) -> None:
    sample = image(3, kind=kind)
    expected = functional().rgb_to_grayscale(torch.from_numpy(sample)).numpy()
    gray = Grayscale()(sample)
    assert gray.dtype == sample.dtype
    np.testing.assert_allclose(
        gray.astype(float), expected.astype(float), atol=1 if kind == "uint8" else 1e-3
    )


def test_white_stays_white_in_gray() -> None:
    assert (Grayscale()(np.full((3, 4, 4), 255, dtype=np.uint8)) == 255).all()
    np.testing.assert_allclose(Grayscale()(np.ones((3, 4, 4), dtype=np.float32)), 1, atol=1e-6)


def test_gray_of_four_channels_is_refused() -> None:
    with pytest.raises(DataError, match="channels makes gray of 3 channels; the image has 4"):
        Channels(1)(image(4))


@pytest.mark.parametrize("sample", [image(1), np.array([3.0, -1.0, 7.0], dtype=np.float32)])
def test_rescale_reaches_both_ends(sample: Array) -> None:
    scaled = Rescale(low=-1, high=2)(sample)
    assert scaled.dtype == np.float32
    assert scaled.min() == -1
    assert scaled.max() == pytest.approx(2)
    assert scaled.flat[sample.argmax()] == scaled.max()
    order = np.argsort(sample, axis=None, kind="stable")
    assert (np.diff(scaled.flatten()[order]) >= 0).all()


def test_rescale_of_a_constant_is_low() -> None:
    assert (Rescale(low=0.5)(np.full((1, 2, 2), 9, dtype=np.uint8)) == 0.5).all()


def test_clip() -> None:
    vector = np.array([-5, 0.5, 9], dtype=np.float32)
    assert Clip(0, 1)(vector).tolist() == [0, 0.5, 1]
    assert Clip(0, 1)(vector).dtype == np.float32
    levels = np.array([[[0, 100, 255]]], dtype=np.uint8)
    assert Clip(0.2, 0.8)(levels).tolist() == [[[51, 100, 204]]]


def test_clip_with_levels_on_uint8_is_refused() -> None:
    """On the scale of 0 to 1 they would turn every image white without a word."""
    with pytest.raises(DataError, match="divide levels of 0 to 255 by 255"):
        Clip(10, 200)(image())


@pytest.mark.parametrize("step", [Resize(4), CenterCrop(4), Pad(4), Channels(3), Grayscale()])
def test_an_image_step_on_a_vector_is_a_data_error(step: Any) -> None:
    with pytest.raises(DataError, match=r"is for images .* the sample is float32 of shape 30; leave"):
        step(np.zeros(30, dtype=np.float32))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Resize(0), "size of resize can't be 0"),
        (lambda: Resize((5, 5), keep_aspect=True), "the shorter side"),
        (lambda: Pad(5, value=255), "1 is white"),
        (lambda: Rescale(1, 0), "low < high"),
        (lambda: Clip(1, 1), "low < high"),
    ],
)
def test_values_that_mean_nothing_are_mistakes_of_the_config(make: Any, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        make()
