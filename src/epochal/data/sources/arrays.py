"""Samples and targets in NumPy's own files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
import polars as pl

from epochal.data.manifest import Array, Kind, Manifest, Source, TargetKind, row_names
from epochal.data.masks.read import MaskOptions, mask_arrays
from epochal.data.problems import missing_path, raise_problems
from epochal.data.sources.digest import digest_arrays
from epochal.data.sources.draft import Draft, RowProblems
from epochal.data.sources.targets import array_targets, no_targets, wrong_targets
from epochal.data.tables import SPLIT_WORDS
from epochal.errors import ConfigError, DataError, Problem, did_you_mean

_CHANNEL_COUNTS = (1, 3, 4)


def arrays(
    path: str | Path,
    *,
    input: str = "x",  # noqa: A002 - the config's word
    target: str = "y",
    split: str | None = None,
    group: str | None = None,
    classes: list[str] | dict[str, int] | None = None,
    ignore_index: int | None = None,
    kind: Literal["series"] | None = None,
    target_kind: TargetKind,
) -> Draft:
    """The arrays of an .npz file by their keys, or an .npy file whose ``target`` is the path of another.

    path: of the file.
    input: [N, F] vectors; [N, H, W], [N, C, H, W] or [N, H, W, C] images of uint8, uint16 or floats, where
        C is 1, 3 or 4; anything else stays a tensor.
    kind: ``series`` where they are [N, T] or [N, C, T], signals of C channels over T steps.
    target: classes [N], labels of 0 and 1 [N, L], values [N] or [N, T], or masks of integers [N, H, W].
        A task without targets reads none.
    classes, ignore_index: of masks, as of the source ``folder``.
    split, group: keys of arrays [N], of train, val or test, and of what must not straddle splits.
    Raises DataError where keys or shapes are wrong; what is wrong with rows is told by the draft.
    """
    location = Path(path).expanduser()
    keys = [input] if target_kind == "none" else [input, target]
    found = _load(location, [*keys, *(key for key in (split, group) if key)], target, len(keys))
    where = str(location)
    count = len(found[input]) if found[input].ndim else 0
    if count == 0:
        raise DataError(Problem("there is no sample", where=where))
    raise_problems(
        [
            Problem(f"'{key}' has {array.shape[0] if array.ndim else 0} rows, '{input}' {count}", where=where)
            for key, array in found.items()
            if array.ndim == 0 or len(array) != count
        ]
    )
    parts = _Parts(
        where=where,
        inputs=found[input],
        targets=found[target] if target_kind != "none" else no_targets(count),
        name=Path(target).stem,
        splits=found[split] if split else None,
        groups=found[group] if group else None,
        options=MaskOptions(classes, None, ignore_index),
        kind=kind,
    )
    return Draft(
        filenames=row_names(count),
        place=lambda row: f"{where}, row {row}",
        build=lambda rows: parts.some(rows).source(rows, target_kind),
        problems=lambda rows: parts.some(rows).problems(rows, target_kind),
    )


@dataclass(frozen=True)
class _Parts:
    """Arrays [N, ...] of a file. name: of the targets. options: of targets that are masks."""

    where: str
    inputs: Array
    targets: Array
    name: str
    splits: Array | None
    groups: Array | None
    options: MaskOptions
    kind: Literal["series"] | None

    def some(self, rows: Array) -> _Parts:
        if len(rows) == len(self.inputs):
            return self
        return replace(
            self,
            inputs=self.inputs[rows],
            targets=self.targets[rows],
            splits=None if self.splits is None else self.splits[rows],
            groups=None if self.groups is None else self.groups[rows],
        )

    def source(self, rows: Array, target_kind: TargetKind) -> Source:
        """rows: the number of each in the file, which is its FILENAME."""
        found = self.problems(rows, target_kind)
        raise_problems([problem for problems in found.values() for _, problem in problems])
        kind: Kind
        if self.kind == "series":
            kind, samples = "series", as_series(self.inputs, self.where)
        else:
            kind, samples = as_samples(self.inputs, self.where)
        masks = None
        if target_kind == "mask":
            if kind != "image":
                raise DataError(Problem(f"samples of kind {kind} have no masks", self.where))
            masks = mask_arrays(self.targets, self.options, self.where)
            targets, names = masks.counts, masks.coding.names
        else:
            targets, names = array_targets(self.targets, target_kind, self.name, self.where)
        manifest = Manifest(
            row_names(rows),
            targets,
            target_kind,
            names,
            None if self.groups is None else pl.Series("GROUP", _words(self.groups)),
            None if self.splits is None else _splits(_words(self.splits)),
        )
        digest = digest_arrays(manifest, samples, *([self.targets] if masks is not None else []))
        return Source(manifest, kind, samples.__getitem__, digest, array=samples, masks=masks)

    def problems(self, rows: Array, target_kind: TargetKind) -> RowProblems:
        """What is wrong with single rows; rows: the number of each in the file."""
        found: dict[str, list[tuple[int, Problem]]] = {"bad_input": [], "bad_target": [], "bad_split": []}
        for row in np.flatnonzero(~finite_rows(self.inputs)).tolist():
            found["bad_input"].append((row, not_finite("")))
        for row, problem in wrong_targets(self.targets, target_kind, self.name):
            found["bad_target"].append((row, problem))
        for row, word in enumerate(_words(self.splits) if self.splits is not None else ()):
            if word.lower() not in SPLIT_WORDS:
                found["bad_split"].append(
                    (row, Problem(f"'{word}' is no split", mend="write train, val or test"))
                )
        return {
            kind: [
                (int(rows[row]), replace(problem, where=f"{self.where}, row {rows[row]}"))
                for row, problem in problems
            ]
            for kind, problems in found.items()
        }


def load_array(path: Path, key: str | None = None) -> Array:
    """One array of a file; of an .npz its ``key``, or the only one where that is None.

    Nothing in it is executed: arrays of Python objects are refused. Raises DataError.
    """
    try:
        with path.open("rb") as file:
            loaded = np.load(file, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            if key is None:
                key = loaded.files[0] if len(loaded.files) == 1 else "x"
            if key not in loaded.files:
                mend = did_you_mean(key, loaded.files)
                raise DataError(Problem(f"no array is called '{key}'", where=str(path), mend=mend))
            return np.asarray(loaded[key])
    except FileNotFoundError:
        raise DataError(missing_path(path, "file")) from None
    except (ValueError, OSError, EOFError, BadZipFile) as error:
        mend = "save plain arrays with numpy.save or numpy.savez; arrays of objects are not read"
        raise DataError(Problem(f"can't be read: {error}", where=str(path), mend=mend)) from error


def _load(path: Path, keys: list[str], target: str, main: int) -> dict[str, Array]:
    """The arrays by key; of an .npy file, the file itself and the file named as the target.

    main: of the keys, those of inputs and targets.
    """
    if path.suffix.lower() == ".npz":
        problems: list[Problem] = []
        found = {}
        for key in keys:
            try:
                found[key] = load_array(path, key)
            except DataError as error:
                problems += error.problems
                if not path.is_file():
                    break
        raise_problems(problems)
        return found
    if path.suffix.lower() != ".npy":
        raise DataError(
            Problem(f"arrays are not read from '{path.suffix}' files", str(path), "use .npz or .npy")
        )
    if len(keys) > main:
        mend = "put all arrays into one .npz file"
        raise ConfigError(
            Problem("'split' and 'group' are keys of an .npz file", where="data.source", mend=mend)
        )
    if main == 1:
        return {keys[0]: load_array(path)}
    if Path(target).suffix.lower() != ".npy":
        mend = "give the path of the .npy file of targets as 'target'"
        raise ConfigError(Problem(f"'{target}' is no .npy file", where="data.source.target", mend=mend))
    return {keys[0]: load_array(path), target: load_array(Path(target).expanduser())}


def as_samples(values: Array, where: str) -> tuple[Literal["image", "vector", "tensor"], Array]:
    """N samples as a source gives them: their kind, and the array [N, ...] in that kind's layout and dtype.

    Images become N×C×H×W; where both layouts fit, channels come first. uint16 becomes float32 in [0, 1],
    other floats float32 as they are. Raises DataError naming the rows that are not finite.
    """
    if values.dtype.kind not in "buif":
        what = f"samples are {values.dtype}, not numbers"
        raise DataError(Problem(what, where=where, mend="save them as integers or floats"))
    kind: Literal["image", "vector", "tensor"] = "tensor"
    if values.ndim <= 2:
        kind = "vector"
        with np.errstate(over="ignore"):
            values = values.reshape(len(values), -1).astype(np.float32)
    elif values.ndim <= 4 and (values.dtype in (np.uint8, np.uint16) or values.dtype.kind == "f"):
        if values.ndim == 3:
            kind, values = "image", values[:, None]
        elif values.shape[1] in _CHANNEL_COUNTS:
            kind = "image"
        elif values.shape[3] in _CHANNEL_COUNTS:
            kind, values = "image", np.ascontiguousarray(values.transpose(0, 3, 1, 2))
    if kind == "image" and values.dtype == np.uint16:
        values = values.astype(np.float32) / np.float32(65535)
    return kind, finite(values, where)


def as_series(values: Array, where: str) -> Array:
    """Signals [N, T] or [N, C, T] as float32 [N, C, T]; DataError where they are of another shape or kind."""
    if values.dtype.kind not in "buif" or values.ndim not in (2, 3):
        what = f"an array {list(values.shape)} of {values.dtype} holds no series"
        raise DataError(Problem(what, where, "series are numbers [N, T] or [N, C, T]"))
    found = finite(values, where).astype(np.float32, copy=False)
    return found[:, None] if values.ndim == 2 else found


def finite(values: Array, where: str) -> Array:
    """Floats as float32, other numbers as they are; DataError naming the rows that are not finite."""
    if values.dtype.kind != "f":
        return values
    raise_problems(
        [not_finite(f"{where}, row {row}") for row in np.flatnonzero(~finite_rows(values)).tolist()]
    )
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)


def finite_rows(values: Array) -> Array:
    """bool [N]: the rows of [N, ...] that are finite as float32."""
    if values.dtype.kind != "f":
        return np.ones(len(values), np.bool_)
    with np.errstate(over="ignore"):
        values = values.astype(np.float32, copy=False)
    return np.asarray(np.isfinite(values).reshape(len(values), -1).all(axis=1))


def not_finite(where: str) -> Problem:
    """What is wrong with a sample that holds NaN or infinity."""
    return Problem(
        "the sample is not finite", where, "replace what is NaN or infinite, or leave the sample out"
    )


def _words(values: Array) -> list[str]:
    return [str(word) for word in (np.char.decode(values) if values.dtype.kind == "S" else values).tolist()]


def _splits(words: list[str]) -> pl.Series:
    return pl.Series("SPLIT", [SPLIT_WORDS[word.lower()] for word in words])
