from __future__ import annotations

import math
from typing import Any

import pytest

from epochal.config.yaml import dump_yaml, parse_yaml
from epochal.errors import ConfigError


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1e-3", 1e-3),
        ("5E2", 500.0),
        (".5", 0.5),
        ("20", 20),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("null", None),
        ("", None),
        ("'1e-3'", "1e-3"),
        ("!!str 3", "3"),
        ("2024-01-02", "2024-01-02"),
        ("12:30:45", "12:30:45"),
        ("017", 17),
        ("${HOME}", "${HOME}"),
        ("[1, {a: x}]", [1, {"a": "x"}]),
    ],
)
def test_scalars_are_yaml_1_2(written: str, value: Any) -> None:
    read = parse_yaml(f"key: {written}", "file.yaml")[0]["key"]
    assert read == value
    assert type(read) is type(value)


def test_values_are_plain_and_lines_are_those_of_the_keys() -> None:
    text = "# comment\na: 1\nb:\n  - x\n  - {c: 2}\n\nd:\n  e: |\n    long\n  f: 3\n"
    values, lines = parse_yaml(text, "file.yaml")
    assert values == {"a": 1, "b": ["x", {"c": 2}], "d": {"e": "long\n", "f": 3}}
    assert type(values) is dict
    assert type(values["b"]) is list
    assert lines[("a",)] == 2
    assert lines[("b", 1)] == lines[("b", 1, "c")] == 5
    assert lines[("d", "f")] == 10


def test_anchors_and_merge_keys_work_and_written_keys_win() -> None:
    values, lines = parse_yaml("base: &base {p: 1, q: 2}\ntop:\n  q: 3\n  <<: *base\n", "file.yaml")
    assert values["top"] == {"p": 1, "q": 3}
    assert lines[("top", "q")] == 3
    assert parse_yaml("- &a {p: 1}\n- &b {p: 2, q: 2}\n- <<: [*a, *b]\n", "f")[0][2] == {"p": 1, "q": 2}


def test_aliases_do_not_share_what_is_changed_later() -> None:
    values, _ = parse_yaml("a: &x {p: 1}\nb: *x\n", "file.yaml")
    values["a"]["p"] = 2
    assert values["b"] == {"p": 1}


def test_an_empty_document_is_none() -> None:
    assert parse_yaml("# only a comment\n", "file.yaml") == (None, {})


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("a:\n\tb: 1\n", 2, "tab"),
        ("a: 1\nb: [1,\n", 3, "opened here or above"),
        ("a: 1\nb: [1\n", 2, "never closed"),
        ("a: 1\nb: 'x\n", 2, "never closed"),
        ("a: b: c\n", 1, "second ': '"),
        ("a: 1\n  b: 2\n", 2, "wrong indentation"),
        ("- a\nb: 2\n", 2, "does not continue"),
        ("a: @x\n", 1, "quotes"),
        ("a: 1\nb: *none\n", 2, "undefined alias"),
        ("a: &x [*x]\n", 1, "contains itself"),
        ("a: 1\nb: !python/object {c: 1}\n", 2, "tag '!python/object'"),
        ("a: !!int ten\n", 1, "'ten'"),
        ("a: {{ x }}\n", 1, "a key must be a single word"),
        ("a: 1\n---\nb: 1\n", 2, "second document"),
        ("<<: 3\n", 1, "'<<'"),
    ],
)
def test_mistakes_are_one_line_with_file_and_line(text: str, line: int, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml(text, "configs/skin.yaml")
    message = str(caught.value)
    assert message.startswith(f"configs/skin.yaml:{line}: ")
    assert words in message
    assert "\n" not in message


def test_control_characters_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^file\.yaml: unacceptable character"):
        parse_yaml("a: \x00", "file.yaml")


def test_all_duplicate_keys_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_yaml("a: 1\nb:\n  c: 1\n  c: 2\na: 3\n", "file.yaml")
    assert [problem.where for problem in caught.value.problems] == ["file.yaml:4", "file.yaml:5"]
    assert "'a' stands on line 1" in str(caught.value)


def test_what_is_written_reads_back_equal() -> None:
    values: dict[Any, Any] = {
        "texts": ["no", "1e-3", "null", "", "a: b # c", "~/x", "*x", "{x}", "2024-01-01", "é", " y ", "1_0"],
        "numbers": [1e-5, 1e22, 3, -0.5, math.inf],
        "many lines": "one\ntwo\n",
        "nothing": None,
        "empty": [[], {}],
        "component": {"name": "AdamW", "lr": 1e-3, "betas": [0.9, 0.999]},
        "steps": ["flip", {"name": "rotation", "degrees": 15}],
        "deep": {"section": {"flag": True, "matrix": [[1, 2], [3]]}},
        "long": "word " * 60,
        0: "a number for a key",
    }
    assert parse_yaml(dump_yaml(values), "file.yaml")[0] == values


def test_short_components_and_lists_stand_on_one_line() -> None:
    text = dump_yaml({"optimizer": {"name": "AdamW", "lr": 1e-3}, "channels": [32, 64], "none": None})
    assert text == "optimizer: {name: AdamW, lr: 0.001}\nchannels: [32, 64]\nnone: null\n"


def test_writing_leaves_other_users_of_ruamel_alone() -> None:
    import io

    from ruamel.yaml import YAML

    dump_yaml({"a": None})
    stream = io.StringIO()
    YAML().dump({"a": None}, stream)
    assert stream.getvalue() == "a:\n"
