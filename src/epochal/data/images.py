"""Image files as arrays: explicit formats, a limit on pixels, and errors that name the file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from epochal.data.jpeg import ORIENTATION, SUFFIXES, Target, decode_jpeg, reduced
from epochal.data.manifest import Array
from epochal.data.members import open_bytes, read_bytes, size_and_time
from epochal.data.problems import raise_problems
from epochal.errors import DataError, Problem

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"})
"""The endings, in lower case, of files that are read as images."""

PIXEL_LIMIT = 89_478_485
"""The most pixels of one image (a quarter of a GiB as RGB): Pillow's own bound for what may be an attack."""

Channels = Literal["auto", 1, 3]
"""What a source makes of its images' channels: ``auto`` is 1 where all are gray, else 3."""

_FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP")
_GRAY_MODES = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"})
_TARGET_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_HEADERS_AT_FIRST, _HEADERS_AT_A_TIME = 32, 1024

Result = TypeVar("Result")


class _OutOfRangeError(ValueError):
    """The values of a deep gray image are outside what its kind holds."""


def read_image(
    path: str | os.PathLike[str], channels: int | None = None, target: Target | None = None
) -> Array:
    """One image file, C×H×W, upright as its EXIF orientation says; the first page of several.

    channels: 1 (gray by the luma of ITU-R BT.601), 3 (RGB; gray is repeated) or 4 (RGBA); None gives 1 for
        gray files and 3 for all others, palettes included. Alpha is dropped unless 4 channels are asked for.
    target: the resize that follows; a JPEG file is then decoded at a half, a quarter or an eighth of its size
        where that is still no smaller than the target.
    The array is writable; in memory, channels may come last. It is uint8, or float32 in [0, 1] for gray
    files of 16 bits (65535 is 1) and of floats. Colour of 16 bits a channel is reduced to 8 by Pillow.
    Raises DataError naming the file where it is missing, empty, broken, too large or out of range.
    """
    if os.fspath(path).lower().endswith(SUFFIXES):
        with suppress(OSError):
            pixels = decode_jpeg(read_bytes(path), channels, target, PIXEL_LIMIT)
            if pixels is not None:
                return pixels
    return opened_image(path, lambda image: to_array(reduced(image, target), channels))


