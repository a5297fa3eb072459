"""The files of the MNIST family: gzipped or plain IDX arrays of images and labels."""

from __future__ import annotations

import gzip
import re
import zlib
from pathlib import Path

import numpy as np
import polars as pl

from epochal.data.manifest import Array, Manifest, Source, TargetKind, row_names
from epochal.data.problems import missing_path, raise_problems
from epochal.data.sources.digest import digest_arrays
from epochal.data.sources.targets import expect_kind
from epochal.errors import DataError, Problem

_NAME = re.compile(r"(train|t10k)-(images[-.]idx3|labels[-.]idx1)-ubyte(\.gz)?")


def idx(
    root: str | Path,
    *,
    names: list[str] | None = None,
    train_per_class: int | None = None,
    test_per_class: int | None = None,
    target_kind: TargetKind,
) -> Source:
    """``train-images-idx3-ubyte`` and its three companions under ``root``; ``t10k`` files are the test split.

    Images are uint8, 1×H×W. names: of the classes 0, 1, ...; by default their numbers.
    train_per_class, test_per_class: only the first so many images of each class.
    Raises DataError where files are missing, broken or do not fit each other.
    """
    expect_kind("class", target_kind=target_kind, source="idx")
    base = Path(root).expanduser()
    files = {match[1] + match[2][:6]: path for path, match in _candidates(base)}
    parts = ["train", "t10k"] if any(name.startswith("t10k") for name in files) else ["train"]
    raise_problems(
        [
            Problem(f"there is no {part}-{kind}-ubyte or .gz of it", str(base), "copy it there")
            for part in parts
            for kind in ("images-idx3", "labels-idx1")
            if part + kind[:6] not in files
        ]
    )
    images = [_read(files[part + "images"], 3) for part in parts]
    labels = [_read(files[part + "labels"], 1) for part in parts]
    for part, pixels, classes in zip(parts, images, labels, strict=True):
        if len(pixels) != len(classes) or pixels.shape[1:] != images[0].shape[1:]:
            what = f"{len(pixels)} images of {pixels.shape[1:]} with {len(classes)} labels"
            raise DataError(Problem(what, where=str(files[part + "images"]), mend="copy the files again"))
    for position, most in enumerate((train_per_class, test_per_class)[: len(parts)]):
        if most is not None:
            kept = _first_of_each(labels[position], most)
            images[position], labels[position] = images[position][kept], labels[position][kept]
    samples = np.concatenate(images)[:, None]
    targets = np.concatenate(labels).astype(np.int64)
    count = int(targets.max()) + 1
    if names is not None and len(names) < count:
        what = f"{len(names)} names, but labels from 0 to {count - 1}"
        raise DataError(Problem(what, where=str(base), mend="name every class"))
    manifest = Manifest(
        filenames=row_names(len(samples)),
        targets=targets,
        target_kind="class",
        names=tuple(names or (str(number) for number in range(count))),
        splits=pl.Series("SPLIT", ["train"] * len(images[0]) + ["test"] * (len(samples) - len(images[0]))),
    )
    return Source(manifest, "image", samples.__getitem__, digest_arrays(manifest, samples), array=samples)


def _first_of_each(classes: Array, most: int) -> Array:
    """The rows of the first ``most`` samples of each class, ascending."""
    return np.sort(np.concatenate([np.flatnonzero(classes == each)[:most] for each in np.unique(classes)]))


def _candidates(base: Path) -> list[tuple[Path, re.Match[str]]]:
    """The files of the family; a plain one comes after its gzipped twin and so replaces it."""
    if not base.is_dir():
        raise DataError(missing_path(base, "folder"))
    paths = sorted(base.iterdir(), key=lambda path: path.suffix != ".gz")
    return [(path, match) for path in paths if (match := _NAME.fullmatch(path.name))]


def _read(path: Path, dimensions: int) -> Array:
    """A uint8 array: two zero bytes, the type 8, the number of dimensions, their big-endian sizes, values."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(Problem(f"can't be unpacked: {error}", str(path), "copy it again")) from error
    start = 4 + 4 * dimensions
    if data[:4] != bytes([0, 0, 8, dimensions]) or len(data) < start:
        raise DataError(
            Problem(f"is no IDX file of {dimensions} dimensions of bytes", str(path), "copy it again")
        )
    shape = tuple(int(size) for size in np.frombuffer(data, ">u4", dimensions, offset=4))
    values = np.frombuffer(data, np.uint8, offset=start)
    if values.size != np.prod(shape):
        what = f"holds {values.size} values where its header says {shape}"
        raise DataError(Problem(what, str(path), "copy it again"))
    return values.reshape(shape)
