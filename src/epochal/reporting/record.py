"""What a run folder tells, read once: the only part of the report that opens its files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from epochal.config.yaml import parse_yaml
from epochal.run.history import epoch_rows
from epochal.run.run import Run
from epochal.secrets import redacted, redacted_values
from epochal.tasks.scores import direction

Json = dict[str, Any]

POOLED = "pooled"
"""The name of the split that all folds of a cross-validation make together."""

_TABLES = ("confusion", "roc", "precision_recall", "calibration", "confused", "errors", "scatter")
_ORDER = (POOLED, "test", "val", "train")
_TEXT = dict.fromkeys(("FILENAME", "CURVE", "CLASS", "NAME", "GROUP", "TEXT"), pl.String)
_CLASSES = {"TARGET": pl.String, "PREDICTION": pl.String}


@dataclass(frozen=True)
class SplitResult:
    """The results of one split, or of other data.

    scores: the content of ``metrics/{name}.json``. tables: those of ``curves/`` that there are, by kind.
    gallery: the picture of the worst mistakes, None where there is none.
    """

    name: str
    scores: Json
    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    gallery: Path | None = None


@dataclass(frozen=True)
class Record:
    """One run folder, or the parent of a cross-validation.

    config, config_text: ``config.yaml``. history: ``metrics.jsonl``. results: headline split first.
    log: the last line of ``run.log`` without its time. inspection: ``inspect.json``, of a parent that of
    its first fold.
    crossval, fold_roc: ``crossval.json`` and ``curves/roc_folds.csv`` of a parent.
    encoding: ``encoding.json``, of a parent that of its first fold.
    best_epoch: by the monitor, from 1; None without an epoch.
    pictures: what the task drew of the best weights.
    predicted: samples of each class in the predictions of a split, by split, where targets are classes.
    """

    run: Run
    status: str
    reason: str
    config: Json
    config_text: str
    environment: Json
    history: list[Json]
    statistics: Json
    encoding: Json
    inspection: Json
    crossval: Json
    log: str
    results: list[SplitResult]
    fold_roc: pl.DataFrame | None
    best_epoch: int | None
    pictures: list[Path]
    predicted: dict[str, dict[str, int]]

    @property
    def derived(self) -> Json:
        """What was found out and not asked for."""
        return dict(self.config.get("derived") or {})

    @property
    def is_parent(self) -> bool:
        """Whether it is a cross-validation."""
        return bool(self.crossval) or (self.run.path / "folds").is_dir()


def read_record(run: Run) -> Record:
    """Read a run folder; whatever is not there yet is empty, and ``***`` stands for secrets, of old runs too.

    Raises ConfigError where its config.yaml is no YAML.
    """
    folder = run.folder
    text = folder.config.read_text(encoding="utf-8")
    config, _ = parse_yaml(text, str(folder.config))
    config = redacted_values(config) if isinstance(config, dict) else {}
    crossval = _json(run.folder.crossval)
    results = _results(run, crossval)
    environment = redacted_values(_json(folder.environment))
    first = Run(run.path / "folds" / "1").folder
    if first.config.is_file() and not config.get("derived"):
        # what was found out, and on what machine, only the folds wrote down
        config = config | {"derived": _of_all_folds(first.config)}
        environment = environment or redacted_values(_json(first.environment))
    history = run.history
    status: str = run.status
    if status == "crashed" and (crossval or (run.path / "folds").is_dir()):
        status = "finished" if crossval else "unfinished"  # a parent is done once its scores are written
    return Record(
        run=run,
        status=status,
        reason=redacted(run.reason) if status == run.status else "",
        config=config,
        config_text=redacted(text),
        environment=environment,
        history=history,
        statistics=_json(folder.statistics),
        encoding=_json(folder.encoding) or _json(first.encoding),
        inspection=_json(folder.inspection) or _json(first.inspection),
        crossval=crossval,
        log=redacted(_last_line(folder.log)),
        results=results,
        fold_roc=_table(path) if (path := folder.curve("roc", "folds")).is_file() else None,
        best_epoch=_best_epoch(config, history),
        pictures=_pictures(folder.plots),
        predicted=_predicted(run, [result.name for result in results]) if _has_classes(config) else {},
    )


def _of_all_folds(path: Path) -> Json:
    """What a fold found out, of all samples: each is in one of its splits."""
    config, _ = parse_yaml(path.read_text(encoding="utf-8"), str(path))
    derived: Json = dict(config.get("derived") or {})
    return derived | {"samples": {"all": sum((derived.get("samples") or {}).values())}, "split_digest": None}


def _has_classes(config: Json) -> bool:
    return config.get("task") == "classification"


def _json(path: Path) -> Json:
    if not path.is_file():
        return {}
    value = json.loads(path.read_text(encoding="utf-8"))
    return value if isinstance(value, dict) else {}


def _results(run: Run, crossval: Json) -> list[SplitResult]:
    """The splits that have scores; the pooled one first, then test, validation, training, other data."""
    scores = {path.stem: _json(path) for path in sorted((run.path / "metrics").glob("*.json"))}
    if crossval.get(POOLED):
        scores[POOLED] = crossval[POOLED]
    names = [name for name in _ORDER if name in scores] + [name for name in scores if name not in _ORDER]
    return [_result(run, name, scores[name]) for name in names]


def _result(run: Run, name: str, scores: Json) -> SplitResult:
    folder = run.folder
    paths = {kind: folder.curve(kind, name) for kind in _TABLES}
    gallery = folder.plots / f"errors_{name}.png"
    return SplitResult(
        name=name,
        scores=scores,
        tables={kind: table for kind, path in paths.items() if path.is_file() and len(table := _table(path))},
        gallery=gallery if gallery.is_file() else None,
    )


def _table(path: Path) -> pl.DataFrame:
    """A table of coordinates; names stay text, also where they look like numbers."""
    columns = pl.read_csv(path, n_rows=0, infer_schema=False).columns
    text = _TEXT if path.name.startswith("scatter") else _TEXT | _CLASSES
    overrides = {name: kind for name, kind in text.items() if name in columns}
    return pl.read_csv(path, schema_overrides=overrides, infer_schema_length=None)


def _last_line(path: Path) -> str:
    """``2026-11-21 18:10:26,363 INFO 8,388 samples/s; ...`` without its beginning."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []
    return lines[-1].partition(" INFO ")[2] if lines else ""