def image_channels(path: str | os.PathLike[str]) -> int:
    """1 for a gray file, 3 for any other, from the header alone; DataError as ``read_image``."""
    return opened_image(path, lambda image: 1 if image.mode in _GRAY_MODES else 3)


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Height and width as ``read_image`` gives them, from the header alone; DataError as it."""

    def size(image: Image.Image) -> tuple[int, int]:
        turned = image.getexif().get(ORIENTATION, 1) > 4
        return (image.width, image.height) if turned else (image.height, image.width)

    return opened_image(path, size)


def to_array(image: Image.Image, channels: int | None = None) -> Array:
    """A PIL image as C×H×W, as ``read_image`` gives it; ValueError where its values are out of range."""
    if image.getexif().get(ORIENTATION, 1) != 1:
        image = ImageOps.exif_transpose(image)
    if channels is None:
        channels = 1 if image.mode in _GRAY_MODES else 3
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _deep_gray(image, channels)
    mode = _TARGET_MODES[channels]
    if image.mode != mode:
        if channels != 4:
            image.info.pop("transparency", None)  # dropped anyway, and converting it warns
        image = image.convert(mode)
    pixels = np.array(image)
    return pixels.transpose(2, 0, 1) if pixels.ndim == 3 else pixels[None]


def _deep_gray(image: Image.Image, channels: int) -> Array:
    """A gray image of more than 8 bits as float32 in [0, 1]."""
    values = np.asarray(image)
    if image.mode == "F":
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise _OutOfRangeError("its float values are not all within [0, 1]")
        unit = values.astype(np.float32)
    else:
        # mode I holds 32 bits, in practice 16-bit values in a wider box
        if values.min() < 0 or values.max() > 65535:
            raise _OutOfRangeError("its integer values are not all within 16 bits")
        unit = values.astype(np.float32) / np.float32(65535)
    gray = unit[None]
    if channels == 4:
        return np.concatenate([gray, gray, gray, np.ones_like(gray)])
    return np.repeat(gray, channels, axis=0)


def opened_image(path: str | os.PathLike[str], use: Callable[[Image.Image], Result]) -> Result:
    """What ``use`` makes of an image file; whatever goes wrong becomes a DataError with the path."""
    try:
        with open_bytes(path) as file, Image.open(file, formats=_FORMATS) as image:
            if image.width * image.height > PIXEL_LIMIT:
                raise Image.DecompressionBombError
            return use(image)
    except DataError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        what = f"the image has more than {PIXEL_LIMIT:,} pixels"
        mend = "cut it into tiles or shrink it"
    except FileNotFoundError:
        what, mend = "there is no such file", "check the path"
    except UnidentifiedImageError:
        if size_and_time(path)[0] == 0:
            what, mend = "the file is empty", "copy it again, or leave it out"
        else:
            what = "this is no image that epochal reads"
            mend = f"convert it to one of {', '.join(_FORMATS)}, copy it again, or leave it out"
    except _OutOfRangeError as error:
        what = str(error)
        mend = "scale them, or give the values as a source of kind arrays"
    except Exception as error:  # Pillow's decoders raise many kinds on broken files
        what = f"the image can't be read: {str(error) or type(error).__name__}"
        mend = "copy or save it again, or leave it out"
    raise DataError(Problem(what, where=os.fspath(path), mend=mend))


def common_channels(paths: Sequence[str | os.PathLike[str]]) -> Literal[1, 3]:
    """1 where every file is gray by its header, else 3; stops soon after the first that is not.

    Raises DataError naming the files whose headers can't be read, as far as they were looked at.
    """

    def look(path: str | os.PathLike[str]) -> tuple[int, tuple[Problem, ...]]:
        try:
            return image_channels(path), ()
        except DataError as error:
            return 1, error.problems

    with ThreadPoolExecutor() as pool:
        start, size = 0, _HEADERS_AT_FIRST
        while start < len(paths):
            found = list(pool.map(look, paths[start : start + size]))
            raise_problems(list(chain.from_iterable(problems for _, problems in found)))
            if any(channels == 3 for channels, _ in found):
                return 3
            start, size = start + size, _HEADERS_AT_A_TIME
    return 1


@dataclass(frozen=True)
class ImageFiles:
    """Reads the image of a row: the files of a source, and the channels they are converted to.

    target: the resize that follows, below whose result no file is decoded.
    """

    paths: Sequence[str]
    channels: int | None
    target: Target | None = None

    def __call__(self, row: int) -> Array:
        """One image, C×H×W."""
        return read_image(self.paths[row], self.channels, self.target)


def fitted(read: Callable[[int], Array], target: Target | None) -> Callable[[int], Array]:
    """The same reader; one of image files decodes them for this resize."""
    return replace(read, target=target) if isinstance(read, ImageFiles) else read


def visible_files(root: Path) -> list[str]:
    """Every file under a folder, as sorted paths relative to it; hidden files and folders are left out.

    Links to folders are followed, except to a folder that holds them.
    """
    found: list[str] = []
    for folder, subfolders, files in os.walk(root, followlinks=True):
        subfolders[:] = [
            name for name in subfolders if not name.startswith(".") and not _is_loop(Path(folder, name))
        ]
        found += [
            Path(folder, name).relative_to(root).as_posix() for name in files if not name.startswith(".")
        ]
    return sorted(found)


def _is_loop(folder: Path) -> bool:
    with suppress(OSError):
        return folder.is_symlink() and folder.parent.resolve().is_relative_to(folder.resolve())
    return False


def is_image(name: str | os.PathLike[str]) -> bool:
    """Whether a file's name ends as an image's does."""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES
