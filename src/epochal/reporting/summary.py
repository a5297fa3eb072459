"""The head of the page: what was done, how it ended, and the main scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from epochal.config.given import PREFIX, shown_name
from epochal.reporting.record import Json, Record, SplitResult
from epochal.reporting.words import component, count, duration, moment
from epochal.run.history import epoch_rows

MAIN_SCORES = (
    "accuracy", "balanced_accuracy", "roc_auc", "f1", "exact_match", "average_precision", "precision",
    "recall", "rmse", "mae", "r2", "loss",
)  # fmt: skip
_CARDS = 4
_TONES = {"finished": "good", "running": "busy", "unfinished": "warn", "interrupted": "warn"}
_THINGS = {
    "image": "images",
    "vector": "rows of a table",
    "tensor": "samples",
    "series": "series",
    "text": "texts",
}


def main_scores(overall: Json, most: int = _CARDS) -> list[str]:
    """The scores that tell most, best known first; those of the user's own come last."""
    known = [name for name in MAIN_SCORES if name in overall]
    ordered = [*known, *(name for name in overall if name not in known)]
    return sorted(ordered, key="loss".__eq__)[:most]


def describe(record: Record) -> dict[str, Any]:
    """The heading of one run or cross-validation."""
    environment = record.environment
    return {
        "name": record.config.get("name") or record.run.name,
        "folder": f"{record.run.name}/{record.run.path.name}",
        "id": record.run.id,
        "what": "Cross-validation" if record.is_parent else "Run",
        "status": record.status,
        "tone": _TONES.get(record.status, "bad"),
        "reason": record.reason if record.status != record.reason else "",
        "sentence": _sentence(record),
        "cards": cards(record),
        "facts": [
            (name, value)
            for name, value in (
                ("started", moment(environment["started"]) if "started" in environment else ""),
                ("training took", _trained(record)),
                ("best epoch", _best(record)),
                ("device", environment.get("hardware", {}).get("gpu") or record.derived.get("device")),
            )
            if value
        ],
    }


def cards(record: Record) -> dict[str, Any] | None:
    """The main scores of the headline split with what is known of their uncertainty."""
    if not record.results:
        return None
    result = record.results[0]
    mean, std = record.crossval.get("mean", {}), record.crossval.get("std", {})
    names = main_scores(result.scores.get("overall", {}))
    return {
        "split": result.name,
        "few": few_units(result.scores),
        "samples": samples_of(record, result),
        "folds": len(record.crossval.get("folds", [])),
        "scores": [
            {
                "name": name,
                "value": result.scores["overall"][name],
                "interval": result.scores.get("intervals", {}).get(name),
                "mean": mean.get(name),
                "std": std.get(name),
            }
            for name in names
        ],
    }


def few_units(scores: Json) -> str:
    """How many samples or groups intervals are from, where that is too few; else empty."""
    units: Json = scores.get("interval_units") or {}
    return ", ".join(f"{n} {unit}" for unit, n in units.items()) if scores.get("interval_warning") else ""


def samples_of(record: Record, result: SplitResult) -> int | None:
    """How many samples a split's scores are of, where that was written."""
    found = result.scores.get("samples") or record.derived.get("samples", {}).get(result.name)
    return int(found) if found is not None else None


def _sentence(record: Record) -> str:
    """``Classification of 1,797 images into 10 classes by simple_cnn (53,098 parameters).``"""
    facts, config = record.derived, record.config
    task = component(config.get("task", "training")).partition(" · ")[0]
    things = "sounds" if facts.get("rate") else _THINGS.get(str(facts.get("kind")), "samples")
    number = sum((facts.get("samples") or {}).values())
    of = f" of {count(number)} {things}" if number else f" of {things}"
    names: Sequence[str] = facts.get("names") or ()
    into = f" into {len(names)} classes" if names and task == "classification" else ""
    into = f" with {len(names)} labels" if names and task == "multilabel" else into
    model = config.get("model")
    name = model.get("name") if isinstance(model, dict) else model
    others = list(facts.get("input_shapes") or ())[1:]
    beside = f" with {' and '.join(others)}" if others else ""
    by = f" by {shown_name(name)}" if name else ""
    size = f" ({count(facts['parameters'])} parameters)" if facts.get("parameters") else ""
    source = (config.get("data") or {}).get("source")
    origin = source.get("name") if isinstance(source, dict) else source
    where = f", data from {origin}" if origin and not origin.startswith(PREFIX) else ""
    return f"{task.capitalize()}{of}{beside}{into}{by}{size if by else ''}{where}."


def _trained(record: Record) -> str:
    seconds = sum(float(row.get("seconds") or 0.0) for row in epoch_rows(record.history))
    return duration(seconds) if seconds else ""


def _best(record: Record) -> str:
    if record.best_epoch is None:
        return ""
    planned = (record.config.get("training") or {}).get("epochs")
    done = epoch_rows(record.history)[-1]["epoch"]
    of = f"of {done}" if done == planned or not planned else f"of {done} done, {planned} planned"
    if record.status == "finished" and planned and done < planned:
        of = f"of {done}, stopped early ({planned} planned)"
    monitor = record.derived.get("monitor") or "val/loss"
    return f"{record.best_epoch} {of}" + (f", by {monitor}" if monitor != "epoch" else "")
