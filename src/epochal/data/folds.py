"""Splits for cross-validation: every row is tested once, in one of k folds."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from epochal.config.component import Component
from epochal.data.draws import key_integer
from epochal.data.manifest import Array, Manifest
from epochal.data.problems import counted
from epochal.data.split import Split, TooFewRowsError, held_out
from epochal.errors import DataError, Problem

_WHERE = "data.split"
FOLDS = ("kfold", "leave_one_group_out")
"""The splits that make several."""


def fold_count(component: Component, manifest: Manifest) -> int:
    """How many trainings a cross-validation with this split takes; DataError where there are no groups."""
    if component.name == "leave_one_group_out":
        return len(np.unique(_groups(manifest, component.arguments.get("group"))))
    return int(component.arguments.get("folds", 5)) * int(component.arguments.get("repeats", 1))


def groups_of(component: Component | None, manifest: Manifest) -> pl.Series | None:
    """What a split keeps together, N texts: its own column of groups, else the data's; None without."""
    column = component.arguments.get("group") if component is not None and component.name in FOLDS else None
    if column is not None and manifest.columns is not None and column in manifest.columns.columns:
        texts: pl.Series = manifest.columns[column].cast(pl.String).fill_null("")
        return texts
    return manifest.groups


def kfold(
    manifest: Manifest,
    seed: int,
    *,
    folds: int = 5,
    fold: int | None = None,
    repeats: int = 1,
    stratify: bool = True,
    group: str | None = None,
    val: float = 0.1,
) -> Split:
    """Fold number ``fold`` (from 1) is tested, the rest trains but for the share ``val``, which validates.

    folds: how many. stratify: each fold has each class in the same proportion.
    group: the column whose values are not torn between folds, nor between training and validation; by
    default the source's groups, where it has them.
    repeats: the whole is done so often with other folds; repeat r has the folds (r - 1) * folds + 1 and on.
    """
    total = folds * repeats
    if folds < 2 or repeats < 1:
        raise DataError(
            Problem(f"folds: {folds}, repeats: {repeats}", _WHERE, "folds from 2, repeats from 1")
        )
    number = _chosen(fold, total, "kfold")
    repeat, place = divmod(number - 1, folds)
    strata = manifest.targets if stratify and manifest.target_kind == "class" else None
    grouped = group is not None or manifest.groups is not None
    groups = _groups(manifest, group) if grouped else None
    _check_sizes(manifest, folds, strata, groups)
    test = _folds(len(manifest), folds, strata, groups, key_integer(seed, 0xF01D, repeat))[place]
    words = f"fold {number} of {total} of kfold(folds={folds}, stratify={str(stratify).lower()})"
    return held_out(manifest, test, val, strata, groups, key_integer(seed, number), words)


def leave_one_group_out(
    manifest: Manifest, seed: int, *, group: str | None = None, fold: int | None = None, val: float = 0.1
) -> Split:
    """The group number ``fold`` (from 1, in the order of their names) is tested; the others train, validate.

    group: the column of the groups; by default the source's.
    """
    groups = _groups(manifest, group)
    names = np.unique(groups)
    number = _chosen(fold, len(names), "leave_one_group_out")
    test = np.flatnonzero(groups == names[number - 1])
    strata = manifest.targets if manifest.target_kind == "class" else None
    words = f"group '{names[number - 1]}', {number} of {len(names)}, is left out"
    return held_out(manifest, test, val, strata, groups, key_integer(seed, number), words)


def _chosen(fold: int | None, total: int, name: str) -> int:
    if fold is None:
        mend = "train all with `epochal crossval`, or one with data.split.fold=1"
        raise DataError(Problem(f"{name} makes {total} splits, and none is chosen", _WHERE, mend))
    if not 1 <= fold <= total:
        raise DataError(Problem(f"there is no fold {fold}", f"{_WHERE}.fold", f"choose one of 1 to {total}"))
    return fold


def _groups(manifest: Manifest, column: str | None) -> Array:
    """The group of each row, as text [N]."""
    if column is None:
        if manifest.groups is None:
            mend = "name the column of groups as 'group' of the source or of the split"
            raise DataError(Problem("the data has no groups", _WHERE, mend))
        return manifest.groups.to_numpy().astype(str)
    columns: Any = getattr(manifest, "columns", None)
    if columns is None or column not in columns.columns:
        known = ", ".join(columns.columns) if columns is not None else "none"
        mend = f"columns of the data beside inputs and target: {known}"
        raise DataError(Problem(f"the data has no column '{column}'", f"{_WHERE}.group", mend))
    return columns[column].cast(pl.String).fill_null("").to_numpy().astype(str)  # type: ignore[no-any-return]


def _folds(count: int, folds: int, strata: Array | None, groups: Array | None, seed: int) -> list[Array]:
    """The rows of each fold."""
    # scikit-learn's splitters, which take 0.7 s to load, are of use to cross-validation only
    from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

    rows, state = np.zeros(count), seed % 2**32
    if groups is not None:
        kind = StratifiedGroupKFold if strata is not None else GroupKFold
        splitter = kind(n_splits=folds, shuffle=True, random_state=state)
        return [test for _, test in splitter.split(rows, strata, groups)]
    if strata is not None:
        stratified = StratifiedKFold(n_splits=folds, shuffle=True, random_state=state)
        return [test for _, test in stratified.split(rows, strata)]
    return [test for _, test in KFold(n_splits=folds, shuffle=True, random_state=state).split(rows)]


def _check_sizes(manifest: Manifest, folds: int, strata: Array | None, groups: Array | None) -> None:
    """DataError where a fold would be empty, or without a class that there is."""
    units, what = (len(np.unique(groups)), "groups") if groups is not None else (len(manifest), "rows")
    if units < folds:
        raise DataError(Problem(f"{units} {what} can't fill {folds} folds", _WHERE, "make fewer folds"))
    if strata is not None and groups is None:
        mend = "make fewer folds, add rows, leave the class out, or set stratify: false"
        sizes = np.bincount(strata).tolist()
        few = {
            index: Problem(f"class {name!r} has {counted(size, 'row')} for {folds} folds", _WHERE, mend)
            for index, (name, size) in enumerate(zip(manifest.names, sizes, strict=False))
            if 0 < size < folds
        }
        if few:
            raise TooFewRowsError(classes=few)
