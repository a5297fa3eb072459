from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from matplotlib.collections import PathCollection

from epochal.analysis.calibration import class_reliability
from epochal.plots.calibration import plot_calibration
from epochal.plots.gallery import Tile, draw_errors, save_gallery
from epochal.plots.style import to_rgb


def _reliability(classes: int) -> pl.DataFrame:
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(200, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return class_reliability(
        probabilities, generator.integers(classes, size=200), [f"$c{k}" for k in range(classes)]
    )


def test_the_second_of_two_classes_is_drawn_and_named() -> None:
    figure = plot_calibration(_reliability(2), "test")
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [" \\$c1", "all"]
    assert to_rgb(figure).std() > 10


def test_of_many_classes_only_all_is_drawn() -> None:
    figure = plot_calibration(_reliability(12), "val")
    assert figure.axes[0].get_legend() is None
    assert figure.axes[0].get_title(loc="left") == "Reliability · val"


def test_bins_of_few_samples_are_joined_with_their_neighbours() -> None:
    table = pl.DataFrame(
        {
            "CLASS": ["all"] * 3,
            "CONFIDENCE": [0.2, 0.5, 0.9],
            "FREQUENCY": [1.0, 0.5, 0.9],
            "COUNT": [1, 50, 90],
        }
    )
    axes = plot_calibration(table, "test").axes[0]
    joined = next(line for line in axes.lines if line.get_label() == "all")
    np.testing.assert_allclose(np.asarray(joined.get_xdata(), float), [(0.2 + 25) / 51, 0.9])
    np.testing.assert_allclose(np.asarray(joined.get_ydata(), float), [26 / 51, 0.9])
    (points,) = (each for each in axes.collections if isinstance(each, PathCollection))
    small, large = np.asarray(points.get_sizes())
    assert large > small


def test_a_gallery_shows_each_image_and_its_lines(tmp_path: Path) -> None:
    from PIL import Image

    red = np.zeros((3, 4, 8), np.uint8)
    red[0] = 255
    grey = np.full((1, 300, 300), 0.5, np.float32)
    tiles = [Tile(red, ("a/very/long/path/to/a/file/of/some/name.png", "true: cat")), Tile(grey, ("b.png",))]
    save_gallery([("first", tiles), ("second", tiles[:1])], tmp_path / "plots" / "errors.png")
    with Image.open(tmp_path / "plots" / "errors.png") as picture:
        pixels = np.asarray(picture)
    assert (pixels == (255, 0, 0)).all(axis=2).sum() == 2 * 150 * 75
    assert (pixels == (128, 128, 128)).all(axis=2).sum() >= 150 * 150


def test_a_table_of_errors_becomes_a_gallery(tmp_path: Path) -> None:
    row = {"RANK": "1", "FILENAME": "x.png", "CONFIDENCE": "0.9", "TARGET": "cat", "PREDICTION": None}
    rows = [{"KIND": kind, "INDEX": "3", **row} for kind in ("confidently_wrong", "least_certain")]
    asked: list[int] = []

    def read(index: int) -> np.ndarray:
        asked.append(index)
        return np.zeros((1, 8, 8), np.float32)

    draw_errors(pl.DataFrame(rows), read, tmp_path / "errors.png")
    assert asked == [3, 3]
    assert (tmp_path / "errors.png").exists()
    draw_errors(pl.DataFrame(rows).clear(), read, tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