def _best_epoch(config: Json, history: Iterable[Json]) -> int | None:
    """The first epoch whose monitored score no other exceeds."""
    monitor = str((config.get("derived") or {}).get("monitor") or "val/loss")
    asked = (config.get("training") or {}).get("monitor_direction", "auto")
    sign = -1 if (direction(monitor) if asked == "auto" else asked) == "max" else 1
    if monitor == "epoch":  # no score is followed, and the last epoch is the best
        sign = -1
    rows = [row for row in epoch_rows(list(history)) if isinstance(row.get(monitor), int | float)]
    return int(min(rows, key=lambda row: sign * row[monitor])["epoch"]) if rows else None


def _pictures(plots: Path) -> list[Path]:
    """Forecasts, and the pictures that have one of each epoch beside them, which only a task draws."""
    names = sorted({path.name.rpartition("_epoch_")[0] for path in plots.glob("*_epoch_*.png")})
    drawn = [path for name in names if (path := plots / f"{name}.png").is_file()]
    return drawn + sorted(plots.glob("forecast_*.png"))


def _predicted(run: Run, splits: Iterable[str]) -> dict[str, dict[str, int]]:
    counts = {}
    for split in splits:
        path = run.folder.predictions(split)
        if path.is_file():
            table = pl.read_csv(path, columns=["TARGET"], schema_overrides={"TARGET": pl.String})
            counts[split] = {str(name): int(count) for name, count in table["TARGET"].value_counts().rows()}
    return counts
