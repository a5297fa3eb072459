"""Reading ``metrics.jsonl``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def read_history(path: Path) -> list[dict[str, Any]]:
    """The lines of ``metrics.jsonl`` in order; a last line that was cut off by a crash is left out."""
    if not path.exists():
        return []
    rows: list[dict[str, Any]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            break
    return rows


def epoch_rows(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Only the lines that close an epoch; the ones in between hold the loss of single steps."""
    return [row for row in rows if "train/loss" in row or "seconds" in row]
