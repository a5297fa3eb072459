"""What is odd about columns of a table: gaps, categories that are new, or that tell the target."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from epochal.data.check.findings import Finding, Subject
from epochal.data.column_types import numbers_of
from epochal.data.columns import comparable
from epochal.data.manifest import Array, Source
from epochal.data.problems import counted
from epochal.data.split import Split

BY_CHANCE = 1e-9
"""The probability under random order below which a column that tells the target does so for a reason."""


def column_values(source: Source) -> Array | None:
    """The columns of vectors as numbers [N, F], equal where the cells are; None for other samples."""
    if source.kind != "vector":
        return None
    return source.array if source.frame is None else comparable(source.frame)


def find_gaps(source: Source, split: Split) -> list[Finding]:
    """How many values are missing, and how many the training split has not."""
    if source.kind != "vector" or source.frame is None:
        return []
    found = []
    frame = source.frame
    gaps = {values.name: values.null_count() for values in frame if values.null_count()}
    if gaps:
        said = [f"{count:,} of '{name}'" for name, count in gaps.items()]
        what = f"{counted(sum(gaps.values()), 'value')} missing: {_some(said)}"
        mend = "numbers and dates get the median of train, categories a code of their own"
        found.append(Finding("missing_values", "warning", what, mend, sum(gaps.values())))
    train, others = frame[split.train], frame[np.concatenate([split.val, split.test])]
    news = {
        values.name: int(
            (~values.drop_nulls().is_in(train[values.name].drop_nulls().unique().implode())).sum()
        )
        for values in others
        if values.dtype == pl.String
    }
    news = {name: count for name, count in news.items() if count}
    if news:
        said = [f"{count:,} of '{name}'" for name, count in news.items()]
        what = f"{counted(sum(news.values()), 'category value')} of val and test not in train: {_some(said)}"
        found.append(
            Finding("unseen_category", "warning", what, "they are taken as missing", sum(news.values()))
        )
    return found


def telling_categories(subject: Subject) -> list[str]:
    """Categories each of whose values has one target only, and not by chance."""
    source = subject.source
    if source.frame is None:
        return []
    targets = source.manifest.targets
    columns = targets[:, None].T if source.manifest.target_kind == "class" else targets.T
    return [
        values.name
        for values in source.frame
        if values.dtype == pl.String and any(_tells(values, column) for column in columns)
    ]


def _tells(values: pl.Series, targets: Array) -> bool:
    """Whether each value, the gap among them, has one target.

    Of G values and K targets with nₖ rows each, at most K^G of the N! / ∏ nₖ! orders do that.
    """
    codes = numbers_of(values).fill_null(0).to_numpy()
    groups = np.unique(codes, return_inverse=True)[1]
    kinds, classes, sizes = np.unique(targets, return_inverse=True, return_counts=True)
    pairs = np.unique(groups * len(kinds) + classes)
    count = int(groups.max()) + 1
    if len(pairs) > count:
        return False
    logarithm = count * math.log(len(kinds)) + sum(math.lgamma(size + 1) for size in sizes.tolist())
    return logarithm - math.lgamma(len(targets) + 1) < math.log(BY_CHANCE)


def _some(said: list[str], most: int = 5) -> str:
    return ", ".join(said[:most]) + (f" and {len(said) - most} more columns" if len(said) > most else "")
