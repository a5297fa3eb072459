"""JPEG files: both decoders give the same pixels, and none decodes more than a resize needs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from epochal.data import jpeg
from epochal.data.images import ImageFiles, fitted, read_image
from epochal.data.jpeg import Target, decode_jpeg, decoder_mark, reduction
from epochal.data.manifest import Array
from epochal.data.prepare_steps import Resize
from epochal.errors import DataError

LIMIT = 10**6


def photo(height: int = 101, width: int = 78, seed: int = 0) -> Image.Image:
    """Coarse noise, blown up smoothly, with a little fine noise."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    return Image.fromarray((smooth + random.integers(-9, 10, smooth.shape)).clip(0, 255).astype(np.uint8))


def encoded(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", **({"quality": 85} | options))
    return file.getvalue()


def by_pillow(
    monkeypatch: pytest.MonkeyPatch, path: Path, channels: int | None, target: Target | None
) -> Array:
    with monkeypatch.context() as patch:
        patch.setattr(jpeg, "_simplejpeg", lambda: None)
        return read_image(path, channels, target)


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_simplejpeg_and_pillow_agree_bit_for_bit(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
    subsampling: int,
    progressive: bool,
    factor: int,
) -> None:
    pytest.importorskip("simplejpeg")
    data = encoded(photo().convert(mode), subsampling=subsampling, progressive=progressive)
    path = tmp_path / "a.jpg"
    path.write_bytes(data)
    target = Resize((101 // factor, 78 // factor)).target
    for channels in (None, 3) if mode == "RGB" else (None, 1, 3):
        fast = decode_jpeg(data, channels, target, LIMIT)
        assert fast is not None
        assert fast.shape[1:] == (-(-101 // factor), -(-78 // factor))
        assert fast.dtype == np.uint8
        assert fast.flags.writeable
        np.testing.assert_array_equal(fast, by_pillow(monkeypatch, path, channels, target))
        np.testing.assert_array_equal(fast, read_image(path, channels, target))


def test_where_the_decoders_differ_pillow_decides(tmp_path: Path) -> None:
    """CMYK, and the gray of a coloured file."""
    cmyk, colour = encoded(photo().convert("CMYK")), encoded(photo())
    assert decode_jpeg(cmyk, 3, None, LIMIT) is None
    assert decode_jpeg(colour, 1, None, LIMIT) is None
    assert decode_jpeg(colour, 4, None, LIMIT) is None
    (tmp_path / "a.jpg").write_bytes(colour)
    expected = np.asarray(Image.open(io.BytesIO(colour)).convert("L"))
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg", 1)[0], expected)
    (tmp_path / "b.jpg").write_bytes(cmyk)
    assert read_image(tmp_path / "b.jpg").shape == (3, 101, 78)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_images_are_upright_and_fit_the_target_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = photo(96, 64)
    image.save(tmp_path / "a.jpg", exif=exif, quality=95)
    turned = {1: image, 3: image.rotate(180), 6: image.rotate(-90, expand=True)}[orientation]
    expected = np.asarray(turned, np.int16).transpose(2, 0, 1)
    assert np.abs(read_image(tmp_path / "a.jpg") - expected).mean() < 6
    target = Resize((expected.shape[1] // 2, 20)).target
    assert read_image(tmp_path / "a.jpg", 3, target).shape == tuple(np.array(expected.shape) // [1, 2, 2])


@pytest.mark.parametrize(
    ("size", "resize", "factor"),
    [
        ((3000, 4000), Resize(224), 8),
        ((3000, 4000), Resize(256, keep_aspect=True), 8),
        ((3000, 4000), Resize(376), 4),
        ((375, 500), Resize(256, keep_aspect=True), 1),
        ((375, 500), Resize(188), 2),
        ((375, 500), Resize(189), 1),
        # a half is 188×250, whose shorter side of 100 makes the other 132 and not 133 as 375×500 does
        ((375, 500), Resize(100, keep_aspect=True), 1),
        ((376, 500), Resize(94, keep_aspect=True), 4),
        ((5, 5), Resize(1), 4),
        ((100, 100), Resize(300), 1),
    ],
)
def test_the_reduction_leaves_at_least_what_the_resize_needs(
    size: tuple[int, int], resize: Resize, factor: int
) -> None:
    assert reduction(*size, resize.target) == factor


def test_no_target_no_reduction() -> None:
    assert reduction(4000, 4000, None) == 1


def test_a_reduced_image_resizes_to_nearly_the_same(tmp_path: Path) -> None:
    """Against the resize of the whole image, with the shape that a PNG of it would get."""
    path = tmp_path / "a.jpg"
    path.write_bytes(encoded(photo(400, 560)))
    for resize in (Resize(100), Resize((90, 120)), Resize(64, keep_aspect=True)):
        whole, part = read_image(path), read_image(path, None, resize.target)
        assert part.shape[1] < whole.shape[1]
        expected, found = resize(whole), resize(part)
        assert found.shape == expected.shape
        assert np.abs(found.astype(int) - expected).mean() < 4


def test_image_files_are_fitted_to_a_target(tmp_path: Path) -> None:
    (tmp_path / "a.JPEG").write_bytes(encoded(photo(64, 64)))
    files = ImageFiles([str(tmp_path / "a.JPEG")], 3)
    assert files(0).shape == (3, 64, 64)
    assert fitted(files, Resize(30).target)(0).shape == (3, 32, 32)


@pytest.mark.parametrize("kept", [0, 2, 3, 25, 300, 0.9])
def test_a_file_cut_short_is_told_by_its_name(tmp_path: Path, kept: float) -> None:
    data = encoded(photo())
    assert len(data) > 1000
    (tmp_path / "cut.jpg").write_bytes(data[: int(kept if kept != 0.9 else 0.9 * len(data))])
    with pytest.raises(DataError, match=r"cut\.jpg: "):
        read_image(tmp_path / "cut.jpg")


def test_an_image_of_too_many_pixels_is_refused_unread(tmp_path: Path) -> None:
    data = bytearray(encoded(photo()))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = (20_000).to_bytes(2, "big") * 2
    (tmp_path / "vast.jpg").write_bytes(data)
    with pytest.raises(DataError, match=r"vast\.jpg: the image has more than 89,478,485 pixels"):
        read_image(tmp_path / "vast.jpg", 3, Resize(8).target)


def test_other_content_behind_a_jpegs_ending(tmp_path: Path) -> None:
    photo().save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    np.testing.assert_array_equal(read_image(tmp_path / "a.jpg"), np.asarray(photo()).transpose(2, 0, 1))


def test_the_mark_follows_the_decoder_and_not_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    mark = decoder_mark.__wrapped__()
    assert mark == decoder_mark.__wrapped__()
    with monkeypatch.context() as patch:
        patch.setattr(jpeg, "_simplejpeg", lambda: None)
        assert decoder_mark.__wrapped__() == mark
    decode = jpeg.decode_jpeg

    def other(*arguments: object) -> Array | None:
        pixels = decode(*arguments)  # type: ignore[arg-type]
        return np.zeros((3, 4, 4), np.uint8) if pixels is None else pixels // 2

    monkeypatch.setattr(jpeg, "decode_jpeg", other)
    assert decoder_mark.__wrapped__() != mark
