from __future__ import annotations

import math
from typing import Any

from matplotlib.figure import Figure

from epochal.plots.history import plot_learning_rate, plot_loss, plot_metrics, series


def _rows(epochs: int, steps: int = 4) -> list[dict[str, Any]]:
    """What a run writes: a line for some steps, and one that closes each epoch."""
    rows: list[dict[str, Any]] = []
    for epoch in range(1, epochs + 1):
        rows += [
            {"step": step, "epoch": epoch, "train/batch_loss": 2 / step, "train/lr": 0.1 / step}
            for step in range((epoch - 1) * steps + 1, epoch * steps + 1)
        ]
        rows.append(
            {
                "step": epoch * steps,
                "epoch": epoch,
                "train/loss": 1 / epoch,
                "train/accuracy": 1 - 0.5 / epoch,
                "val/loss": 1.2 / epoch,
                "val/accuracy": 1 - 0.6 / epoch,
                "val/f1": 1 - 0.7 / epoch,
            }
        )
    return rows


def _labels(figure: Figure | None) -> list[str]:
    assert figure is not None
    return [text.get_text() for text in figure.legends[0].get_texts()]


def test_of_two_lines_for_one_epoch_the_last_holds() -> None:
    rows: list[dict[str, Any]] = [
        {"epoch": 1, "step": 4, "val/loss": 9.0},
        {"epoch": 2, "step": 8, "val/loss": math.nan},
        {"epoch": 1, "step": 4, "val/loss": 1.0},
        {"epoch": 3, "step": 12, "val/loss": None},
    ]
    found = series(rows, "val/loss", "epoch")
    assert found.x.tolist() == [1.0]
    assert found.y.tolist() == [1.0]


def test_the_loss_is_drawn_for_both_splits_with_the_best_epoch() -> None:
    figure = plot_loss(_rows(5), ("val/accuracy", 4))
    assert _labels(figure) == ["single batches", "training", "validation", "best epoch (4)"]
    assert figure is not None
    axes = figure.axes[0]
    by_label = {str(line.get_label()): line for line in axes.lines}
    assert list(by_label["validation"].get_ydata()) == [1.2 / epoch for epoch in range(1, 6)]  # type: ignore[arg-type]
    batches = by_label["single batches"].get_xdata()
    assert list(batches)[:4] == [0.25, 0.5, 0.75, 1.0]  # type: ignore[arg-type]
    assert axes.get_title(loc="right") == "0.3"


def test_one_wild_batch_does_not_flatten_the_losses() -> None:
    rows = [*_rows(5), {"step": 3, "epoch": 1, "train/batch_loss": 1e6}]
    figure = plot_loss(rows, None)
    assert figure is not None
    assert figure.axes[0].get_ylim()[1] < 2


def test_one_epoch_still_shows_its_points() -> None:
    figure = plot_loss(_rows(1), ("val/loss", 1))
    assert _labels(figure) == ["single batches", "training", "validation"]
    assert figure is not None
    validation = next(line for line in figure.axes[0].lines if line.get_label() == "validation")
    assert validation.get_marker() == "o"


def test_each_score_has_a_panel_and_the_monitor_its_best_value() -> None:
    figure = plot_metrics(_rows(6), ("val/accuracy", 5))
    assert _labels(figure) == ["training", "validation", "best epoch (5)"]
    assert figure is not None
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["accuracy", "f1"]
    assert [axes.get_title(loc="right") for axes in figure.axes] == ["0.88", "0.86"]
    dots = [[line for line in axes.lines if line.get_markersize() == 8] for axes in figure.axes]
    assert [len(found) for found in dots] == [1, 0]
    assert list(dots[0][0].get_xdata()) == [5]  # type: ignore[arg-type]


def test_a_run_without_a_best_epoch_shows_its_last_scores() -> None:
    figure = plot_metrics(_rows(3), None)
    assert _labels(figure) == ["training", "validation"]
    assert figure is not None
    assert figure.axes[0].get_title(loc="right") == "0.8"


def test_a_rate_that_falls_by_factors_is_logarithmic() -> None:
    falling = [{"step": step, "train/lr": 0.1 ** (step // 10)} for step in range(40)]
    cosine = [{"step": step, "train/lr": 1 + math.cos(step / 40 * math.pi)} for step in range(40)]
    scales = []
    for rows in (falling, cosine):
        figure = plot_learning_rate(rows)
        assert figure is not None
        scales.append(figure.axes[0].get_yscale())
    assert scales == ["log", "linear"]


def test_nothing_to_draw_draws_nothing() -> None:
    assert plot_loss([], None) is None
    assert plot_metrics([{"epoch": 1, "step": 1, "val/loss": 1.0}], None) is None
    assert plot_learning_rate([]) is None
