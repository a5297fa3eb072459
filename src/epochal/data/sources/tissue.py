"""Slices of a brain with the tissue of each pixel: the MNI templates in the package nilearn, made harder."""

from __future__ import annotations

import gzip

import numpy as np
import polars as pl

from epochal.data.manifest import Array, Manifest, Source, TargetKind
from epochal.data.masks.read import MaskOptions, mask_arrays
from epochal.data.sources.digest import digest_arrays
from epochal.data.sources.targets import expect_kind
from epochal.optional import data_folder

NAMES = ("background", "fluid", "grey matter", "white matter")

_SHAPE = (197, 233, 189)  # voxels of 1 mm: left to right, back to front, bottom to top
_FIRST, _LAST, _BLOCK = 18, 146, 8  # axial slices with more than a twelfth of brain; slices of a block
_HEADER = 352  # bytes before the voxels of a NIfTI-1 file
_FIELD = 0.25  # largest change of the logarithm of brightness, halved


def tissue(*, noise: float = 0.05, target_kind: TargetKind) -> Source:
    """128 axial slices of the MNI ICBM152 2009a template (T1), uint8 1×104×120, and the tissue of each pixel.

    The template is the mean of 152 heads (Fonov et al., NeuroImage 54, 2011), in which grey levels alone tell
    the tissues apart. Each slice therefore gets a smooth change of brightness and normal noise of standard
    deviation ``noise``, as of a scanner's coil, and half the resolution; both are the same each time. The
    tissue is the likeliest one by the template's own maps of grey and white matter.

    Neighbouring slices are nearly the same, and so are the two halves of this symmetric head: the split is by
    blocks of eight slices, of four blocks two to train, one to validate and one to test, without the slices
    to train that touch the others. It measures other slices of the same mean head, not other heads.
    RequestError where nilearn is not installed.
    """
    expect_kind("mask", target_kind=target_kind, source="tissue")
    t1, grey, white = (_volume(name) for name in ("t1", "gm", "wm"))
    outside, inside = 255.0 * (t1 == 0), 255.0 * (t1 > 0)
    classes = np.stack([outside, (inside - grey - white).clip(min=0), grey, white]).argmax(axis=0)
    rows = [row for row in range(_FIRST, _LAST) if not _touches_another_split(row)]
    images = np.stack([_slice(t1[:, :, row] / 255, row, noise) for row in rows])[:, None]
    masks = np.stack([_half(classes[:, :, row].astype(np.uint8)) for row in rows])
    read = mask_arrays(masks, MaskOptions(NAMES), "tissue")
    manifest = Manifest(
        filenames=pl.Series("FILENAME", [f"slice {row}" for row in rows]),
        targets=read.counts,
        target_kind="mask",
        names=NAMES,
        groups=pl.Series("GROUP", [f"block {(row - _FIRST) // _BLOCK}" for row in rows]),
        splits=pl.Series("SPLIT", [_split(row) for row in rows]),
    )
    digest = digest_arrays(manifest, images, masks)
    return Source(manifest, "image", images.__getitem__, digest, array=images, masks=read)


def _split(row: int) -> str:
    return ("train", "val", "train", "test")[(row - _FIRST) // _BLOCK % 4]


def _touches_another_split(row: int) -> bool:
    """Whether a slice to train lies beside one of validation or test."""
    beside = {_split(each) for each in (row - 1, row + 1) if _FIRST <= each < _LAST}
    return _split(row) == "train" and beside != {"train"}


def _volume(name: str) -> Array:
    """One of the package's NIfTI-1 files, float64 [197, 233, 189]; all are bytes behind the same header."""
    folder = data_folder("nilearn", "the source tissue") / "datasets" / "data"
    path = folder / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz"
    with gzip.open(path) as file:
        voxels = np.frombuffer(file.read(), np.uint8, offset=_HEADER)
    return voxels.reshape(_SHAPE, order="F").astype(np.float64)


def _half(plane: Array) -> Array:
    """Every second pixel of a slice, padded to 104×120."""
    padded: Array = np.pad(plane, ((5, 6), (3, 4)))
    half: Array = padded[::2, ::2]
    return half


def _slice(plane: Array, row: int, noise: float) -> Array:
    """A slice as a scanner might give it, uint8 [104, 120]."""
    generator = np.random.Generator(np.random.Philox(row))
    half = _half(plane)
    field = _smooth(generator.normal(size=(3, 3)), half.shape)
    values = half * np.exp(2 * _FIELD * field / np.abs(field).max())
    values += generator.normal(scale=noise, size=half.shape)
    # 1.6 is the brightest that the field makes of white
    pixels: Array = np.rint(values.clip(0, 1.6) * (255 / 1.6)).astype(np.uint8)
    return pixels


def _smooth(knots: Array, shape: tuple[int, ...]) -> Array:
    """The parabolas through 3×3 knots, over a plane."""
    curves = []
    for count in shape:
        x = np.linspace(-1, 1, count)
        curves.append(np.stack([x * (x - 1) / 2, 1 - x**2, x * (x + 1) / 2], axis=1))
    result: Array = curves[0] @ knots @ curves[1].T
    return result
