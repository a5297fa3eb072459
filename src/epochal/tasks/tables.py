"""A table of predictions back as arrays: the inverse of ``Task.table``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from epochal.data.manifest import Array, TargetKind
from epochal.errors import DataError, Problem
from epochal.tasks.segmentation import pair_column
from epochal.tasks.task import Task


def read_predictions(path: Path) -> pl.DataFrame:
    """A table of predictions as it was written: names of classes that look like numbers stay texts."""
    table = pl.read_csv(path, infer_schema=False)
    columns = [name for name in table.columns if name.startswith("PROBABILITY_")]
    if "DICE" in table.columns:  # of masks all is numbers
        columns = [name for name in table.columns if name not in ("INDEX", "FILENAME")]
    if not columns:  # values
        columns = [name for name in table.columns if name.startswith(("PREDICTION", "TARGET"))]
    numbers = [table[name].cast(pl.Float64, strict=False) for name in columns]
    whole = [values for values in numbers if values.null_count() == table[values.name].null_count()]
    return table.with_columns(pl.col("INDEX").cast(pl.Int64), *whole)


def arrays_of(table: pl.DataFrame, kind: TargetKind, names: tuple[str, ...]) -> tuple[Array, Array]:
    """Predictions (probabilities [N, K] or values [N, T]) and targets, as ``Task.scores`` takes them.

    kind, names: of the targets, as in a Manifest. Raises DataError where columns are missing.
    """
    if kind == "none":
        values = table.select(pl.exclude("INDEX", "FILENAME", "FOLD", "GROUP").cast(pl.Float32, strict=False))
        if values.null_count().sum_horizontal().item():
            mend = "its columns are no numbers"
            raise DataError(Problem("the table of predictions can't be read back", mend=mend))
        return values.to_numpy(), np.zeros((len(table), 0), np.float32)
    if kind == "mask":
        return _pixels_of(table, names)
    several = kind == "value" and len(names) > 1
    if kind == "value":
        columns = [f"PREDICTION_{name}" for name in names] if several else ["PREDICTION"]
        known = [f"TARGET_{name}" for name in names] if several else ["TARGET"]
    else:
        columns, known = [f"PROBABILITY_{name}" for name in names], ["TARGET"]
    _check_columns(table, (*columns, *known))
    predictions = table.select(columns).to_numpy().astype(np.float32)
    if kind == "value":
        return predictions, table.select(known).to_numpy().astype(np.float32)
    return predictions, _named(table["TARGET"], kind, names)


def decisions_of(table: pl.DataFrame, predictions: Array, task: Task) -> Array | None:
    """What PREDICTION says of classes or labels, 0 or 1, float32 [N, K]; None where probabilities say it too.

    predictions: of the same table, as ``arrays_of`` gives them; they say the most probable class, and the
    labels above one half.
    """
    said = _named(table["PREDICTION"], task.target, task.names)
    if task.target == "class":
        if np.array_equal(said, predictions.argmax(axis=1)):
            return None
        return np.asarray(said[:, None] == np.arange(len(task.names)), np.float32)
    return None if np.array_equal(said, predictions > 0.5) else said.astype(np.float32)


def _named(column: pl.Series, kind: TargetKind, names: tuple[str, ...]) -> Array:
    """Class indices int64 [N], or labels uint8 [N, L], from a column of names."""
    texts = column.cast(pl.String).fill_null("").to_list()
    place = {name: index for index, name in enumerate(names)}
    if kind == "class":
        return np.array([place[text] for text in texts], np.int64)
    marked = np.zeros((len(texts), len(names)), np.uint8)
    for row, text in enumerate(texts):
        marked[row, [place[name] for name in text.split(";") if name]] = 1
    return marked


def _check_columns(table: pl.DataFrame, columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in table.columns]
    if missing:
        what = f"the table of predictions has no column {', '.join(missing)}"
        raise DataError(Problem(what, mend="it was written by a task of another kind"))


def _pixels_of(table: pl.DataFrame, names: tuple[str, ...]) -> tuple[Array, Array]:
    """Pixels by true and predicted class [N, K, K], and of each class [N, K]."""
    columns = [pair_column(true, predicted) for true in names for predicted in names]
    _check_columns(table, columns)
    confusions = table.select(columns).to_numpy().astype(np.int64).reshape(-1, len(names), len(names))
    return confusions, confusions.sum(axis=2)
