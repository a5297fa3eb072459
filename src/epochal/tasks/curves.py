"""The coordinates behind the plots of a split, as tables with one row a point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from epochal.tasks.scores import Booleans, Floats, Integers, OperatingPoints, operating_points

MOST_POINTS = 1000
"""Points of one curve; more would not change what an eye sees."""

_FEWEST_POINTS = 100
_POINTS_IN_ALL = 50_000  # of one table, so that a thousand classes do not fill the disk


@dataclass(frozen=True)
class _Curve:
    """One curve: M points from the strictest threshold to the loosest, and the exact area under it.

    thresholds is None for an average of curves, whose points belong to no single threshold.
    """

    x: Floats
    y: Floats
    thresholds: Floats | None
    area: float

    def thinned(self, limit: int) -> _Curve:
        """At most ``limit`` of the points, both ends among them.

        Points on a straight line between their neighbours go first, since nothing is lost with them; of the
        others, those stay that are evenly spaced along the curve.
        """
        if len(self.x) <= limit:
            return self
        across, up = np.diff(self.x), np.diff(self.y)
        bends = np.abs(across[:-1] * up[1:] - across[1:] * up[:-1]) > 1e-15
        corners = self._at(np.concatenate(([0], np.flatnonzero(bends) + 1, [len(self.x) - 1])))
        if len(corners.x) <= limit:
            return corners
        steps = np.abs(np.diff(corners.x)) + np.abs(np.diff(corners.y))
        travelled = np.concatenate(([0.0], np.cumsum(steps)))
        spaced = np.searchsorted(travelled, np.linspace(0.0, travelled[-1], limit - 1))
        return corners._at(np.unique(np.append(spaced, len(corners.x) - 1)))

    def _at(self, keep: Integers) -> _Curve:
        """The points at these positions."""
        thresholds = None if self.thresholds is None else self.thresholds[keep]
        return _Curve(self.x[keep], self.y[keep], thresholds, self.area)


def classification_curves(
    probabilities: Floats, targets: Integers, names: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """The tables ``confusion``, ``roc`` and ``precision_recall`` of one class of several.

    probabilities: float [N, K]. targets: class indices, int [N]. names: the K class names.

    confusion: TARGET, and a column of counts for each predicted class.
    roc: CURVE, FALSE_POSITIVE_RATE, TRUE_POSITIVE_RATE, THRESHOLD, AREA.
    precision_recall: CURVE, RECALL, PRECISION, THRESHOLD, AREA (the average precision).

    CURVE is the second class alone where K = 2; else each class against the rest, then ``macro`` (the mean
    of the curves at equal abscissa) and ``micro`` (all pairs of sample and class in one ranking). AREA is
    computed before thinning and equals the score. A class on which a curve is undefined has none; a table
    without any curve is absent.
    """
    occurrences = targets[:, None] == np.arange(len(names))
    confusion = {"confusion": _confusion(probabilities.argmax(axis=1), targets, names)}
    if len(names) == 2:
        return confusion | _tables({names[1]: operating_points(probabilities[:, 1], occurrences[:, 1])})
    return confusion | _one_versus_rest(probabilities, occurrences, names)


def multilabel_curves(
    probabilities: Floats, targets: npt.NDArray[Any], names: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """The tables ``roc`` and ``precision_recall`` of labels; see ``classification_curves``.

    probabilities: float [N, L]. targets: 0 or 1, [N, L]. names: the L label names.
    """
    return _one_versus_rest(probabilities, targets > 0.5, names)


def regression_curves(predictions: Floats, targets: Floats, names: Sequence[str]) -> dict[str, pl.DataFrame]:
    """The table ``scatter``: NAME, TARGET, PREDICTION, a row for each sample and target.

    predictions, targets: float [N, T]. names: the T target names.
    """
    sample_names = pl.Series(list(names), dtype=pl.String).gather(
        np.repeat(np.arange(len(names)), len(targets))
    )
    columns = {"NAME": sample_names, "TARGET": targets.T.ravel(), "PREDICTION": predictions.T.ravel()}
    return {"scatter": pl.DataFrame(columns)}


def _confusion(predictions: Integers, targets: Integers, names: Sequence[str]) -> pl.DataFrame:
    classes = len(names)
    counts = np.bincount(targets * classes + predictions, minlength=classes * classes)
    return confusion_table(counts.reshape(classes, classes), names)


def confusion_table(counts: Integers, names: Sequence[str]) -> pl.DataFrame:
    """TARGET, and a column of counts for each predicted class; counts: [K, K] by true and predicted class."""
    # a class may be called TARGET too, and columns may not share a name
    columns = [name if name != "TARGET" else "TARGET_" for name in names]
    table = pl.DataFrame(counts, schema=columns)
    return table.insert_column(0, pl.Series("TARGET", list(names), dtype=pl.String))


def _one_versus_rest(
    probabilities: Floats, occurrences: Booleans, names: Sequence[str]
) -> dict[str, pl.DataFrame]:
    """The tables of several classes or labels with their averages; occurrences: bool [N, K]."""
    columns = np.ascontiguousarray(probabilities.T)
    points = {name: operating_points(columns[k], occurrences[:, k]) for k, name in enumerate(names)}
    micro = operating_points(probabilities.ravel(), occurrences.ravel())
    return _tables(points, micro if len(names) > 1 else None)


def _tables(
    points: Mapping[str, OperatingPoints], micro: OperatingPoints | None = None
) -> dict[str, pl.DataFrame]:
    """The tables of the curves that are defined, with the averages where there is a ``micro``."""
    roc = {name: curve for name, each in points.items() if (curve := _roc(each))}
    precision_recall = {name: curve for name, each in points.items() if (curve := _precision_recall(each))}
    if micro:
        # a class that is called like an average keeps its curve, and the average has none
        roc = roc | _named(_mean_roc(list(roc.values())), _roc(micro), taken=roc)
        precision_recall = precision_recall | _named(
            _mean_precision_recall(list(precision_recall.values())),
            _precision_recall(micro),
            taken=precision_recall,
        )
    tables = {
        "roc": _table(roc, "FALSE_POSITIVE_RATE", "TRUE_POSITIVE_RATE"),
        "precision_recall": _table(precision_recall, "RECALL", "PRECISION"),
    }
    return {name: table for name, table in tables.items() if len(table)}


def _named(macro: _Curve | None, micro: _Curve | None, taken: Mapping[str, _Curve]) -> dict[str, _Curve]:
    """The averages that are defined, under names that no class has."""
    averages = {"macro": macro, "micro": micro}
    return {name: curve for name, curve in averages.items() if curve is not None and name not in taken}


def _roc(points: OperatingPoints) -> _Curve | None:
    """The ROC curve from (0, 0), where nothing is called positive, to (1, 1)."""
    area = points.roc_auc
    if area is None:
        return None
    return _Curve(
        np.append(0.0, points.false_positives / points.false_positives[-1]),
        np.append(0.0, points.true_positives / points.true_positives[-1]),
        np.append(np.inf, points.thresholds),
        area,
    )


def _precision_recall(points: OperatingPoints) -> _Curve | None:
    """Precision at each recall, after the conventional start at (0, 1)."""
    area = points.average_precision
    if area is None:
        return None
    return _Curve(
        np.append(0.0, points.true_positives / points.true_positives[-1]),
        np.append(1.0, points.true_positives / (points.true_positives + points.false_positives)),
        np.append(np.inf, points.thresholds),
        area,
    )


def _mean_roc(curves: Sequence[_Curve]) -> _Curve | None:
    """The mean true positive rate at each false positive rate.

    A curve rises vertically at some abscissae, so each is taken twice, before and after its rise.
    """
    if not curves:
        return None
    grid = _grid(curves)
    before, after = np.zeros(len(grid)), np.zeros(len(grid))
    for curve in curves:
        before -= np.interp(-grid, -curve.x[::-1], -curve.y[::-1])
        after += np.interp(grid, curve.x, curve.y)
    heights = np.stack((before, after), axis=1).ravel() / len(curves)
    return _Curve(np.repeat(grid, 2), heights, None, _mean_area(curves))


def _mean_precision_recall(curves: Sequence[_Curve]) -> _Curve | None:
    """The mean precision at each recall, where a curve's precision is that of its first point to reach it."""
    if not curves:
        return None
    grid = _grid(curves)
    heights = np.zeros(len(grid))
    for curve in curves:
        heights += curve.y[np.searchsorted(curve.x, grid)]
    return _Curve(grid, heights / len(curves), None, _mean_area(curves))


