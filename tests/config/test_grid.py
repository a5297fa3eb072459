"""Combinations of the values that overrides give."""

from __future__ import annotations

import pytest

from epochal.config.grid import combinations, covering, split_values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,2", ["1", "2"]),
        ("[1,2],[3]", ["[1,2]", "[3]"]),
        ("{name: SGD, lr: 1},Adam", ["{name: SGD, lr: 1}", "Adam"]),
        ("'a,b',c", ["'a,b'", "c"]),
        ("null, 0.1", ["null", "0.1"]),
        ("", [""]),
        ("1,", ["1", ""]),
    ],
)
def test_values_are_split_at_commas_outside_brackets_and_quotes(text: str, expected: list[str]) -> None:
    assert split_values(text) == expected


def test_every_combination_once_the_last_setting_changing_fastest() -> None:
    assert combinations(["a=1,2", "c=5", "b=[1,2],3"]) == [
        ("a=1 b=[1,2]", ("a=1", "c=5", "b=[1,2]")),
        ("a=1 b=3", ("a=1", "c=5", "b=3")),
        ("a=2 b=[1,2]", ("a=2", "c=5", "b=[1,2]")),
        ("a=2 b=3", ("a=2", "c=5", "b=3")),
    ]


def test_each_value_is_in_one_of_the_covering_combinations() -> None:
    covered = list(covering(["a=1,2,3", "b=x,y", "c=5"]))
    assert {text for chosen in covered for text in chosen} == {"a=1", "a=2", "a=3", "b=x", "b=y", "c=5"}
    assert len(covered) == 4  # of six
    assert list(covering([])) == [()]
