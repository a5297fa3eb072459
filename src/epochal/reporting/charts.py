"""The charts of a run: history, ROC, precision-recall, calibration, predictions against targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from epochal.analysis.calibration import FEWEST, bins_to_draw
from epochal.plots.history import rates, train_only
from epochal.plots.history import series as history_series
from epochal.reporting.chart import Chart, Range, Series, Values
from epochal.reporting.record import Record, SplitResult
from epochal.reporting.words import heading, label, number
from epochal.run.history import epoch_rows

_UNIT: Range = (0.0, 1.0)
_MOST_NAMED = 10  # curves that an eye can tell apart
_LOWEST = 5  # of more than those, the few with the smallest area are named
_AVERAGES = ("macro", "micro", "mean")
_CROWDED = 0.985  # from this area on, curves crowd into the corner and are shown again, enlarged
_MOST_TARGETS = 6


def history_charts(record: Record) -> list[Chart]:
    """Loss, validation scores and learning rate; scores between 0 and 1 share a chart."""
    rows = record.history
    charts = [_over_epochs(record, "Loss", {"training": "train/loss", "validation": "val/loss"})]
    keys = [key for key in dict.fromkeys(key for row in rows for key in row) if key.startswith("val/")]
    keys = [key for key in keys if key != "val/loss" and len(history_series(rows, key, "epoch"))]
    unit = [key for key in keys if _within_unit(rows, key)]
    named = {label(key[4:]): key for key in unit[:_MOST_NAMED]}
    charts.append(_over_epochs(record, "Validation scores", named))
    charts += [
        _over_epochs(record, heading(key[4:]), {"training": f"train/{key[4:]}", "validation": key})
        for key in keys
        if key not in unit
    ]
    own = {name.replace("_", " "): f"train/{name}" for name in train_only(rows)[:_MOST_NAMED]}
    charts.append(_over_epochs(record, "Training", own))
    found = rates(rows)
    every = np.concatenate([rate.y for rate in found.values()] or [np.empty(0)])
    # a rate that falls by factors of ten spends most of a run where a linear axis shows nothing
    log = len(every) > 0 and every.min() > 0 and float(np.median(every)) <= every.max() / 10
    lines = [
        Series(key[9:] or "learning rate", rate.x, rate.y, f"c{place}" if place else "val", marked=True)
        for place, (key, rate) in enumerate(found.items())
    ]
    charts.append(Chart("Learning rate", "step", "", lines, log=log))
    return [chart for chart in charts if any(len(each.x) for each in chart.series)]


def _within_unit(rows: Sequence[Mapping[str, Any]], key: str) -> bool:
    values = history_series(rows, key, "epoch").y
    return bool(values.min() >= 0 and values.max() <= 1)


def _over_epochs(record: Record, title: str, keys: Mapping[str, str]) -> Chart:
    looks = {"training": "train", "validation": "val"}
    lines = [
        Series(name, found.x, found.y, looks.get(name, f"c{place % 10}"), marked=True)
        for place, (name, key) in enumerate(keys.items())
        if len(found := history_series(epoch_rows(record.history), key, "epoch"))
    ]
    mark = (float(record.best_epoch), f"best epoch {record.best_epoch}") if record.best_epoch else None
    last = max((float(each.x[-1]) for each in lines), default=1.0)
    x_range = (min(1.0, last - 0.5), last) if last > 1 else (0.5, 1.5)
    return Chart(title, "epoch", "", lines, x_range, whole=True, mark=mark)


def overlaid(records: Mapping[str, Record], key: str) -> Chart:
    """One score of several runs over epochs."""
    lines = [
        Series(name, found.x, found.y, f"c{place % 10}", dashed=place >= 10, marked=True)
        for place, (name, record) in enumerate(records.items())
        if len(found := history_series(epoch_rows(record.history), key, "epoch"))
    ]
    split, _, score = key.partition("/")
    names = {"train": "Training", "val": "Validation"}
    return Chart(f"{names.get(split, split)} {label(score)}", "epoch", "", lines, whole=True)


def result_charts(result: SplitResult) -> list[Chart]:
    """ROC, precision-recall, calibration and regression of one split, those that there are."""
    charts = []
    if "roc" in result.tables:
        roc = _curves(result.tables["roc"], "ROC", "FALSE_POSITIVE_RATE", "TRUE_POSITIVE_RATE")
        charts.append(replace(roc, guides=[(0.0, 0.0, 1.0, 1.0)]))
        areas = result.tables["roc"].group_by("CURVE").first()["AREA"]
        if np.median(areas.to_numpy()) > _CROWDED:
            charts.append(_corner(roc))
    if "precision_recall" in result.tables:
        charts.append(
            _curves(
                result.tables["precision_recall"], "Precision-recall", "RECALL", "PRECISION", stepped=True
            )
        )
    if "calibration" in result.tables:
        charts.append(_calibration(result.tables["calibration"]))
    if "scatter" in result.tables:
        charts += _regression(result.tables["scatter"])
    return charts


def _corner(roc: Chart) -> Chart:
    """The upper left corner of a chart, with all points that lie there."""
    lines = [
        replace(each, x=each.x[:end], y=each.y[:end]) for each in roc.series if (end := _end(each.x)) > 1
    ]
    return replace(roc, title="ROC, upper left corner", series=lines, x_range=(0.0, 0.1), y_range=(0.9, 1.0))


def _end(x: Values) -> int:
    """How many points there are up to the first beyond the corner, with that one."""
    return int(np.searchsorted(x, 0.1, side="right")) + 1


def fold_charts(table: pl.DataFrame) -> list[Chart]:
    """The ROC curve of each fold, and their mean with its band."""
    roc = _curves(table, "ROC of the folds", "FALSE_POSITIVE_RATE", "TRUE_POSITIVE_RATE")
    return [replace(roc, guides=[(0.0, 0.0, 1.0, 1.0)])]


def _curves(table: pl.DataFrame, title: str, x: str, y: str, stepped: bool = False) -> Chart:
    """Up to ten curves have a colour each; of more, the lowest have one, and the others are grey."""
    curves = {str(name): rows for (name,), rows in table.group_by("CURVE", maintain_order=True)}
    area = {name: _area(rows) for name, rows in curves.items()}
    averages = [name for name in _AVERAGES if name in curves and len(curves) > 1]
    own = [name for name in curves if name not in averages]
    named = own if len(own) <= _MOST_NAMED else sorted(own, key=lambda name: area[name] or 0.0)[:_LOWEST]
    unnamed = [name for name in own if name not in named]
    looks = {name: f"c{place}" for place, name in enumerate(named)}
    others = f"{len(unnamed)} others, none lower"
    # the averages are drawn last, above all
    lines = [
        Series(
            name={"mean": "mean of the folds"}.get(name, f"{name} average") if name in averages else name,
            x=_floats(curves[name], x),
            y=_floats(curves[name], y),
            look=looks.get(name, "faint" if name in own else "ink"),
            dashed=name == "micro",
            note="" if area[name] is None or name in unnamed else number(area[name]),
            legend=others if name in unnamed else "",
            band=_band(curves[name]),
            stepped=stepped,
        )
        for name in [*unnamed, *named, *averages]
    ]
    words = [column.lower().replace("_", " ") for column in (x, y)]
    return Chart(title, words[0], words[1], lines, _UNIT, _UNIT, square=True)


def _area(rows: pl.DataFrame) -> float | None:
    value = rows["AREA"][0] if "AREA" in rows.columns else None
    return None if value is None else float(value)


def _band(rows: pl.DataFrame) -> tuple[Values, Values] | None:
    """The band of a mean curve; a single curve, whose bounds are itself, has none."""
    if not {"LOW", "HIGH"} <= set(rows.columns) or rows["LOW"].equals(rows["HIGH"]):
        return None
    return _floats(rows, "LOW"), _floats(rows, "HIGH")


def _calibration(table: pl.DataFrame) -> Chart:
    curves = {str(name): rows for (name,), rows in table.group_by("CLASS", maintain_order=True)}
    named = list(curves)[:_MOST_NAMED]
    bins = {name: bins_to_draw(curves[name]) for name in named}
    lines = [
        Series(
            "predicted class" if name == "all" else name,
            bins[name].confidence.astype(np.float64),
            bins[name].frequency.astype(np.float64),
            "ink" if name == "all" and len(named) > 1 else f"c{place}",
            note=f"{bins[name].count.sum():,} samples" if name == "all" else "",
            marked=True,
        )
        for place, name in enumerate(named)
    ]
    words = f"confidence, in bins of {FEWEST} samples or more"
    guides = [(0.0, 0.0, 1.0, 1.0)]
    return Chart("Calibration", words, "observed frequency", lines, _UNIT, _UNIT, square=True, guides=guides)


def _regression(table: pl.DataFrame) -> list[Chart]:
    table = table.filter(pl.col("TARGET").is_finite() & pl.col("PREDICTION").is_finite())
    charts = []
    for name in table["NAME"].unique(maintain_order=True).to_list()[:_MOST_TARGETS]:
        rows = table.filter(NAME=name)
        true, predicted = _floats(rows, "TARGET"), _floats(rows, "PREDICTION")
        both = np.concatenate((true, predicted))
        margin = 0.04 * float(np.ptp(both)) or 0.5
        low, high = float(both.min()) - margin, float(both.max()) + margin
        dots = Series(name, true, predicted, "c0", "dots")
        title = f"{name}: predicted against true"
        charts.append(
            Chart(
                title,
                "true",
                "predicted",
                [dots],
                (low, high),
                (low, high),
                square=True,
                guides=[(low, low, high, high)],
            )
        )
        residuals = predicted - true
        reach = float(np.abs(residuals).max()) * 1.08 or 1.0
        left, right = float(predicted.min()), float(predicted.max())
        margin = 0.04 * (right - left) or 0.5
        left, right = left - margin, right + margin
        charts.append(
            Chart(
                f"{name}: residuals",
                "predicted",
                "predicted - true",
                [Series(name, predicted, residuals, "c0", "dots")],
                (left, right),
                (-reach, reach),
                square=True,
                guides=[(left, 0.0, right, 0.0)],
            )
        )
    return charts


def _floats(rows: pl.DataFrame, column: str) -> Values:
    return np.asarray(rows[column].cast(pl.Float64).to_numpy(), dtype=np.float64)
