"""Run folders written by hand: every file that a report shows, in its documented format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from PIL import Image

from epochal.config.yaml import dump_yaml
from epochal.plots.draw import read_curves
from epochal.plots.folds import mean_roc
from epochal.run.run import Run
from epochal.tasks.curves import classification_curves
from epochal.tasks.scores import classification_scores

NASTY = "</script><b>bold</b>"
CLASSES = ("cat", "dog", NASTY)
SECRET = "hunter2-not-for-readers"  # noqa: S105


def write_run(
    folder: Path, status: str = "finished", classes: tuple[str, ...] = CLASSES, rich: bool = True
) -> Run:
    """A run of a classification with scores, curves and all that evaluation may add."""
    folder.mkdir(parents=True)
    _write_config(folder, classes)
    _write_history(folder, 6)
    environment = {
        "started": "2026-11-21T18:10:22+00:00",
        "command": "epochal train pets.yaml",
        "folder": "/home/ada",
        "seed": 42,
        "data_digest": "93f084f75187b086",
        "git": {"commit": "dc50ff0", "branch": "main", "diff": f"diff --git a b\n+{SECRET}", "untracked": []},
        "hardware": {"device": "cpu", "cpus": 2},
        "python": "3.11.7",
        "packages": {"torch": "2.13.0", "epochal": "0.1.0"},
        "variables": {"API_TOKEN": SECRET},
    }
    _json(folder / "environment.json", environment)
    log = "2026-11-21 18:10:26,363 INFO 8,388 samples/s; 70.9% of the time was compute\n"
    (folder / "run.log").write_text(log)
    _json(folder / "statistics.json", _statistics(classes))
    for seed, split in enumerate(("val", "test")):
        _json(folder / "metrics" / f"{split}.json", write_results(folder, split, classes, seed, rich))
    if rich:
        _json(folder / "inspect.json", {"findings": _findings(), "splits": {}})
    if status != "running":
        (folder / f"{status}.out").write_text(
            f"{status}\n" if status == "finished" else "CUDA ran out of memory\n"
        )
    return Run(folder)


def write_parent(folder: Path) -> Run:
    """A cross-validation of three folds."""
    folder.mkdir(parents=True)
    _write_config(folder, CLASSES)
    pooled = write_results(folder, "pooled", CLASSES, 7, rich=True)
    overall = [
        {name: value - 0.01 * number for name, value in pooled["overall"].items()} for number in (-1, 0, 1)
    ]
    folds = [{"fold": k + 1, "run": f"folds/{k + 1}", "overall": scores} for k, scores in enumerate(overall)]
    mean = {name: float(np.mean([each[name] for each in overall])) for name in pooled["overall"]}
    std = {name: float(np.std([each[name] for each in overall])) for name in pooled["overall"]}
    roc = {name: read_curves(folder / "curves" / "roc_pooled.csv") for name in ("fold 1", "fold 2")}
    roc["fold 2"] = roc["fold 2"].with_columns(pl.col("TRUE_POSITIVE_RATE") ** 2)
    mean_roc(roc).write_csv(folder / "curves" / "roc_folds.csv")
    _json(folder / "crossval.json", {"folds": folds, "mean": mean, "std": std, "pooled": pooled})
    return Run(folder)


def write_results(
    folder: Path, split: str, classes: tuple[str, ...], seed: int, rich: bool
) -> dict[str, Any]:
    """Predictions and curves of a split, and the content of its metrics file."""
    generator = np.random.default_rng(seed)
    targets = generator.integers(0, len(classes), 240)
    logits = generator.normal(0, 1, (240, len(classes))) + 2.2 * np.eye(len(classes))[targets]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)
    for path in ("curves", "predictions", "plots"):
        (folder / path).mkdir(exist_ok=True)
    for kind, table in classification_curves(probabilities, targets, classes).items():
        table.write_csv(folder / "curves" / f"{kind}_{split}.csv")
    filenames = [
        f"{classes[k] if '/' not in classes[k] else 'odd'}/{row:03}.png" for row, k in enumerate(targets)
    ]
    names = np.array(classes)
    table = pl.DataFrame({"INDEX": range(240), "FILENAME": filenames, "TARGET": names[targets]})
    table.with_columns(PREDICTION=names[predicted]).write_csv(folder / "predictions" / f"{split}.csv")
    scores = classification_scores(probabilities, targets, classes).to_json()
    content = {**scores, "samples": 240}
    if rich:
        _write_additions(folder, split, classes, table)
        content |= _additions(scores["overall"])
    return content


def _additions(overall: dict[str, float]) -> dict[str, Any]:
    intervals = {name: [value - 0.04, min(1.0, value + 0.03)] for name, value in overall.items()}
    group = {"overall": overall, "intervals": intervals}
    return {
        "intervals": intervals,
        "interval_method": "percentile bootstrap, 1,000 draws",
        "calibration": {"ece": 0.031, "brier": 0.21, "temperature": 1.32},
        "threshold": {"rule": "youden", "class": "cat", "value": 0.41, "chosen_on": "val"},
        "without_threshold": {"overall": overall},
        "subgroups": {
            "sex": {
                "female": {"samples": 131, **group, "too_small": False},
                "male": {"samples": 109, **group, "too_small": False},
            },
            "site": {"Ulm": {"samples": 7, **group, "too_small": True}},
        },
        "gaps": {"sex": {"demographic_parity": 0.08, "equal_opportunity": 0.05, "equalised_odds": 0.07}},
    }


def _write_additions(folder: Path, split: str, classes: tuple[str, ...], table: pl.DataFrame) -> None:
    bins = np.linspace(0.4, 0.95, 7)
    calibration = {"CLASS": ["all"] * 7, "CONFIDENCE": bins, "FREQUENCY": bins**1.2, "COUNT": [10] * 7}
    pl.DataFrame(calibration).write_csv(folder / "curves" / f"calibration_{split}.csv")
    confused = {"TARGET": ["cat"], "PREDICTION": [classes[-1]], "COUNT": [9], "SHARE": [0.11]}
    pl.DataFrame(confused).write_csv(folder / "curves" / f"confused_{split}.csv")
    errors = table.head(40).with_columns(PREDICTION=pl.lit("dog"), CONFIDENCE=pl.lit(0.93), LOSS=pl.lit(4.2))
    errors.write_csv(folder / "curves" / f"errors_{split}.csv")
    pixels = np.random.default_rng(0).integers(0, 255, (90, 60, 3), dtype=np.uint8).repeat(8, 0).repeat(14, 1)
    Image.fromarray(pixels).save(folder / "plots" / f"errors_{split}.png")


def _write_config(folder: Path, classes: tuple[str, ...]) -> None:
    config = {
        "name": folder.parent.name,
        "seed": 42,
        "task": "classification",
        "data": {
            "source": {"name": "folder", "root": "nowhere"},
            "augment": [{"name": "rotation", "degrees": 10}],
        },
        "model": {"name": "simple_cnn", "dropout": 0.2},
        "optimizer": {"name": "AdamW", "lr": 0.003 if folder.name.endswith("a") else 0.001},
        "training": {"epochs": 6, "monitor": "val/loss", "monitor_direction": "auto"},
        "derived": {
            "kind": "image",
            "names": list(classes),
            "input_shape": [3, 32, 32],
            "parameters": 53098,
            "samples": {"train": 720, "val": 240, "test": 240},
            "monitor": "val/loss",
            "data_digest": "93f084f75187b086",
        },
    }
    (folder / "config.yaml").write_text(dump_yaml(config))


def _write_history(folder: Path, epochs: int) -> None:
    rows = [
        {
            "step": 20 * epoch,
            "epoch": epoch,
            "train/loss": 2.0 / epoch,
            "val/loss": 2.0 / epoch + 0.1 * (epoch == epochs),
            "val/accuracy": 1 - 0.5 / epoch,
            "val/rmse": 30.0 / epoch,
            "train/lr": 10.0**-epoch,
            "seconds": 0.5,
        }
        for epoch in range(1, epochs + 1)
    ]
    rows[-1]["val/loss"] = 1.0  # the fifth epoch is the best
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _statistics(classes: tuple[str, ...]) -> dict[str, Any]:
    channels = {
        name: [value] * 3 for name, value in (("mean", 0.4), ("std", 0.2), ("minimum", 0.0), ("maximum", 1.0))
    }
    return {"count": 720, **channels, "target_counts": [720 // len(classes)] * len(classes)}


def _findings() -> list[dict[str, Any]]:
    return [
        {
            "kind": "duplicate",
            "severity": "error",
            "what": "the same image stands in train and test",
            "count": 31,
            "rows": list(range(20)),
            "filenames": [f"cat/{row:03}.png" for row in range(20)],
            "mend": "drop one of each pair",
        },
        {"kind": "imbalance", "severity": "warning", "what": "class owl is rare", "count": 1, "mend": ""},
    ]


def _json(path: Path, value: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value))
