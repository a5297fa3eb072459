from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from epochal.plots.confusion import confusion_figure, plot_confusion
from epochal.plots.draw import draw_plots, image_grid, read_curves
from epochal.plots.precision_recall import plot_precision_recall
from epochal.plots.regression import plot_regression
from epochal.plots.roc import plot_roc
from epochal.tasks.curves import classification_curves, regression_curves


def _classification(samples: int, names: list[str], signal: float = 2.0) -> dict[str, pl.DataFrame]:
    random = np.random.default_rng(0)
    targets = random.integers(0, len(names), samples)
    logits = random.normal(size=(samples, len(names)))
    logits[np.arange(samples), targets] += signal
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return classification_curves(probabilities, targets, names)


def _write(folder: Path, tables: dict[str, pl.DataFrame], split: str) -> None:
    folder.mkdir(exist_ok=True)
    for name, table in tables.items():
        table.write_csv(folder / f"{name}_{split}.csv")


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        assert image.format == "PNG"
        image.load()
        return image.size


def test_a_classification_run_is_drawn(tmp_path: Path) -> None:
    _write(tmp_path / "curves", _classification(60, ["0", "1", "2"]), "val")
    _write(tmp_path / "curves", _classification(60, ["0", "1", "2"]), "test")
    history = tmp_path / "metrics.jsonl"
    lines = [
        {
            "step": 3 * epoch,
            "epoch": epoch,
            "train/loss": 1 / epoch,
            "val/loss": 1.0,
            "val/f1": 0.5,
            "train/lr": 0.1,
        }
        for epoch in (1, 2)
    ]
    history.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"step": 9, "ep')
    drawn = draw_plots(tmp_path / "curves", tmp_path / "plots", history, best=("val/f1", 2))
    assert [path.name for path in drawn] == [
        "loss.png",
        "metrics.png",
        "learning_rate.png",
        "confusion_val.png",
        "roc_val.png",
        "precision_recall_val.png",
        "confusion_test.png",
        "roc_test.png",
        "precision_recall_test.png",
    ]
    assert drawn == [tmp_path / "plots" / path.name for path in drawn]
    assert all(min(_size(path)) > 300 for path in drawn)


def test_a_regression_run_is_drawn(tmp_path: Path) -> None:
    targets = np.linspace(0, 10, 30)[:, None]
    _write(tmp_path / "curves", regression_curves(targets + 0.1, targets, ["dose"]), "test")
    drawn = draw_plots(tmp_path / "curves", tmp_path / "plots", tmp_path / "none.jsonl", splits=("test",))
    assert [path.name for path in drawn] == ["predicted_vs_true_test.png"]
    _size(drawn[0])


def test_a_folder_without_files_gives_no_pictures(tmp_path: Path) -> None:
    assert draw_plots(tmp_path, tmp_path / "plots", tmp_path / "metrics.jsonl") == []
    assert not (tmp_path / "plots").exists()


def test_names_that_look_like_numbers_stay_names(tmp_path: Path) -> None:
    tables = _classification(40, ["007", "008", "009"])
    _write(tmp_path, tables, "test")
    assert read_curves(tmp_path / "confusion_test.csv")["TARGET"].to_list() == ["007", "008", "009"]
    assert "007" in read_curves(tmp_path / "roc_test.csv")["CURVE"].to_list()


def test_counts_and_shares_are_written_into_the_cells() -> None:
    table = pl.DataFrame({"TARGET": ["cat", "dog"], "cat": [997, 0], "dog": [3, 4]})
    figure = plot_confusion(table, "test")
    cells = [[text.get_text() for text in axes.texts] for axes in figure.axes]
    assert cells == [["997", "3", "4"], [">99", "<1", "100"]]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["cat", "dog"]


def test_a_class_without_samples_has_an_empty_row() -> None:
    table = pl.DataFrame({"TARGET": ["cat", "ghost"], "cat": [2, 0], "ghost": [1, 0]})
    assert [text.get_text() for text in plot_confusion(table, "val").axes[1].texts] == ["67", "33"]