def _grid(curves: Sequence[_Curve]) -> Floats:
    """The abscissae of all the curves, ascending and distinct."""
    limit = _limit(len(curves))
    return np.unique(np.concatenate([curve.thinned(limit).x for curve in curves]))


def _mean_area(curves: Sequence[_Curve]) -> float:
    return float(np.mean([curve.area for curve in curves]))


def _limit(curves: int) -> int:
    """How many points each of so many curves may have."""
    return max(_FEWEST_POINTS, min(MOST_POINTS, _POINTS_IN_ALL // max(curves, 1)))


def _table(curves: Mapping[str, _Curve], x: str, y: str) -> pl.DataFrame:
    """One table of all the curves, thinned."""
    schema = {"CURVE": pl.String, x: pl.Float64, y: pl.Float64, "THRESHOLD": pl.Float64, "AREA": pl.Float64}
    frames = [pl.DataFrame(schema=schema)]
    for name, curve in curves.items():
        thin = curve.thinned(_limit(len(curves)))
        thresholds = np.full(len(thin.x), None) if thin.thresholds is None else thin.thresholds
        columns = [
            pl.repeat(name, len(thin.x), eager=True),
            thin.x,
            thin.y,
            thresholds,
            np.full(len(thin.x), thin.area),
        ]
        frames.append(pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema))
    return pl.concat(frames)
