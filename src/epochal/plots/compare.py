"""Runs side by side: their scores over epochs in one picture, and the differences with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from epochal.plots.history import series
from epochal.plots.style import COLOURS, HIGHLIGHT, INK, MOST_NAMED, MUTED, VAL, dress, elide, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ROW = 0.42  # inches
_UNBOUNDED = ("loss", "mae", "rmse")  # in units of their own, so that no axis is shared with them
_LONGEST = 44
_MEANING = {True: VAL, False: HIGHLIGHT, None: MUTED}


@dataclass(frozen=True)
class Curve:
    """One run: its lines of ``metrics.jsonl``, its title, and the number of its group: its colour."""

    rows: Sequence[Mapping[str, Any]]
    title: str
    group: int


@dataclass(frozen=True)
class Estimate:
    """A difference of two groups in one score, with its 95 % interval.

    better: whether the one that is compared is clearly better than what it is compared with; None where
    that is not clear.
    """

    score: str
    title: str
    difference: float
    low: float
    high: float
    p_value: float
    better: bool | None


def plot_curves(curves: Sequence[Curve], score: str) -> Figure | None:
    """The validation score of every run over epochs, and the loss beside it; None where nothing was written.

    Runs of one group share a colour. Of more groups than colours, the later ones are grey.
    """
    keys = list(dict.fromkeys((f"val/{score}", "val/loss")))
    panels = {key: [(curve, series(curve.rows, key, "epoch")) for curve in curves] for key in keys}
    panels = {key: [pair for pair in pairs if len(pair[1])] for key, pairs in panels.items()}
    panels = {key: pairs for key, pairs in panels.items() if pairs}
    if not panels:
        return None
    figure = new_figure(5.2 * len(panels) + 0.4, 4.6)
    grid = figure.subplots(1, len(panels), squeeze=False).ravel()
    handles: dict[str, Any] = {}
    for axes, (key, pairs) in zip(grid, panels.items(), strict=True):
        dress(axes, f"validation {key[4:].replace('_', ' ')}", "epoch")
        for curve, values in pairs:
            named = curve.group < MOST_NAMED
            (line,) = axes.plot(
                values.x,
                values.y,
                color=COLOURS[curve.group] if named else "#b4bac2",
                linewidth=1.6 if named else 0.8,
                marker="o" if len(values) <= 30 else "",
                markersize=3,
                alpha=0.9,
                zorder=2 if named else 1.5,
            )
            handles.setdefault(elide(curve.title, _LONGEST) if named else "others", line)
        _whole_epochs(axes)
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
        ncols=2 if len(handles) > 1 else 1,
        frameon=False,
        fontsize=8.5,
        labelcolor=INK,
    )
    return figure


def plot_differences(estimates: Sequence[Estimate]) -> Figure | None:
    """A forest plot: each difference with its 95 % interval beside zero; None where there is none.

    One pair of groups: a row a score, scores in units of their own below in a panel each. Several pairs:
    a panel a score, a row a pair.
    """
    if not estimates:
        return None
    single = len({estimate.title for estimate in estimates}) == 1
    panels: dict[str, list[Estimate]] = {}
    for estimate in estimates:
        shared = single and estimate.score not in _UNBOUNDED
        panels.setdefault("" if shared else estimate.score, []).append(estimate)
    heights = [len(rows) for rows in panels.values()]
    figure = new_figure(8.2, _ROW * sum(heights) + 0.95 * len(heights) + 0.9)
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=[each + 0.8 for each in heights])
    for axes, (score, rows) in zip(grid.ravel(), panels.items(), strict=True):
        title = "difference in scores" if not score else f"difference in {score.replace('_', ' ')}"
        _draw_forest(axes, rows, [row.score.replace("_", " ") for row in rows] if single else None)
        dress(axes, title, grid=False)
        axes.grid(axis="x", color="#e8eaed", linewidth=0.8)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)
    if single:
        figure.suptitle(_on_one_line(estimates[0].title), x=0.01, ha="left", fontsize=10, color=INK)
    _add_meaning(figure, {estimate.better for estimate in estimates})
    return figure


def _add_meaning(figure: Figure, shown: set[bool | None]) -> None:
    from matplotlib.lines import Line2D

    words = {True: "better", False: "worse", None: "not clear"}
    handles = [
        Line2D([], [], color=_MEANING[each], linewidth=2, marker="o", markersize=5, label=words[each])
        for each in words
        if each in shown
    ]
    figure.legend(
        handles=handles,
        title="with the 95 % interval",
        loc="outside lower center",
        ncols=len(handles),
        frameon=False,
        fontsize=8.5,
        title_fontsize=8.5,
        labelcolor=INK,
    )


def _draw_forest(axes: Axes, rows: Sequence[Estimate], labels: Sequence[str] | None) -> None:
    places = list(range(len(rows)))[::-1]  # the first on top
    axes.axvline(0, color=MUTED, linewidth=1, zorder=1)
    for place, row in zip(places, rows, strict=True):
        colour = _MEANING[row.better]
        axes.plot([row.low, row.high], [place, place], color=colour, linewidth=2, solid_capstyle="butt")
        axes.plot([row.difference], [place], "o", color=colour, markersize=6, markeredgecolor="white")
        axes.annotate(
            _p_text(row.p_value),
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            color=INK if row.better is not None else MUTED,
            annotation_clip=False,
        )
    names = labels or ["\n".join(elide(line, _LONGEST) for line in row.title.splitlines()) for row in rows]
    axes.set_yticks(places, names)
    axes.set_ylim(-0.6, len(rows) - 0.4)


def _on_one_line(title: str) -> str:
    return " ".join(elide(line, _LONGEST) for line in title.splitlines())


def _p_text(p_value: float) -> str:
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}" if p_value < 0.995 else "p = 1"


def _whole_epochs(axes: Axes) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(nbins="auto", integer=True, min_n_ticks=1))
