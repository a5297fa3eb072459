"""One look for every picture.

Matplotlib's object interface alone is used: pyplot keeps global state, which threads and a user's notebook
would share with us. It is imported inside the functions because it costs a third of a second.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import polars as pl
from PIL import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#23272e"
MUTED = "#7d838c"
GRID = "#e8eaed"
TRAIN = "#94a4a2"
VAL = "#3f90da"
HIGHLIGHT = "#e76300"

# The ten colours of Petroff, "Accessible color sequences for data visualization", arXiv 2107.02270: told
# apart under the common forms of colour blindness; the orange and the grey are moved back in the order.
COLOURS = (
    "#3f90da",
    "#bd1f01",
    "#ffa90e",
    "#832db6",
    "#717581",
    "#a96b59",
    "#e76300",
    "#92dadd",
    "#b9ac70",
    "#94a4a2",
)

MOST_NAMED = 10
"""Curves that an eye can tell apart in one picture."""

_LOWEST = 5  # of more curves than that, these few are named


def new_figure(width: float, height: float) -> Figure:
    """An empty white figure of this size in inches."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.12, h_pad=0.12, wspace=0.03, hspace=0.03)
    figure = Figure(figsize=(width, height), dpi=130, layout=layout, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Axes, title: str = "", x: str = "", y: str = "", grid: bool = True) -> None:
    """Give axes their title and labels, and take away what is not data."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold", color=INK, pad=10)
    axes.set_xlabel(x, fontsize=9.5, color=INK)
    axes.set_ylabel(y, fontsize=9.5, color=INK)
    axes.tick_params(colors=MUTED, labelcolor=INK, labelsize=8.5, length=3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(MUTED)
    axes.set_axisbelow(True)
    if grid:
        axes.grid(color=GRID, linewidth=0.8)


def elide(name: str, length: int = 24) -> str:
    """A name on one line, at most ``length`` characters, its middle left out, safe to show as it is."""
    name = " ".join(name.split())
    if len(name) > length:
        head = (length - 1) * 2 // 3
        name = f"{name[:head].rstrip()}…{name[head - length + 1 :].lstrip()}"
    return name.replace("$", r"\$")  # matplotlib reads what stands between two $ as mathematics


def save(figure: Figure, path: Path) -> None:
    """Write a PNG, making its folder.

    Pillow writes what one drawing gives: ``figure.savefig`` draws twice, once to measure, and a run has a
    dozen pictures.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(to_rgb(figure)).save(path, dpi=(figure.dpi, figure.dpi))


def to_rgb(figure: Figure) -> npt.NDArray[np.uint8]:
    """The figure as pixels, uint8 [H, W, 3]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    with _glyphs_may_miss():
        canvas.draw()  # type: ignore[no-untyped-call]
    pixels = canvas.buffer_rgba()  # type: ignore[no-untyped-call]
    return np.asarray(pixels)[:, :, :3].copy()


def _glyphs_may_miss() -> warnings.catch_warnings[None]:
    """Silence about letters that the font lacks: they show as boxes, which says it well enough."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)


@dataclass(frozen=True)
class Line:
    """How one curve of a table is drawn.

    rows: the curve's rows, among them AREA. label: for the legend, None where it is one of many.
    look: matplotlib's arguments.
    """

    rows: pl.DataFrame
    label: str | None
    look: dict[str, Any]


def lines_of(table: pl.DataFrame) -> list[Line]:
    """What to draw of a table of curves: the averages, the named ones, the others.

    Up to ten classes have a colour each. Of more, all are thin and grey but the few with the smallest AREA,
    which are named. Each label begins with the area; matplotlib would leave out one that begins with an
    underscore, as a class may.
    """
    curves = {str(name): rows for (name,), rows in table.group_by("CURVE", maintain_order=True)}
    averages = {name: curves.pop(name) for name in ("macro", "micro") if name in curves and len(curves) > 1}
    area = {name: float(rows["AREA"][0]) for name, rows in (curves | averages).items()}
    digits = 4 if max(area.values()) > 0.995 else 3
    lines = []
    for name, dash in (("macro", "-"), ("micro", (0, (4, 2)))):
        if name in averages:
            look = {"color": INK, "linewidth": 1.9, "linestyle": dash, "zorder": 3}
            lines.append(Line(averages[name], f"{_below_one(area[name], digits)}  {name} average", look))
    named = list(curves)
    if len(named) > MOST_NAMED:
        named = sorted(named, key=area.__getitem__)[:_LOWEST]
    width = 2.0 if len(curves) == 1 else 1.3
    for colour, name in zip(COLOURS, named, strict=False):
        label = f"{_below_one(area[name], digits)}  {elide(name)}"
        lines.append(Line(curves[name], label, {"color": colour, "linewidth": width, "zorder": 2}))
    faint = {"color": "#9aa1ab", "linewidth": 0.6, "alpha": 0.45, "zorder": 1.5}
    lines += [Line(rows, None, faint) for name, rows in curves.items() if name not in named]
    return lines


def add_legend_of(axes: Axes, lines: Sequence[Line], title: str) -> None:
    """The named curves with their areas: beside the axes, or below them where there is but one."""
    from matplotlib.lines import Line2D

    shown = {line.label: line for line in lines if line.label}
    faint = [line for line in lines if not line.label]
    if faint:
        shown[f"{len(faint)} more, none lower"] = faint[0]
    beside: dict[str, Any] = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)}
    below: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.1)}
    axes.legend(
        [Line2D([], [], **line.look) for line in shown.values()],
        list(shown),
        title=title,
        frameon=False,
        fontsize=8.5,
        title_fontproperties={"size": 8.5, "weight": "bold"},
        labelcolor=INK,
        alignment="left",
        **(beside if len(lines) > 1 else below),
    )


def _below_one(area: float, digits: int) -> str:
    """An area that is less than one never reads as one."""
    return f"{min(area, 1 - 10**-digits) if area < 1 else area:.{digits}f}"
