from __future__ import annotations

import numpy as np
import pytest

from epochal.data.masks.coding import IGNORED, given_coding, palette, settled
from epochal.errors import ConfigError, DataError


def test_classes_by_name_are_the_values_from_0_and_255_is_left_out() -> None:
    coding = given_coding(["background", "tumour", "cyst"], None, None)
    assert coding is not None
    found = coding.classes_of(np.array([[0, 2], [1, 255]]))
    assert found.tolist() == [[0, 2], [1, IGNORED]]


def test_classes_may_have_values_of_their_own() -> None:
    coding = given_coding({"sky": 7, "road": 3}, None, 0)
    assert coding is not None
    assert coding.classes_of(np.array([7, 3, 0])).tolist() == [0, 1, IGNORED]


def test_another_value_is_told_with_the_classes() -> None:
    coding = given_coding(["background", "tumour"], None, None)
    assert coding is not None
    with pytest.raises(DataError, match=r"values 3, 7 stand for no class.*0 background, 1 tumour"):
        coding.classes_of(np.array([[0, 3], [7, 3]]))


@pytest.mark.parametrize(("values", "expected"), [([0, 255], (0, 255)), ([0, 1], (0, 1))])
def test_masks_of_two_values_are_background_and_foreground(
    values: list[int], expected: tuple[int, int]
) -> None:
    coding = settled(None, values, None)
    assert (coding.names, coding.values) == (("background", "foreground"), expected)


def test_255_is_the_second_of_two_named_classes_where_no_1_occurs() -> None:
    coding = settled(given_coding(["background", "tumour"], None, None), [0, 255], None)
    assert coding.classes_of(np.array([0, 255])).tolist() == [0, 1]
    coding = settled(given_coding(["background", "tumour"], None, None), [0, 1, 255], None)
    assert coding.classes_of(np.array([1, 255])).tolist() == [1, IGNORED]


def test_values_that_nothing_names_are_classes_of_their_own() -> None:
    coding = settled(None, [1, 4, 9, 255], 255)
    assert (coding.names, coding.ignored) == (("1", "4", "9"), 255)


@pytest.mark.parametrize(
    ("classes", "colors", "ignored", "what"),
    [
        (["a", "b"], {"a": [0, 0, 0]}, None, "classes or colors"),
        (["a"], None, None, "1 classes"),
        ({"a": 1, "b": 1}, None, None, "one value"),
        (None, {"a": [0, 0, 300], "b": [1, 1, 1]}, None, "colour of a"),
        (None, {"a": [0, 0, 0], "b": [1, 1, 1]}, 255, "coloured"),
    ],
)
def test_what_is_told_of_masks_must_fit_together(
    classes: list[str] | None, colors: dict[str, list[int]] | None, ignored: int | None, what: str
) -> None:
    with pytest.raises(ConfigError, match=what):
        given_coding(classes, colors, ignored)


def test_colours_are_the_datas_own_or_all_different() -> None:
    colors = palette(("road", "sky"), {"sky": [1, 2, 3]})
    assert colors[1].tolist() == [1, 2, 3]
    assert len(np.unique(palette([])[:60], axis=0)) == 60


def test_coloured_masks_are_shown_in_their_own_colours() -> None:
    coding = given_coding(None, {"road": [1, 2, 3], "sky": [9, 8, 7]}, None)
    assert coding is not None
    assert coding.palette[:2].tolist() == [[1, 2, 3], [9, 8, 7]]
