"""Masks of a source: read, counted once, and told what is wrong with them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from epochal.data.images import IMAGE_SUFFIXES, opened_image
from epochal.data.manifest import Array
from epochal.data.masks.coding import IGNORED, Classes, Coding, Color, given_coding, settled
from epochal.errors import DataError, Problem

_MOST_FAULTS = 3
MASK_SUFFIXES = IMAGE_SUFFIXES | {".npy"}

_COLORS = "say in the source what its colours mean: colors: {road: [128, 64, 128], ...}"
_SAVE = "save masks as PNG of one channel or a palette; JPEG changes values"


@dataclass(frozen=True)
class Masks:
    """The masks of N samples.

    raw: the row number -> the mask's values, int [H, W]. coding: what they mean. places: N texts, where each
    is. counts: int64 [N, K], pixels of each class. sizes: int32 [N, 2], height and width.
    faults: N texts, what is wrong with each; empty where nothing is. orphans: masks without an image.
    """

    raw: Callable[[int], Array]
    coding: Coding
    places: Sequence[str]
    counts: Array
    sizes: Array
    faults: tuple[Problem | None, ...]
    orphans: tuple[str, ...] = ()

    def __call__(self, row: int) -> Array:
        """The class of each pixel, uint8 [H, W], 255 where it is left out. DataError naming the file."""
        fault = self.faults[row]
        if fault is not None:
            raise DataError(fault)
        return self.coding.classes_of(self.raw(row))

    def __getitem__(self, rows: Array) -> Masks:
        """The masks of some samples."""
        raw, chosen = self.raw, rows.tolist()
        return replace(
            self,
            raw=lambda row: raw(chosen[row]),
            places=[self.places[row] for row in chosen],
            counts=self.counts[rows],
            sizes=self.sizes[rows],
            faults=tuple(self.faults[row] for row in chosen),
        )


@dataclass(frozen=True)
class MaskOptions:
    """What a source is told about its masks: see ``given_coding``."""

    classes: Classes | None = None
    colors: Mapping[str, Color] | None = None
    ignored: int | Color | None = None


def mask_files(paths: Sequence[str], options: MaskOptions, orphans: Sequence[str] = ()) -> Masks:
    """The masks in files, one a sample; an empty path is a mask that is missing."""
    coding = given_coding(options.classes, options.colors, options.ignored)
    colored = coding is not None and coding.colored
    return _counted(partial(_read_row, paths, colored), paths, options, coding, tuple(orphans))


def mask_arrays(values: Array, options: MaskOptions, where: str) -> Masks:
    """Masks [N, H, W] of integers; DataError where they are none."""
    if values.ndim != 3 or values.dtype.kind not in "bui":
        what = f"masks are whole numbers [N, H, W], not {values.dtype} {list(values.shape)}"
        raise DataError(Problem(what, where))
    coding = given_coding(options.classes, options.colors, options.ignored)
    places = [f"{where}, row {row}" for row in range(len(values))]
    return _counted(lambda row: values[row].astype(np.int64), places, options, coding, ())


def _read_row(paths: Sequence[str], colored: bool, row: int) -> Array:
    return read_mask(paths[row], colored)


def read_mask(path: str | os.PathLike[str], colored: bool = False) -> Array:
    """The values of one mask file, int64 [H, W]; of a coloured one red·65536 + green·256 + blue.

    A palette's numbers are the values, not its colours, unless ``colored``. Raises DataError naming the file.
    """
    name = os.fspath(path)
    if name.lower().endswith(".npy"):
        return _array(Path(path))
    try:
        return opened_image(path, partial(_values, colored=colored))
    except DataError as error:
        told = (replace(each, where=each.where or name, mend=each.mend or _SAVE) for each in error.problems)
        raise DataError(*told) from error


def _array(path: Path) -> Array:
    try:
        with path.open("rb") as file:
            values: Array = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(Problem(f"the mask can't be read: {error}", str(path))) from error
    if values.ndim == 3 and 1 in (values.shape[0], values.shape[2]):
        values = values[0] if values.shape[0] == 1 else values[:, :, 0]
    if values.ndim != 2 or values.dtype.kind not in "bui":
        what = f"a mask is whole numbers [H, W], not {values.dtype} {list(values.shape)}"
        raise DataError(Problem(what, str(path)))
    return values.astype(np.int64)


def _values(image: Image.Image, colored: bool) -> Array:
    if colored:
        image.info.pop("transparency", None)
        red, green, blue = np.asarray(image.convert("RGB")).astype(np.int64).transpose(2, 0, 1)
        packed: Array = red << 16 | green << 8 | blue
        return packed
    values = np.asarray(image)
    if values.ndim == 3:  # gray, saved as colour, perhaps with transparency
        values = values[:, :, : 1 if image.mode in ("LA", "La") else 3]
        if (values != values[:, :, :1]).any():
            raise DataError(Problem("the mask is coloured", mend=_COLORS))
        values = values[:, :, 0]
    if values.dtype.kind == "f" and (values != np.rint(values)).any():
        raise ValueError("its values are no whole numbers")
    return values.astype(np.int64)


@dataclass(frozen=True)
class _Seen:
    """One mask, read once."""

    values: Array
    pixels: Array
    size: tuple[int, int]
    fault: Problem | None = None


def _counted(
    raw: Callable[[int], Array],
    places: Sequence[str],
    options: MaskOptions,
    coding: Coding | None,
    orphans: tuple[str, ...],
) -> Masks:
    """Every mask read once, by a thread for each core: how many pixels have each value."""

    def look(row: int) -> _Seen:
        nothing = np.zeros(0, np.int64)
        try:
            if not places[row]:
                raise DataError(Problem("the image has no mask", mend="add one, or leave the image out"))
            mask = raw(row)
        except DataError as error:
            return _Seen(nothing, nothing, (0, 0), error.problems[0])
        values, pixels = np.unique(mask, return_counts=True)
        return _Seen(values, pixels, (mask.shape[0], mask.shape[1]))

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        seen = list(pool.map(look, range(len(places))))
    ignored = options.ignored if isinstance(options.ignored, int) else None
    present = np.unique(np.concatenate([each.values for each in seen])).tolist()
    if coding is None and not present:  # no mask says anything of the classes
        raise DataError(*[each.fault for each in seen if each.fault is not None][:_MOST_FAULTS])
    coding = settled(coding, present, ignored)
    counts = np.zeros((len(seen), 256), np.int64)
    faults = [each.fault for each in seen]
    for row, each in enumerate(seen):
        try:
            np.add.at(counts[row], coding.classes_of(each.values), each.pixels)
        except DataError as error:
            faults[row] = replace(error.problems[0], where=places[row])
    counts = counts[:, : len(coding.names)]
    sizes = np.array([each.size for each in seen], np.int32).reshape(-1, 2)
    return Masks(raw, coding, places, counts, sizes, tuple(faults), orphans)


def painted(image: Array, mask: Array, colors: Array, share: float = 0.5) -> Array:
    """An image C×H×W with the classes of a mask [H, W] over it, uint8 3×H×W; the first class is not painted.

    colors: uint8 [256, 3]. share: of the colour in what is painted. Pixels that are left out become white.
    """
    pixels = image[:3] if len(image) >= 3 else image[[0, 0, 0]]
    if pixels.dtype != np.uint8:
        pixels = (np.nan_to_num(pixels).clip(0, 1) * 255).round().astype(np.uint8)
    shown = np.where(mask[None] == IGNORED, 255, colors[mask].transpose(2, 0, 1))
    mixed = (1 - share) * pixels + share * shown
    result: Array = np.where(mask[None] == 0, pixels, mixed).round().astype(np.uint8)
    return result
