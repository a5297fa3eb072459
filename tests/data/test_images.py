from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from epochal.data.images import common_channels, image_channels, read_image, visible_files
from epochal.errors import DataError

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif", "webp"])
def test_colour_files_are_read_exactly_and_channels_come_first(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(RGB).save(tmp_path / f"a.{suffix}", lossless=True)
    image = read_image(tmp_path / f"a.{suffix}")
    assert image.dtype == np.uint8
    assert image.flags.writeable
    np.testing.assert_array_equal(image, RGB.transpose(2, 0, 1))
    assert image_channels(tmp_path / f"a.{suffix}") == 3


def test_jpeg_is_close(tmp_path: Path) -> None:
    smooth = np.linspace(0, 255, 16 * 16 * 3).reshape(16, 16, 3).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "a.JPG", quality=100)
    difference = read_image(tmp_path / "a.JPG").astype(int) - smooth.transpose(2, 0, 1)
    assert np.abs(difference).max() < 30


@pytest.mark.parametrize(
    ("mode", "native"), [("1", 1), ("L", 1), ("LA", 1), ("P", 3), ("RGBA", 3), ("CMYK", 3)]
)
def test_modes(tmp_path: Path, mode: str, native: int) -> None:
    image = Image.fromarray(RGB).convert(mode)
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    image.save(path)
    assert image_channels(path) == native
    assert read_image(path).shape == (native, 5, 7)
    without_alpha = image.convert("L" if mode in ("1", "L", "LA") else "RGB")
    expected = np.asarray(without_alpha).reshape(5, 7, native).transpose(2, 0, 1)
    np.testing.assert_array_equal(read_image(path), expected)
    for channels in (1, 3, 4):
        converted = read_image(path, channels)
        assert converted.shape == (channels, 5, 7)
        assert converted.dtype == np.uint8


def test_gray_follows_bt601_and_is_repeated_for_colour(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "rgb.png")
    luma = RGB @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(read_image(tmp_path / "rgb.png", 1)[0], luma, atol=1)
    Image.fromarray(RGB[:, :, 0]).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(read_image(tmp_path / "gray.png", 3), np.stack([RGB[:, :, 0]] * 3))


def test_alpha_is_kept_only_where_four_channels_are_asked_for(tmp_path: Path) -> None:
    rgba = np.dstack([RGB, np.arange(35, dtype=np.uint8).reshape(5, 7)])
    Image.fromarray(rgba).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), RGB.transpose(2, 0, 1))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", 4), rgba.transpose(2, 0, 1))


def test_transparent_palette_reads_without_a_warning(tmp_path: Path) -> None:
    palette = Image.fromarray(RGB).convert("P")
    palette.save(tmp_path / "a.png", transparency=bytes(range(200)))
    np.testing.assert_array_equal(
        read_image(tmp_path / "a.png"), np.asarray(palette.convert("RGB")).transpose(2, 0, 1)
    )


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_become_floats_of_the_unit(tmp_path: Path, suffix: str) -> None:
    values = np.array([[0, 1, 32768], [65535, 100, 255]], np.uint16)
    Image.fromarray(values).save(tmp_path / f"a.{suffix}")
    image = read_image(tmp_path / f"a.{suffix}")
    assert image.dtype == np.float32
    np.testing.assert_allclose(image[0], values / 65535, rtol=1e-6)
    assert read_image(tmp_path / f"a.{suffix}", 3).shape == (3, 2, 3)
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{suffix}", 4)[3], np.ones((2, 3)))


def test_float_and_wide_integer_tiffs(tmp_path: Path) -> None:
    unit = np.array([[0.0, 0.25], [0.5, 1.0]], np.float32)
    Image.fromarray(unit).save(tmp_path / "f.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "f.tif")[0], unit)
    Image.fromarray(np.array([[0, 65535]], np.int32)).save(tmp_path / "i.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "i.tif")[0], [[0, 1]])
    Image.fromarray(unit * 300).save(tmp_path / "out.tif")
    with pytest.raises(DataError, match=r"out\.tif: its float values are not all within \[0, 1\]; scale"):
        read_image(tmp_path / "out.tif")


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    Image.fromarray(RGB).save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.rot90(RGB, -1).transpose(2, 0, 1))


def _png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    return start + struct.pack(">I", 100) + b"IDAT"


def test_each_broken_file_names_itself_and_the_mend(tmp_path: Path) -> None:
    Image.fromarray(np.tile(RGB, (20, 20, 1))).save(tmp_path / "whole.png")
    whole = (tmp_path / "whole.png").read_bytes()
    contents = {
        "empty.png": (b"", "the file is empty; copy it again"),
        "text.png": (b"this is text", "no image that epochal reads; convert it to one of PNG, JPEG"),
        "short.png": (whole[: len(whole) // 2], "can't be read: .*; copy or save it again"),
        "vast.png": (_png_header(50_000, 50_000), "more than 89,478,485 pixels; cut it into tiles"),
        "large.png": (_png_header(10_000, 10_000), "more than 89,478,485 pixels"),
    }
    for name, (content, message) in contents.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"{name}: .*{message}") as caught:
            read_image(tmp_path / name)
        assert caught.value.exit_code == 2
    with pytest.raises(DataError, match=r"gone\.png: there is no such file"):
        read_image(tmp_path / "gone.png")


def test_other_formats_are_not_decoded_whatever_their_ending(tmp_path: Path) -> None:
    Image.fromarray(RGB).convert("P").save(tmp_path / "a.gif")
    (tmp_path / "a.gif").rename(tmp_path / "a.png")
    with pytest.raises(DataError, match="no image that epochal reads"):
        read_image(tmp_path / "a.png")


def test_common_channels_is_one_only_where_all_are_gray(tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(4)]
    for path in paths:
        Image.fromarray(RGB[:, :, 0]).save(path)
    assert common_channels(paths) == 1
    Image.fromarray(RGB).save(paths[2])
    assert common_channels(paths) == 3
    for path in paths[:2]:
        path.write_bytes(b"broken")
    with pytest.raises(DataError) as caught:
        common_channels(paths)
    assert [problem.where for problem in caught.value.problems] == [str(path) for path in paths[:2]]


def test_visible_files_are_sorted_without_hidden_ones_and_without_loops(tmp_path: Path) -> None:
    for name in ("b/2.png", "b/deep/1.png", "a.png", ".hidden/3.png", "b/.4.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b" / "loop").symlink_to(tmp_path)
    elsewhere = tmp_path.parent / f"{tmp_path.name}_linked"
    elsewhere.mkdir()
    (elsewhere / "5.png").touch()
    os.symlink(elsewhere, tmp_path / "link")
    assert visible_files(tmp_path) == ["a.png", "b/2.png", "b/deep/1.png", "link/5.png"]
