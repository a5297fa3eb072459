"""What the folds of a cross-validation come to: mean and spread over folds, and all predictions pooled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from epochal.analysis.assessment import assess, reliability
from epochal.analysis.decision import takes_temperature
from epochal.analysis.mistakes import confused_pairs
from epochal.data.folds import groups_of
from epochal.data.manifest import Manifest
from epochal.errors import DataError
from epochal.experiment.config import ExperimentConfig
from epochal.experiment.restore import task_of_run
from epochal.plots.calibration import plot_calibration
from epochal.plots.draw import draw_plots, read_curves
from epochal.plots.folds import mean_roc, plot_mean_roc
from epochal.plots.style import save
from epochal.run.durable import write_json, write_text
from epochal.run.folder import RunFolder
from epochal.run.run import Run
from epochal.tasks.classification import Classification
from epochal.tasks.tables import arrays_of, read_predictions

LABEL = "pooled"


def write_pooled(
    folder: RunFolder, config: ExperimentConfig, folds: Sequence[Run], manifest: Manifest
) -> None:
    """Write ``crossval.json``, the pooled predictions, curves and plots of finished folds into their parent.

    mean, std: over folds, of each score of the test part; std has the divisor k - 1.
    """
    scores = [_test_scores(fold) for fold in folds]
    tables = [
        read_predictions(fold.folder.predictions("test")).with_columns(pl.lit(number, pl.Int64).alias("FOLD"))
        for number, fold in enumerate(folds, start=1)
    ]
    table = pl.concat(tables).sort("INDEX", "FOLD")
    table = table.select("INDEX", "FILENAME", "FOLD", pl.exclude("INDEX", "FILENAME", "FOLD"))
    write_text(folder.predictions(LABEL), table.write_csv())
    names = [name for name in scores[0] if all(name in each for each in scores)]
    values = {name: np.array([each[name] for each in scores]) for name in names}
    content: dict[str, Any] = {
        "folds": [
            {"fold": number, "run": f"folds/{number}", "samples": len(tested), "overall": each}
            for number, (tested, each) in enumerate(zip(tables, scores, strict=True), start=1)
        ],
        "mean": {name: float(each.mean()) for name, each in values.items()},
        "std": {name: float(each.std(ddof=1)) if len(each) > 1 else 0.0 for name, each in values.items()},
        "pooled": _pooled(folder, config, folds[0], table, manifest),
    }
    _write_curves(folder, folds)
    write_json(folder.crossval, content)


def _test_scores(fold: Run) -> dict[str, float]:
    return {
        name.removeprefix("test/"): value for name, value in fold.metrics.items() if name.startswith("test/")
    }


def _pooled(
    folder: RunFolder, config: ExperimentConfig, fold: Run, table: pl.DataFrame, manifest: Manifest
) -> dict[str, Any]:
    """Scores of all predictions together; empty for a task whose table has other columns than ours."""
    task = task_of_run(config, fold)
    try:
        predictions, targets = arrays_of(table, manifest.target_kind, manifest.names)
    except DataError:
        return {}
    scores = task.scores(predictions, targets)
    # a sample that several repeats test is one, and so is a group
    rows = table["INDEX"].to_numpy()
    kept_together = groups_of(config.data.split, manifest)
    groups = rows if kept_together is None else kept_together[rows]
    columns = None if manifest.columns is None else manifest.columns[rows]
    found = assess(task, predictions, targets, config.evaluation, config.seed, groups=groups, columns=columns)
    curves = task.curves(predictions, targets)
    if takes_temperature(task):
        curves["calibration"] = reliability(task, predictions, targets)
    if isinstance(task, Classification):
        curves["confused"] = confused_pairs(predictions.argmax(axis=1), targets, task.names)
    for kind, curve in curves.items():
        write_text(folder.curve(kind, LABEL), curve.write_csv())
    return {"samples": len(table), **scores.to_json(), **found}


def _write_curves(folder: RunFolder, folds: Sequence[Run]) -> None:
    draw_plots(folder.curves, folder.plots, folder.history, splits=(LABEL,))
    if folder.curve("calibration", LABEL).exists():
        figure = plot_calibration(read_curves(folder.curve("calibration", LABEL)), LABEL)
        save(figure, folder.plots / f"calibration_{LABEL}.png")
    found = {
        f"fold {number}": read_curves(fold.folder.curve("roc", "test"))
        for number, fold in enumerate(folds, start=1)
        if fold.folder.curve("roc", "test").exists()
    }
    if found:
        curves = mean_roc(found)
        write_text(folder.curve("roc", "folds"), curves.write_csv())
        save(plot_mean_roc(curves), folder.plots / "roc_folds.png")
