"""Masks prepared as their images are, and kept as they are."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from epochal.console import Console
from epochal.data.cache import CacheMode, Samples, prepare_samples
from epochal.data.images import ImageFiles, image_size
from epochal.data.manifest import Array, Source
from epochal.data.masks.read import Masks
from epochal.data.prepare import Prepare
from epochal.errors import ConfigError, DataError, Problem

_SHARED = "name resize, center_crop or pad, which move masks too"


def prepare_masks(
    source: Source, samples: Samples, prepare: Prepare, mode: CacheMode, folder: Path, console: Console
) -> Array:
    """The masks of all samples, uint8 [N, H, W]: in memory, or memory-mapped where images are files.

    They are always prepared once, whatever ``mode`` says of images. samples: the prepared images.
    Raises DataError naming the samples whose masks can't be read or are of another size than the image, and
    ConfigError where a step has moved the images alone.
    """
    masks = source.masks
    assert masks is not None

    def read(row: int) -> Array:
        mask, size = masks(row), _size(source, row)
        if mask.shape != size:
            raise DataError(other_size(masks, row, size))
        return mask

    digest = hashlib.blake2b(f"{source.digest}{masks.coding}".encode(), digest_size=16).hexdigest()
    held = replace(source, read=read, array=None, digest=digest)
    found = prepare_samples(held, prepare.of_masks, "memory" if mode == "none" else mode, folder, console)
    if found.array is None:
        raise DataError(
            Problem("the masks fit neither in memory nor on the disk", "data", "name another paths.cache")
        )
    if found.shape != samples.shape[1:]:
        sizes = " and ".join("×".join(map(str, size)) for size in (samples.shape[1:], found.shape))
        what = f"prepared images and masks have different sizes: {sizes}"
        raise ConfigError(Problem(what, "data.prepare", _SHARED))
    return found.array


def _size(source: Source, row: int) -> tuple[int, int]:
    """Height and width of an image before it is prepared."""
    if isinstance(source.read, ImageFiles):
        return image_size(source.read.paths[row])
    image = source.read(row) if source.array is None else source.array[row]
    return image.shape[1], image.shape[2]


def other_size(masks: Masks, row: int, size: tuple[int, int]) -> Problem:
    """That a mask has another size than its image."""
    mask, image = ("×".join(map(str, each)) for each in (masks.sizes[row].tolist(), size))
    return Problem(
        f"the mask is {mask}, its image {image}", masks.places[row], "make them equal, or leave it out"
    )
