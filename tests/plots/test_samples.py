from __future__ import annotations

import numpy as np

from epochal.plots.samples import Row, plot_offending, plot_samples
from epochal.plots.style import to_rgb


def pictures(count: int, channels: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    return list(np.random.default_rng(0).random((count, channels, 9, 7), np.float32))


def test_each_class_has_a_row_with_its_name_and_count() -> None:
    rows = [Row("cat", 1200, pictures(8, 3)), Row("dog", 2, pictures(2, 1)), Row("owl", 0, [])]
    figure = plot_samples(rows, "pets · val")
    assert [text.get_text() for text in figure.texts] == [
        "pets · val",
        "cat",
        "1,200",
        "dog",
        "2",
        "owl",
        "0",
    ]
    assert len(figure.axes) == 10
    assert np.asarray(figure.axes[0].images[0].get_array()).shape == (9, 7, 3)
    assert to_rgb(figure).std() > 10


def test_classes_after_the_24th_are_counted() -> None:
    figure = plot_samples([Row(str(number), 1, pictures(1, 1)) for number in range(30)], "many")
    assert len(figure.axes) == 24
    assert figure.texts[-1].get_text() == "... and 6 more"


def test_a_picture_that_can_not_be_read_is_a_crossed_field_with_its_name() -> None:
    large = np.zeros((3, 900, 400), np.uint8)
    figure = plot_offending([Row("error: 2 files cut off", 2, [None, large], ["a.png", "b.png"])])
    assert [len(axes.lines) for axes in figure.axes] == [2, 0]
    assert [axes.get_xlabel() for axes in figure.axes] == ["a.png", "b.png"]
    assert max(np.asarray(figure.axes[1].images[0].get_array()).shape) <= 180
