"""Classes, labels and values as the arrays of a manifest."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import polars as pl

from epochal.data.manifest import Array, TargetKind
from epochal.data.problems import raise_problems
from epochal.errors import ConfigError, DataError, Problem

_TASKS = {"class": "classification", "labels": "multilabel", "value": "regression", "mask": "segmentation"}


def no_targets(count: int) -> Array:
    """The targets of samples that need none, float32 [count, 0]."""
    return np.zeros((count, 0), np.float32)


def sort_names(names: Iterable[str]) -> tuple[str, ...]:
    """Distinct names in order: as numbers where all are integers, else as text."""
    distinct = sorted(set(names))
    try:
        return tuple(sorted(distinct, key=int))
    except ValueError:
        return tuple(distinct)


def class_targets(texts: pl.Series, where: str) -> tuple[Array, tuple[str, ...]]:
    """Class names of every row -> (indices int64 [N], names); DataError under two classes."""
    names = sort_names(texts.unique())
    if len(names) < 2:
        what = f"all {len(texts):,} targets are '{names[0]}'"
        raise DataError(Problem(what, where=where, mend="classification needs two classes or more"))
    indices = texts.replace_strict(list(names), list(range(len(names))), return_dtype=pl.Int64)
    return indices.to_numpy().copy(), names


def array_targets(
    values: Array, kind: TargetKind, name: str, where: str, names: tuple[str, ...] = ()
) -> tuple[Array, tuple[str, ...]]:
    """Targets given as an array [N] or [N, T] -> (the manifest's targets, their names).

    values: ``class``: integers or texts [N]; ``labels``: 0 or 1 [N, L]; ``value``: finite numbers [N, T].
    name: of the targets, for messages and as the name of values. names: of classes, labels or values, where
    they are known; classes are then indices into them.
    Raises DataError naming the rows that are wrong.
    """
    if kind == "none":
        return no_targets(len(values)), ()
    values = _shaped(values, kind)
    expected = 1 if kind == "class" else 2
    if values.ndim != expected:
        shape = "N" if kind == "class" else "N, T"
        what = f"targets '{name}' have the shape {list(values.shape)}, not [{shape}]"
        mend = "" if kind != "class" else "give one class a sample, or use task: multilabel"
        raise DataError(Problem(what, where=where, mend=mend))
    if kind != "class" and values.dtype.kind not in "buif":
        raise DataError(Problem(f"targets '{name}' are not numbers but {values.dtype}", where=where))
    raise_problems(
        [replace(problem, where=f"{where}, row {row}") for row, problem in wrong_targets(values, kind, name)]
    )
    if kind == "class":
        return _array_classes(values, name, where, names)
    count = values.shape[1]
    if len(names) != count:
        single = (name,) if kind == "value" and count == 1 else None
        prefix = f"{name}_" if kind == "value" else ""
        names = single or tuple(f"{prefix}{index}" for index in range(count))
    return values.astype(np.uint8 if kind == "labels" else np.float32), names


def wrong_targets(values: Array, kind: TargetKind, name: str) -> list[tuple[int, Problem]]:
    """The rows whose targets can't be used, and what is wrong with them; none where that is all of them.

    values, kind, name: as of ``array_targets``.
    """
    if kind == "none":
        return []
    values = _shaped(values, kind)
    mend = "give it a target, or leave the sample out"
    if kind == "class":
        if values.ndim != 1 or values.dtype.kind not in "fUS":
            return []
        good = np.isfinite(values) if values.dtype.kind == "f" else np.char.str_len(np.char.strip(values)) > 0
        if not good.any():
            return []
        return [
            (
                row,
                Problem(
                    f"its target '{name}' is {values[row] if values.dtype.kind == 'f' else 'empty'}",
                    mend=mend,
                ),
            )
            for row in np.flatnonzero(~good).tolist()
        ]
    if values.ndim != 2 or values.dtype.kind not in "buif":
        return []
    good = np.isin(values, (0, 1)) if kind == "labels" else _finite(values)
    expectation = "0 or 1" if kind == "labels" else "a finite number"
    return [
        (int(row), Problem(f"its target '{name}' is {values[row, column]}, not {expectation}", mend=mend))
        for row, column in np.argwhere(~good)
    ]


def _shaped(values: Array, kind: TargetKind) -> Array:
    """Classes as [N] where they are [N, 1]; others as [N, T]."""
    if kind == "class":
        return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    return values[:, None] if values.ndim == 1 else values


def _array_classes(
    values: Array, name: str, where: str, names: tuple[str, ...]
) -> tuple[Array, tuple[str, ...]]:
    whole = values.dtype.kind in "bui" or (
        values.dtype.kind == "f" and bool((values == values.round()).all())
    )
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8")
    if not whole and values.dtype.kind != "U":
        what = f"targets '{name}' are {values.dtype}, not whole numbers or texts"
        raise DataError(Problem(what, where=where, mend="give classes, or use task: regression"))
    if names and whole:
        wrong = np.flatnonzero((values < 0) | (values >= len(names)))
        raise_problems(
            [
                Problem(f"class {values[row]} of row {row} is not in 0..{len(names) - 1}", where)
                for row in wrong
            ]
        )
        return values.astype(np.int64), names
    if names:
        unknown = [row for row in range(len(values)) if str(values[row]) not in names]
        raise_problems(
            [
                Problem(f"class '{values[row]}' of row {row} is not among the classes", where)
                for row in unknown
            ]
        )
        return np.array([names.index(str(value)) for value in values], np.int64), names
    if whole:
        values = values.astype(np.int64)
    return class_targets(pl.Series(values.astype(str).tolist()), where)


def _finite(values: Array) -> Array:
    with np.errstate(over="ignore"):
        return np.isfinite(values.astype(np.float32))


def expect_kind(given: TargetKind, *, target_kind: TargetKind, source: str, mend: str = "") -> None:
    """ConfigError where a source gives another kind of target than the task asks for, unless that is none."""
    if target_kind in (given, "none"):
        return
    what = f"the source {source} gives targets for {_TASKS[given]}; the task needs {_TASKS[target_kind]}"
    mend = mend or f"use task: {_TASKS[given]}"
    raise ConfigError(Problem(what, where="data.source", mend=mend))
