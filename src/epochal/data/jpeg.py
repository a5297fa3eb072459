"""JPEG files, decoded by simplejpeg where it is installed, and no larger than a resize after it needs.

simplejpeg and Pillow both carry libjpeg-turbo and give the same pixels; simplejpeg takes a fifth less time
and lets other threads run. What it does not take (CMYK, images to be turned, broken files) is Pillow's.
"""

from __future__ import annotations

import hashlib
import importlib
import io
from collections.abc import Callable
from functools import cache
from types import ModuleType

import numpy as np
from PIL import Image

from epochal.data.manifest import Array

Target = Callable[[int, int], tuple[int, int]]
"""What a resize makes of an image's height and width."""

SUFFIXES = (".jpg", ".jpeg")
ORIENTATION = 0x0112
"""The EXIF tag."""

_SPACES = {("YCbCr", 3): "RGB", ("YCbCr", None): "RGB", ("Gray", 3): "RGB"} | dict.fromkeys(
    [("Gray", 1), ("Gray", None)], "GRAY"
)  # what is left out, such as the gray of a coloured file, Pillow rounds in another way


def decode_jpeg(data: bytes, channels: int | None, target: Target | None, pixel_limit: int) -> Array | None:
    """The pixels C×H×W, uint8, writable, channels last in memory; None where Pillow has to decide.

    target: the resize that follows; the image is then decoded at the ``reduction`` of its size.
    """
    simplejpeg = _simplejpeg()
    if simplejpeg is None or (_has_metadata(data) and _is_turned(data)):
        return None
    try:
        height, width, space, _ = simplejpeg.decode_jpeg_header(data)
        if (space, channels) not in _SPACES or height * width > pixel_limit:
            return None
        factor = reduction(height, width, target)
        least = (-(-height // factor), -(-width // factor)) if factor > 1 else (0, 0)
        pixels: Array = simplejpeg.decode_jpeg(
            data, _SPACES[space, channels], min_height=least[0], min_width=least[1]
        )
    except ValueError:
        return None
    return pixels.transpose(2, 0, 1)


def reduction(height: int, width: int, target: Target | None) -> int:
    """1, 2, 4 or 8: by how much an image is made smaller while it is decoded.

    No side becomes smaller than what the resize makes of it, nor does the resize come to another size.
    libjpeg-turbo does these by a smaller inverse cosine transform, which averages as it should.
    """
    if target is None:
        return 1
    goal = target(height, width)
    for factor in (8, 4, 2):
        smaller = -(-height // factor), -(-width // factor)
        enough = smaller[0] >= goal[0] and smaller[1] >= goal[1] and min(height, width) >= factor
        if enough and target(*smaller) == goal:
            return factor
    return 1


@cache
def decoder_mark() -> str:
    """Hexadecimal, of what this machine's decoder makes of two small images: equal marks decode equally."""
    digest = hashlib.blake2b(digest_size=8)
    values = np.random.Generator(np.random.Philox(0)).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    for subsampling in (0, 2):
        file = io.BytesIO()
        Image.fromarray(values).save(file, "JPEG", quality=80, subsampling=subsampling)
        for target in (None, _halved):
            pixels = decode_jpeg(file.getvalue(), 3, target, values.size)
            if pixels is None:
                image = Image.open(file, formats=["JPEG"])
                pixels = np.asarray(reduced(image, target)).transpose(2, 0, 1)
            digest.update(pixels.tobytes())
    return digest.hexdigest()


def reduced(image: Image.Image, target: Target | None) -> Image.Image:
    """An image that Pillow has opened but not decoded, set to be decoded as ``decode_jpeg`` does."""
    if target is not None and image.format in ("JPEG", "MPO"):
        turned = image.getexif().get(ORIENTATION, 1) > 4
        height, width = (image.width, image.height) if turned else (image.height, image.width)
        factor = reduction(height, width, target)
        if factor > 1:
            image.draft(None, (image.width // factor, image.height // factor))
    return image


def _halved(height: int, width: int) -> tuple[int, int]:
    return height // 2, width // 2


@cache
def _simplejpeg() -> ModuleType | None:
    try:
        return importlib.import_module("simplejpeg")
    except ImportError:
        return None


def _has_metadata(data: bytes) -> bool:
    """Whether a JPEG file has an APP1 segment, where EXIF and XMP may say that it is to be turned."""
    place = 2
    while data[place : place + 1] == b"\xff":
        marker = data[place : place + 2]
        if marker == b"\xff\xe1":
            return True
        if marker == b"\xff\xda":  # the pixels begin
            return False
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return True  # not as files usually are: Pillow is to look at it


def _is_turned(data: bytes) -> bool:
    try:
        return bool(Image.open(io.BytesIO(data), formats=["JPEG"]).getexif().get(ORIENTATION, 1) != 1)
    except Exception:  # broken, and told as such by the one who decodes it
        return True
