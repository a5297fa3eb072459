from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from epochal.plots.style import elide, lines_of, new_figure, save, to_rgb


def _table(areas: dict[str, float]) -> pl.DataFrame:
    return pl.DataFrame({"CURVE": list(areas), "AREA": list(areas.values())})


def test_short_names_stay_and_long_ones_lose_their_middle() -> None:
    assert elide("cat") == "cat"
    short = elide("a very long class name that nobody reads in full", 24)
    assert len(short) <= 24
    assert short.startswith("a very long")
    assert short.endswith("full")
    assert elide("two\nlines") == "two lines"


def test_dollars_are_shown_as_dollars() -> None:
    figure = new_figure(3, 1)
    text = figure.text(0.1, 0.5, elide("$\\frac$"))  # a broken formula, if it were read as one
    pixels = to_rgb(figure)
    assert text.get_text().count(r"\$") == 2
    assert pixels.min() < 128


def test_a_letter_that_the_font_lacks_is_no_error(tmp_path: Path) -> None:
    figure = new_figure(2, 1)
    figure.text(0.1, 0.5, "猫")
    save(figure, tmp_path / "made" / "cat.png")
    with Image.open(tmp_path / "made" / "cat.png") as image:
        assert image.format == "PNG"
    assert to_rgb(figure).shape[2] == 3


def test_up_to_ten_curves_have_a_name_and_a_colour_each() -> None:
    lines = lines_of(
        _table({f"class {k}": 0.9 - k / 100 for k in range(10)} | {"macro": 0.85, "micro": 0.86})
    )
    assert [line.label for line in lines[:3]] == [
        "0.850  macro average",
        "0.860  micro average",
        "0.900  class 0",
    ]
    assert len({line.look["color"] for line in lines[2:]}) == 10


def test_of_many_curves_the_lowest_are_named() -> None:
    lines = lines_of(_table({f"class {k}": 0.5 + k / 250 for k in range(100)} | {"macro": 0.7, "micro": 0.7}))
    named = [line.label for line in lines if line.label]
    assert named[2:] == [f"{0.5 + k / 250:.3f}  class {k}" for k in range(5)]
    assert len(lines) == 102


def test_an_area_below_one_never_reads_as_one() -> None:
    labels = [line.label for line in lines_of(_table({"a": 0.99999, "b": 1.0}))]
    assert labels == ["0.9999  a", "1.0000  b"]


def test_pyplot_is_never_used_and_threads_may_draw() -> None:
    results: list[float] = []
    loaded = set(sys.modules)

    def draw() -> None:
        figure = new_figure(2, 2)
        figure.add_subplot().plot([0, 1], [0, 1])
        results.append(float(np.mean(to_rgb(figure))))

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert len(set(results)) == 1
    assert "matplotlib.pyplot" not in set(sys.modules) - loaded
