from __future__ import annotations

from typing import Any

import pytest

from epochal.config.merge import has, merge, paths, put

ADAM = {"name": "AdamW", "lr": 0.1}


@pytest.mark.parametrize(
    ("base", "top", "merged"),
    [
        ({"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"d": 3}, "e": 4}, {"a": 1, "b": {"c": 1, "d": 3}, "e": 4}),
        ({"a": [1, 2, 3]}, {"a": [4]}, {"a": [4]}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
        ({"a": None}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"o": ADAM}, {"o": {"name": "SGD", "momentum": 0.9}}, {"o": {"name": "SGD", "momentum": 0.9}}),
        ({"o": ADAM}, {"o": "SGD"}, {"o": "SGD"}),
        ({"o": ADAM}, {"o": {"lr": 0.2}}, {"o": {"name": "AdamW", "lr": 0.2}}),
        ({"o": ADAM}, {"o": {"name": "AdamW", "eps": 1}}, {"o": {"name": "AdamW", "lr": 0.1, "eps": 1}}),
        ({"o": ADAM}, {"o": "AdamW"}, {"o": ADAM}),
        ({"o": "AdamW"}, {"o": ADAM}, {"o": ADAM}),
        ({"n": "standard"}, {"n": {"mean": [1], "std": [2]}}, {"n": {"mean": [1], "std": [2]}}),
        ({"n": {"mean": [1], "std": [2]}}, {"n": "standard"}, {"n": "standard"}),
    ],
)
def test_layers(base: Any, top: Any, merged: Any) -> None:
    assert merge(base, top, is_root=True) == merged


def test_the_name_of_the_experiment_replaces_nothing_else() -> None:
    assert merge({"name": "a", "seed": 1}, {"name": "b"}, is_root=True) == {"name": "b", "seed": 1}


def test_neither_layer_is_changed() -> None:
    base, top = {"a": {"b": 1}}, {"a": {"c": 2}}
    merge(base, top, is_root=True)
    put(base, ("a", "d"), 3, is_root=True)
    assert (base, top) == ({"a": {"b": 1}}, {"a": {"c": 2}})


def test_put_goes_through_lists_names_and_missing_sections() -> None:
    values: Any = {"steps": ["flip", "rotation"], "empty": None}
    values = put(values, ("steps", 1, "degrees"), 5, is_root=True)
    values = put(values, ("empty", "a", "b"), 1, is_root=True)
    assert values == {"steps": ["flip", {"name": "rotation", "degrees": 5}], "empty": {"a": {"b": 1}}}


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("steps", 1), "the list has 1 item and no '1'"),
        (("steps", "first"), "no 'first'"),
        (("seed", "x"), "3 is a single value"),
    ],
)
def test_put_refuses_a_path_that_leads_nowhere(path: tuple[str | int, ...], words: str) -> None:
    with pytest.raises(LookupError, match=words):
        put({"steps": ["flip"], "seed": 3}, path, 1, is_root=True)


def test_paths_and_has_agree() -> None:
    values = {"a": [1, {"b": 2}], 0: None}
    assert list(paths(values)) == [(), ("a",), ("a", 0), ("a", 1), ("a", 1, "b"), (0,)]
    assert all(has(values, path) for path in paths(values))
    assert not any(has(values, path) for path in [("b",), ("a", 2), ("a", "0"), ("a", 0, "c"), (0, "x")])
