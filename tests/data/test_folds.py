from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from epochal.config.component import Component
from epochal.data.folds import fold_count
from epochal.data.manifest import Manifest
from epochal.data.split import Split, build_split
from epochal.errors import DataError


def manifest(count: int = 60, groups: int | None = None) -> Manifest:
    """Two classes, 2 to 1; groups of equal size, if any."""
    targets = (np.arange(count) % 3 == 0).astype(np.int64)
    names = None if groups is None else pl.Series([f"g{row % groups:02}" for row in range(count)])
    filenames = pl.Series([str(row) for row in range(count)])
    return Manifest(filenames, targets, "class", ("a", "b"), groups=names)


def splits(data: Manifest, name: str = "kfold", seed: int = 1, **arguments: Any) -> list[Split]:
    component = Component.model_validate({"name": name, **arguments})
    count = fold_count(component, data)
    return [
        build_split(Component.model_validate({"name": name, **arguments, "fold": fold}), data, seed)
        for fold in range(1, count + 1)
    ]


def test_each_row_is_tested_once_and_trains_or_validates_otherwise() -> None:
    found = splits(manifest(), folds=5)
    assert len(found) == 5
    assert sorted(np.concatenate([split.test for split in found]).tolist()) == list(range(60))
    for split in found:
        rows = np.concatenate([split.train, split.val, split.test])
        assert sorted(rows.tolist()) == list(range(60))
        assert len(split.val) == 5  # a tenth of 48, by class


def test_each_fold_has_the_classes_in_their_proportion() -> None:
    data = manifest(90)
    for split in splits(data, folds=5):
        assert data.targets[split.test].mean() == pytest.approx(1 / 3, abs=0.04)
        assert data.targets[split.val].mean() == pytest.approx(1 / 3, abs=0.1)
    unstratified = [data.targets[split.test].mean() for split in splits(data, folds=9, stratify=False)]
    assert max(unstratified) - min(unstratified) > 0.1


def test_repeats_make_other_folds() -> None:
    found = splits(manifest(), folds=3, repeats=2)
    assert len(found) == 6
    first, second = found[:3], found[3:]
    for part in (first, second):
        assert sorted(np.concatenate([split.test for split in part]).tolist()) == list(range(60))
    assert {tuple(split.test) for split in first}.isdisjoint({tuple(split.test) for split in second})


def test_the_seed_decides() -> None:
    one, same, other = (splits(manifest(), folds=4, seed=seed) for seed in (1, 1, 2))
    assert all((a.test == b.test).all() for a, b in zip(one, same, strict=True))
    assert any(not np.array_equal(a.test, b.test) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("stratify", [True, False])
def test_no_group_is_torn(stratify: bool) -> None:
    data = manifest(120, groups=20)
    assert data.groups is not None
    for split in splits(data, folds=4, stratify=stratify, val=0.2):
        parts = [set(data.groups.gather(rows)) for rows in (split.train, split.val, split.test)]
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts))


def test_each_group_is_left_out_once() -> None:
    data = manifest(60, groups=6)
    assert data.groups is not None
    found = splits(data, "leave_one_group_out", val=0.2)
    assert [set(data.groups.gather(split.test)) for split in found] == [{f"g{g:02}"} for g in range(6)]
    assert "group 'g00', 1 of 6" in found[0].origin


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"folds": 5}, "kfold makes 5 splits, and none is chosen; train all with `epochal crossval`"),
        ({"folds": 5, "fold": 6}, "there is no fold 6; choose one of 1 to 5"),
        ({"folds": 1, "fold": 1}, "folds from 2"),
        ({"folds": 25, "fold": 1}, "class 'b' has 20 rows for 25 folds; make fewer folds"),
        ({"folds": 3, "fold": 1, "group": "site"}, "the data has no column 'site'"),
    ],
)
def test_what_makes_no_folds(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        build_split(Component.model_validate({"name": "kfold", **arguments}), manifest(), 1)


def test_too_few_groups() -> None:
    with pytest.raises(DataError, match="3 groups can't fill 5 folds"):
        splits(manifest(60, groups=3), folds=5)
    with pytest.raises(DataError, match="the data has no groups"):
        splits(manifest(), "leave_one_group_out")


def test_values_are_dealt_out_at_random() -> None:
    data = replace(manifest(), targets=np.linspace(0, 1, 60, dtype=np.float32)[:, None], target_kind="value")
    found = splits(data, folds=5)
    assert sorted(np.concatenate([split.test for split in found]).tolist()) == list(range(60))
