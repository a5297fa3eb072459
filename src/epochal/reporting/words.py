"""Numbers and names as a reader wants them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from epochal.tasks.scores import DIRECTIONS

_LABELS = {
    "roc_auc": "ROC AUC",
    "f1": "F1",
    "mae": "MAE",
    "rmse": "RMSE",
    "r2": "R²",
    "ece": "ECE",
    "brier": "Brier score",
    "lr": "learning rate",
}
_LOWER_IS_BETTER = {"ece", "brier", *(name for name, better in DIRECTIONS.items() if better == "min")}


def label(name: str) -> str:
    """``balanced_accuracy`` -> ``balanced accuracy``; the known abbreviations as they are written."""
    return _LABELS.get(name, re.sub(r"^top(\d+)_", r"top-\1 ", name).replace("_", " "))


def heading(name: str) -> str:
    """A label at the start of a line."""
    text = label(name)
    return text[:1].upper() + text[1:]


def is_lower_better(name: str) -> bool:
    """Whether a score is an error."""
    return name in _LOWER_IS_BETTER


def number(value: Any) -> str:
    """Four decimals below ten, fewer above; what is less than one never reads as one."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return "–" if value is None else str(value)
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}"
    if size >= 100:
        return f"{value:.1f}"
    if size >= 10:
        return f"{value:.2f}"
    if 0 < size < 5e-4:
        return f"{value:.2e}"
    if 0.99995 <= value < 1:
        return "0.9999"
    return f"{value:.4f}"


def short(value: float) -> str:
    """Four digits, without an exponent where it is read more easily without."""
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.4g}"


def p_value(value: float | None) -> str:
    """``0.012``, ``< 0.001``."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.2g}"


def count(value: Any) -> str:
    """A whole number with its thousands apart."""
    return f"{round(value):,}" if isinstance(value, int | float) else "–"


def percent(share: float) -> str:
    """A share in per cent, without hiding that a small one is not nothing and a large one not all."""
    value = 100 * share
    if 0 < value < 0.5:
        return "<1"
    return ">99" if 99.5 <= value < 100 else f"{value:.0f}"


def duration(seconds: float) -> str:
    """``42 s``, ``3 min 20 s``, ``5 h 12 min``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(text: str) -> str:
    """An ISO time to the minute, in UTC."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).strftime("%d %B %Y, %H:%M UTC").lstrip("0")
    except ValueError:
        return text


def component(value: Any) -> str:
    """A component of a config, ``{name: AdamW, lr: 0.001}``, on one line: ``AdamW · lr 0.001``."""
    if isinstance(value, dict):
        parts = [f"{key} {component(entry)}" for key, entry in value.items() if key != "name"]
        return " · ".join([str(value["name"]), *parts] if "name" in value else parts) or "none"
    if isinstance(value, list):
        plain = not any(isinstance(entry, dict | list) for entry in value)
        return (", " if plain else "; ").join(component(entry) for entry in value) if value else "none"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
