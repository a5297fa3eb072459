"""Scores for each value of a column, and how far apart the values are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from epochal.analysis.bootstrap import bootstrap_intervals
from epochal.analysis.decision import scores_at
from epochal.analysis.resample import FEW_SAMPLES, Resampler, group_numbers
from epochal.data.manifest import Array, Source
from epochal.errors import ConfigError, Problem, did_you_mean
from epochal.tasks.classification import Classification
from epochal.tasks.multilabel import Multilabel
from epochal.tasks.task import Task

EMPTY = "(empty)"
"""The value of a cell without one."""

_FEWEST_OF_A_CLASS = 5
_MOST_VALUES = 50
_MOST_NUMBERS = 12  # values of a numeric column that may be names, such as those of sites


def columns_for_subgroups(source: Source, names: Sequence[str]) -> pl.DataFrame | None:
    """The columns of the data, and of its features these: with many values they are not kept as columns."""
    columns, features, vectors = source.manifest.columns, source.features, source.array
    if columns is None or vectors is None:
        return columns
    left_out = [name for name in names if name in features and name not in columns.columns]
    return columns.with_columns(pl.Series(name, vectors[:, features.index(name)]) for name in left_out)


def check_subgroups(names: Sequence[str], columns: pl.DataFrame | None) -> None:
    """ConfigError for a column that the data lacks, or whose values are too many to be groups."""
    problems = []
    for name in names:
        if columns is None:
            mend = "subgroups are columns of the source 'table'"
            problems.append(Problem("this source has no columns", "evaluation.subgroups", mend))
        elif name not in columns.columns:
            mend = did_you_mean(name, columns.columns)
            problems.append(Problem(f"no column is called '{name}'", "evaluation.subgroups", mend))
        elif (numbers := _measurements(columns[name])) is not None:
            what = f"the numeric column '{name}' has {numbers.n_unique()} distinct values"
            problems.append(Problem(what, "evaluation.subgroups", _how_to_bin(numbers)))
        elif (count := columns[name].n_unique()) > _MOST_VALUES:
            mend = f"name a column of at most {_MOST_VALUES}"
            problems.append(Problem(f"'{name}' has {count} values", "evaluation.subgroups", mend))
    if problems:
        raise ConfigError(*problems)


def _measurements(column: pl.Series) -> pl.Series | None:
    """The finite numbers of a column such as age, whose values have too few samples each; else None."""
    if not (column.dtype.is_numeric() or column.dtype == pl.String):
        return None
    numbers = column.cast(pl.Float64, strict=False)
    finite = numbers.filter(numbers.is_finite())
    count = finite.n_unique()
    few = len(finite) < FEW_SAMPLES * count or count > _MOST_VALUES
    texts = numbers.null_count() > column.null_count()
    return None if texts or count <= _MOST_NUMBERS or not few else finite


def _how_to_bin(numbers: pl.Series) -> str:
    shares = [numbers.quantile(share) or 0.0 for share in (0.25, 0.5, 0.75)]
    edges = ", to ".join(dict.fromkeys(f"{each:.3g}" for each in shares))
    name = f"{numbers.name}_range"
    return f"bin it: add a column '{name}' to the table, say up to {edges} and above (quartiles); name that"


def subgroup_scores(
    task: Task,
    predictions: Array,
    targets: Array,
    column: pl.Series,
    groups: Array | None,
    resamples: int,
    seed: int,
    decided: Array | None = None,
) -> dict[str, Any]:
    """Each value of a column -> ``samples``, ``overall``, ``intervals`` and ``too_small``.

    column: [N], beside predictions and targets. groups: what is resampled together, [N], or None. Too small
    to judge is a value with fewer than 20 samples or 10 groups, or fewer than 5 samples of a class.
    decided: as ``scores_at`` takes it.
    """
    found: dict[str, Any] = {}
    values = column_texts(column)
    for value in sorted(set(values)):
        rows = np.flatnonzero(values == value)
        own, truth = predictions[rows], targets[rows]
        chosen = None if decided is None else decided[rows]
        scores = scores_at(task, own, chosen, truth)
        entry: dict[str, Any] = {"samples": len(rows), "overall": scores.overall}
        resampler = Resampler(len(rows), group_numbers(None if groups is None else groups[rows]), seed)
        if resamples:
            found_of = bootstrap_intervals(task, own, truth, resampler, resamples, decided=chosen)
            entry["intervals"] = found_of.values
        found[value] = {**entry, "too_small": bool(resampler.doubt) or _is_too_small(task, truth)}
    return found


def column_texts(column: pl.Series) -> Array:
    """The values of a column as text [N]."""
    texts: Array = column.cast(pl.String).fill_null(EMPTY).to_numpy().astype(str)
    return texts


def _is_too_small(task: Task, targets: Array) -> bool:
    if len(targets) < FEW_SAMPLES:
        return True
    if isinstance(task, Classification):
        return int(np.bincount(targets, minlength=len(task.names)).min()) < _FEWEST_OF_A_CLASS
    if isinstance(task, Multilabel):
        positives = (targets > 0.5).sum(axis=0)
        return int(np.minimum(positives, len(targets) - positives).min()) < _FEWEST_OF_A_CLASS
    return False


def fairness_gaps(chosen: Array, true: Array, groups: Array) -> dict[str, float]:
    """How far the groups are apart, of the class where they are furthest.

    chosen, true: bool [N, K], whether a class is predicted and whether it is right; K = 1, the second class,
    where there are two. groups: [N]. The definitions are Fairlearn's (Bird et al. 2020):
    demographic_parity: the largest less the smallest share that is chosen; equal_opportunity: the same of
    the share of the true that is chosen (Hardt, Price & Srebro 2016); equalised_odds: the larger of that
    and of the same for the false that are chosen. A share that no group, or but one, has is left out.
    """
    names = np.unique(groups)
    shares = {
        "demographic_parity": _gap(chosen, np.ones_like(true), groups, names),
        "equal_opportunity": _gap(chosen, true, groups, names),
        "false_positives": _gap(chosen, ~true, groups, names),
    }
    found = {name: value for name, value in shares.items() if value is not None}
    false_positives = found.pop("false_positives", None)
    odds = [each for each in (found.get("equal_opportunity"), false_positives) if each is not None]
    return found | ({"equalised_odds": max(odds)} if odds else {})


def _gap(chosen: Array, among: Array, groups: Array, names: Array) -> float | None:
    """The largest difference between groups of the share of ``among`` that is chosen; None without two."""
    counts = np.stack([among[groups == name].sum(axis=0) for name in names])
    hits = np.stack([(chosen & among)[groups == name].sum(axis=0) for name in names])
    gaps = []
    for k in range(chosen.shape[1]):
        there = counts[:, k] > 0
        if there.sum() > 1:
            gaps.append(float(np.ptp(hits[there, k] / counts[there, k])))
    return max(gaps, default=None)