def test_many_classes_are_a_heatmap_with_the_worst_confusions() -> None:
    counts = np.diag(np.full(60, 20))
    counts[4, 7], counts[50, 2] = 5, 9
    names = [f"kind {k}" for k in range(60)]
    table = pl.DataFrame({"TARGET": names} | {name: counts[:, k] for k, name in enumerate(names)})
    figure = plot_confusion(table, "test")
    assert not figure.axes[0].texts
    assert len(figure.axes[0].get_xticklabels()) <= 50
    listed = [text.get_text() for text in figure.axes[1].texts]
    assert listed[1:] == ["9", "kind 50 → kind 2", "5", "kind 4 → kind 7"]


def test_the_confusion_matrix_as_pixels() -> None:
    pixels = confusion_figure(_classification(30, ["a", "b"])["confusion"])
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
    assert (pixels[0, 0] == 255).all()


@pytest.mark.parametrize(("classes", "lines"), [(2, 1), (3, 5), (10, 12), (30, 8)])
def test_the_areas_stand_in_the_legend(classes: int, lines: int) -> None:
    names = [f"_{k}" if k else "cost in $ or $$" for k in range(classes)]
    tables = _classification(400, names)
    for table, draw in (("roc", plot_roc), ("precision_recall", plot_precision_recall)):
        legend = draw(tables[table], "test").axes[0].get_legend()
        assert legend is not None
        labels = [text.get_text() for text in legend.get_texts()]
        assert len(labels) == lines
        first = "macro" if classes > 2 else names[1]
        area = tables[table].filter(CURVE=first)["AREA"][0]
        assert float(labels[0].split()[0]) == pytest.approx(area, abs=5e-4)


def test_good_roc_curves_are_enlarged() -> None:
    good = plot_roc(_classification(300, ["a", "b", "c"], signal=6)["roc"], "test")
    poor = plot_roc(_classification(300, ["a", "b", "c"], signal=1)["roc"], "test")
    assert [len(figure.axes[0].child_axes) for figure in (good, poor)] == [1, 0]


def test_a_regression_has_a_row_of_panels_for_each_target() -> None:
    targets = np.array([[0.0, 5.0], [1.0, 5.0], [2.0, 5.0]])
    predictions = np.array([[0.0, 6.0], [1.0, np.nan], [2.5, 4.0]])
    figure = plot_regression(regression_curves(predictions, targets, ["dose", "flat"])["scatter"], "test")
    assert figure is not None
    assert [axes.get_title(loc="left") for axes in figure.axes] == [
        "dose · test",
        "R² 0.875   RMSE 0.289   MAE 0.167",
        "flat · test",
        "RMSE 1   MAE 1",
    ]
    assert figure.axes[0].get_xlim() == figure.axes[0].get_ylim()


def test_a_regression_that_diverged_has_no_picture() -> None:
    targets = np.array([[0.0], [1.0]])
    assert plot_regression(regression_curves(targets * np.nan, targets, ["dose"])["scatter"], "test") is None


def test_a_grid_of_small_grey_images_is_enlarged_and_coloured() -> None:
    images = np.zeros((10, 1, 8, 8), dtype=np.float32)
    images[9] = 1.0
    images[0, 0, 0, 0] = 0.5
    grid = image_grid(images)
    assert grid.dtype == np.uint8
    assert grid.shape == (2 * 66 + 2, 8 * 66 + 2, 3)
    assert grid[2:10, 2:10].tolist() == np.full((8, 8, 3), 128).tolist()
    assert (grid[68:132, 68:132] == 255).all()  # the tenth image: second row, second column
    assert (grid[2:66, 68:132] == 0).all()


def test_a_grid_keeps_the_channels_of_large_images() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 70, 90), dtype=np.uint8)
    grid = image_grid(images, columns=1)
    assert grid.shape == (2 * 72 + 2, 92 + 2, 3)
    assert (grid[2:72, 2:92] == images[0, :3].transpose(1, 2, 0)).all()
