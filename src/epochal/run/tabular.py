"""Tables of runs as CSV and Markdown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any


def csv_text(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """CSV with a line an entry; an empty cell where there is nothing, lists as JSON."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(
        [
            ["" if cell is None else json.dumps(cell) if isinstance(cell, list) else cell for cell in row]
            for row in rows
        ]
    )
    return stream.getvalue()


def markdown_text(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A table of GitHub's Markdown, numbers to the right."""
    shown = [["" if cell is None else _short(cell).replace("|", "\\|") for cell in row] for row in rows]
    right = [
        any(isinstance(cell, int | float) for cell in column)
        and all(cell is None or isinstance(cell, int | float) for cell in column)
        for column in zip(*rows, strict=True)
    ] or [False] * len(header)
    marks = ["---:" if each else "---" for each in right]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, marks, *shown)) + "\n"


def _short(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return min(repr(value), f"{value:.4f}" if abs(value) >= 0.001 else f"{value:.4g}", key=len)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
