"""What the folds of a cross-validation come to: mean and spread over folds, and all predictions pooled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from epochal.analysis.assessment import assess, mistakes
from epochal.analysis.decision import Decision, curves_at, scores_at, takes_temperature
from epochal.data.draws import key_integer
from epochal.data.folds import groups_of
from epochal.data.foreign import forked_generators
from epochal.data.images import fitted
from epochal.data.manifest import Array, Source
from epochal.data.prepare import build_prepare
from epochal.data.sounds import sound_rate
from epochal.errors import DataError
from epochal.experiment.config import ExperimentConfig
from epochal.experiment.doubts import warn_of_doubts
from epochal.experiment.overlays import draw_pooled_overlays
from epochal.experiment.restore import read_decision, task_of_run
from epochal.experiment.texts import with_texts
from epochal.plots.draw import draw_plots, read_curves
from epochal.plots.folds import mean_roc, plot_mean_roc
from epochal.plots.gallery import draw_errors
from epochal.plots.sounds import pictured
from epochal.plots.style import save
from epochal.run.durable import write_json, write_text
from epochal.run.folder import RunFolder
from epochal.run.run import Run
from epochal.tasks.tables import arrays_of, decisions_of, read_predictions
from epochal.tasks.task import Task

LABEL = "pooled"


def write_pooled(folder: RunFolder, config: ExperimentConfig, folds: Sequence[Run], source: Source) -> None:
    """Write ``crossval.json``, the pooled predictions, curves and plots of finished folds into their parent.

    A pooled prediction is that of its fold, by the fold's own threshold where it has one.
    mean, std: over folds, of each score of the test part; std has the divisor k - 1.
    """
    scores = [_test_scores(fold) for fold in folds]
    tables = [
        read_predictions(fold.folder.predictions("test")).with_columns(pl.lit(number, pl.Int64).alias("FOLD"))
        for number, fold in enumerate(folds, start=1)
    ]
    table = pl.concat(tables, how="diagonal").sort("INDEX", "FOLD")
    groups = groups_of(config.data.split, source.manifest)
    if groups is not None:  # written anew, for folds of an older version lack them
        table = table.with_columns(groups.gather(table["INDEX"]).alias("GROUP"))
    first = [name for name in ("INDEX", "FILENAME", "FOLD", "GROUP") if name in table.columns]
    table = table.select(*first, pl.exclude(first))
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
        "pooled": _pooled(folder, config, folds, table, source),
    }
    warn_of_doubts(folder, {"all folds": content["pooled"]})
    _draw(folder, config, folds, source)
    write_json(folder.crossval, content)


def _test_scores(fold: Run) -> dict[str, float]:
    return {
        name.removeprefix("test/"): value for name, value in fold.metrics.items() if name.startswith("test/")
    }


def _pooled(
    folder: RunFolder, config: ExperimentConfig, folds: Sequence[Run], table: pl.DataFrame, source: Source
) -> dict[str, Any]:
    """Scores of all predictions together; empty for a task whose table has other columns than ours."""
    task, manifest = task_of_run(config, folds[0]), source.manifest
    try:
        predictions, targets = arrays_of(table, task.target, task.names)
    except DataError:
        return {}
    decided = decisions_of(table, predictions, task) if takes_temperature(task) else None
    scores = scores_at(task, predictions, decided, targets)
    rows = table["INDEX"].to_numpy()
    kept_together = groups_of(config.data.split, manifest)
    groups = None if kept_together is None else kept_together.gather(rows).to_numpy().astype(str)
    if groups is None and len(np.unique(rows)) < len(rows):
        groups = rows  # a sample that several repeats test is one
    found = assess(
        task,
        predictions,
        targets,
        config.evaluation,
        config.seed,
        decided=decided,
        groups=groups,
        columns=None if manifest.columns is None else manifest.columns[rows],
    )
    curves = curves_at(task, predictions, decided, targets)
    curves |= mistakes(task, table, predictions, decided, targets)
    curves = with_texts(curves, source)
    for kind, curve in curves.items():
        write_text(folder.curve(kind, LABEL), curve.write_csv())
    chosen = _thresholds(task, [read_decision(fold.folder) for fold in folds])
    if chosen:
        chosen["without_threshold"] = task.all_scores(predictions, targets).to_json()
    return {"samples": len(table), **scores.to_json(), **found, **chosen}


def _thresholds(task: Task, decisions: Sequence[Decision]) -> dict[str, Any]:
    """The part ``threshold``, its value the mean over folds, beside what each fold has; empty without any."""
    mean = Decision.mean(decisions)
    if mean.thresholds is None:
        return {}
    each = [decision.described(task)["value"] for decision in decisions]
    return {"threshold": {**mean.described(task), "chosen_on": "val of each fold", "folds": each}}


def _draw(folder: RunFolder, config: ExperimentConfig, folds: Sequence[Run], source: Source) -> None:
    """The pooled curves, of images and sounds the gallery of errors, and the ROC curve of each fold."""
    draw_plots(folder.curves, folder.plots, folder.history, splits=(LABEL,))
    errors, picture = folder.curve("errors", LABEL), pictured(source)
    if errors.exists() and source.masks is not None:
        draw_pooled_overlays(config, folder, folds, source, LABEL)
    elif errors.exists() and picture is not None:
        prepare = build_prepare(config.data.prepare, sound_rate(source))
        read = fitted(source.read, prepare.target)

        def prepared(row: int) -> Array:
            with forked_generators() as seed:  # a Dataset of the user's may draw from them
                seed(key_integer(config.seed, 0, row))
                return picture(prepare(read(row)), prepare.rate)

        path = folder.plots / f"errors_{LABEL}.png"
        draw_errors(pl.read_csv(errors, infer_schema_length=0), prepared, path)
    found = {
        f"fold {number}": read_curves(fold.folder.curve("roc", "test"))
        for number, fold in enumerate(folds, start=1)
        if fold.folder.curve("roc", "test").exists()
    }
    if found:
        curves = mean_roc(found)
        write_text(folder.curve("roc", "folds"), curves.write_csv())
        save(plot_mean_roc(curves), folder.plots / "roc_folds.png")
