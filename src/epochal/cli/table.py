"""Tables as text for a terminal.

Ten thousand rows are written in a tenth of a second; rich would take several.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

FORMATS = ("table", "csv", "json", "markdown")
_GAP = "  "


@dataclass(frozen=True)
class Column:
    """A column of text.

    style: from a cell to its colour. keep: shown again in each part of a table that is folded.
    """

    title: str
    cells: Sequence[str]
    right: bool = False
    style: Callable[[str], str | None] | None = None
    keep: bool = False

    @property
    def width(self) -> int:
        """Of the widest cell, in characters."""
        return max(map(len, (self.title, *self.cells)))


def format_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """``--format``, with ``--json`` beside it."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="How to print the table.",
    )(function)


def text_table(columns: Sequence[Column]) -> str:
    """The columns side by side, the header in bold."""
    widths = [column.width for column in columns]
    last = len(columns) - 1

    def line(cells: Sequence[str], styles: Sequence[Mapping[str, Any]]) -> str:
        parts = []
        for place, (cell, style) in enumerate(zip(cells, styles, strict=True)):
            padding = " " * (widths[place] - len(cell))
            shown = click.style(cell, **style) if style and cell else cell
            right, is_last = columns[place].right, place == last
            parts.append(padding + shown if right else shown if is_last else shown + padding)
        return _GAP.join(parts).rstrip()

    lines = [line([column.title for column in columns], [{"bold": True}] * len(columns))]
    plain: dict[str, Any] = {}
    for cells in zip(*(column.cells for column in columns), strict=True):
        styles = [
            {"fg": column.style(cell)} if column.style else plain
            for column, cell in zip(columns, cells, strict=True)
        ]
        lines.append(line(cells, styles))
    return "\n".join(lines)


def folded(columns: Sequence[Column], width: int) -> list[list[Column]]:
    """The columns in as many parts as are needed to fit a width, those to keep first in each."""
    kept = [column for column in columns if column.keep]
    start = sum(column.width + len(_GAP) for column in kept) - len(_GAP)
    parts, used = [list(kept)], start
    for column in columns:
        if column.keep:
            continue
        if used + len(_GAP) + column.width > width and len(parts[-1]) > len(kept):
            parts.append(list(kept))
            used = start
        parts[-1].append(column)
        used += len(_GAP) + column.width
    return parts


def setting(value: Any) -> str:
    """A setting as one would write it: ``0.003``, ``[32, 64]``, ``true``; ``-`` where there is none."""
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def duration(seconds: float | None) -> str:
    """``12.3s``, ``4m05s``, ``2h07m``, ``3d04h``."""
    if seconds is None:
        return ""
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02}h"


def print_text(text: str, *, terminal: bool) -> None:
    """Print with colours where a terminal shows them."""
    click.echo(text, color=terminal)
