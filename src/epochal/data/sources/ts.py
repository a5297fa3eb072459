"""Series in the .ts files of aeon and sktime, as the UCR and UEA archives are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from epochal.data.manifest import Array, Manifest, Source, TargetKind, row_names
from epochal.data.problems import counted, missing_path, raise_problems
from epochal.data.series import Missing, fill_missing, fitted, made_even
from epochal.data.sources.digest import digest_arrays
from epochal.data.sources.targets import array_targets
from epochal.errors import DataError, Problem


def ts(
    path: str | Path, *, length: int | None = None, missing: Missing = "refuse", target_kind: TargetKind
) -> Source:
    """A .ts file of series [C, T] with a class or a value each, or a folder of ..._TRAIN.ts and ..._TEST.ts.

    The two files of a folder are the data's own split. length, missing: as of ``series``; ``?`` and NaN are
    missing. Raises DataError where a file is missing or broken, or the lengths differ and none is set.
    """
    root = Path(path).expanduser()
    if not root.exists():
        raise DataError(missing_path(root, "file or folder"))
    files = {"": root} if root.is_file() else _of_folder(root)
    read = [(split, *_read(file)) for split, file in files.items()]
    samples = [each for _, found, _ in read for each in found]
    labels = [label for _, _, found in read for label in found]
    lengths = np.array([len(each) for each in samples])
    if length is None and (lengths != lengths[0]).any():
        mend = f"set 'length' of the source, such as {lengths.max()}, to cut and fill up to it"
        raise DataError(Problem(f"series have {lengths.min()} to {lengths.max()} steps", str(root), mend))
    length = length or int(lengths[0])
    gaps = int(sum(np.isnan(each).any(axis=1).sum() for each in samples))
    array = np.stack([fitted(fill_missing(each, missing), length) for each in samples])
    _check_finite(array, root)
    values = np.array(labels) if target_kind == "class" else _numbers(labels, str(root))
    targets, names = array_targets(values, target_kind, "target", str(root))
    splits = None
    if "" not in files:
        splits = pl.Series("SPLIT", [split for split, found, _ in read for _ in found])
    manifest = Manifest(row_names(len(samples)), targets, target_kind, names, splits=splits)
    notes = made_even(lengths, length)
    if gaps:
        notes += [f"{counted(gaps, 'step')} with a missing value, interpolated within their series"]
    digest = digest_arrays(manifest, array)
    return Source(manifest, "series", array.__getitem__, digest, array=array, notes=tuple(notes))


def read_ts(path: Path, *, length: int, missing: Missing) -> tuple[list[str], Array]:
    """The series of a .ts file, whatever their targets, float32 [N, C, length], and their numbers as text."""
    samples, _ = _read(path)
    array = np.stack([fitted(fill_missing(each, missing), length) for each in samples])
    _check_finite(array, path)
    return [str(row) for row in range(len(array))], array


def _check_finite(array: Array, path: Path) -> None:
    bad = np.flatnonzero(~np.isfinite(array).all(axis=(1, 2)))
    mend = "set missing: interpolate, or leave it out"
    raise_problems([Problem("has a missing value", f"{path}, series {row}", mend) for row in bad.tolist()])


def _of_folder(root: Path) -> dict[str, Path]:
    found = {}
    for split in ("train", "test"):
        named = root / f"{root.name}_{split.upper()}.ts"  # others may lie beside it, made from it
        files = [named] if named.is_file() else sorted(root.glob(f"*_{split.upper()}.ts"))
        if len(files) != 1:
            what = f"{counted(len(files), 'file')} called ..._{split.upper()}.ts"
            raise DataError(Problem(what, str(root), "name one .ts file, or a folder with one of each split"))
        found[split] = files[0]
    return found


def _read(path: Path) -> tuple[list[Array], list[str]]:
    """The series [T, C] of a file, NaN where a value is missing, and their labels."""
    lines = path.read_text(encoding="utf-8").splitlines()
    begin = next((number for number, line in enumerate(lines) if line.strip().lower() == "@data"), None)
    if begin is None:
        raise DataError(Problem("has no line @data", str(path), "it is no .ts file of series"))
    samples, labels, problems = [], [], []
    for number, line in enumerate(lines[begin + 1 :], begin + 2):
        if not line.strip() or line.startswith("#"):
            continue
        *channels, label = line.strip().split(":")
        try:
            steps = [[_number(text) for text in channel.split(",")] for channel in channels]
            samples.append(np.array(steps, np.float64).T)
            labels.append(label.strip())
        except ValueError as error:  # a word, or channels of different lengths
            problems.append(
                Problem(f"can't be read: {error}", f"{path}:{number}", "channels of numbers, then a label")
            )
            continue
        if samples[-1].ndim != 2 or samples[-1].shape[1] != samples[0].shape[1]:
            what = f"has {len(channels)} channels, the first series {samples[0].shape[-1]}"
            problems.append(Problem(what, f"{path}:{number}", "end each line with ':' and its label"))
    raise_problems(problems)
    if not samples:
        raise DataError(Problem("has no series", str(path)))
    return samples, labels


def _number(text: str) -> float:
    return float("nan") if text.strip() == "?" else float(text)


def _numbers(labels: list[str], where: str) -> Array:
    try:
        return np.array([float(label) for label in labels])
    except ValueError as error:
        raise DataError(
            Problem(f"a target is no number: {error}", where, "use task: classification")
        ) from None
