"""Forecasts in time: what was known, what came, what was forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from epochal.plots.style import GRID, HIGHLIGHT, INK, MUTED, VAL, dress, elide, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLUMNS = 3
_LOOKS: dict[str, dict[str, Any]] = {
    "history": {"color": MUTED, "linewidth": 1.2},
    "truth": {"color": INK, "linewidth": 1.8},
    "prediction": {"color": HIGHLIGHT, "linewidth": 1.8},
}
_NAIVE: tuple[dict[str, Any], ...] = (
    {"color": VAL, "linewidth": 1.2, "linestyle": (0, (4, 2))},
    {"color": VAL, "linewidth": 1.2, "linestyle": (0, (1, 2))},
)


def plot_forecast(table: pl.DataFrame, split: str) -> Figure | None:
    """A panel for each sample, of the first target; naive forecasts are dashed and dotted.

    table: SAMPLE, TARGET, KIND, STEP, VALUE. Rows that are not finite are left out; None where no others are.
    """
    table = table.filter(pl.col("VALUE").is_finite())
    if table.is_empty():
        return None
    name = str(table["TARGET"][0])
    table = table.filter(TARGET=name).with_columns(pl.col("SAMPLE").cast(pl.String))
    samples = table["SAMPLE"].unique(maintain_order=True).to_list()
    rules = [kind for kind in table["KIND"].unique(maintain_order=True) if kind not in _LOOKS]
    looks = _LOOKS | dict(zip(rules, _NAIVE, strict=False))
    rows = -(-len(samples) // _COLUMNS)
    figure = new_figure(11.5, 0.7 + 2.7 * rows)
    panels = figure.subplots(rows, _COLUMNS, squeeze=False)
    horizon = int(table["STEP"].max())  # type: ignore[arg-type]
    lines: dict[str, Any] = {}
    for number, panel in enumerate(panels.flat):
        if number >= len(samples):
            panel.set_visible(False)
            continue
        left, last = number % _COLUMNS == 0, number + _COLUMNS >= len(samples)
        dress(panel, "", "steps from the last known" if last else "", elide(name, 30) if left else "")
        panel.set_title(elide(samples[number], 34), loc="left", fontsize=9, color=INK)
        panel.axvspan(0, horizon, color=GRID, zorder=0)
        of_sample = table.filter(SAMPLE=samples[number])
        for kind, look in looks.items():
            points = of_sample.filter(KIND=kind).sort("STEP")
            if not points.is_empty():
                marker = "o" if len(points) == 1 else None
                (lines[kind],) = panel.plot(points["STEP"], points["VALUE"], marker=marker, **look)
    figure.legend(
        lines.values(),
        lines.keys(),
        title=f"forecasts · {split}",
        loc="outside upper left",
        ncols=len(lines),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        alignment="left",
        title_fontproperties={"size": 11, "weight": "bold"},
    )
    return figure
