"""Faults, oddities and leaks of texts, by the functions that inspect and train use."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import epochal
from epochal.errors import DataError
from epochal.verbs.inspect import Inspection

ANIMALS = ("cat", "dog", "owl", "fox", "bear", "wolf", "crow", "hare")


def rows(count: int = 60) -> list[tuple[str, str, str]]:
    """Texts of their own, their class and split."""
    return [
        (
            f"Number {number}: the {ANIMALS[number % 8]} meets the {ANIMALS[number // 8]}!",
            "ab"[number % 2],
            ("train", "val", "test")[min(2, number % 5)],
        )
        for number in range(count)
    ]


def inspected(path: Path, found: list[tuple[str, str, str]], *overrides: str) -> Inspection:
    pl.DataFrame(found, schema=["text", "label", "split"], orient="row").write_csv(path / "t.csv")
    source = {"name": "table", "path": str(path / "t.csv"), "text": "text", "target": "label"}
    config = {
        "name": "t",
        "data": {"source": {**source, "split": "split"}, "split": {"name": "column"}, "encode": "words"},
    }
    return epochal.inspect(config, *overrides, output=path / "out", quiet=True)


def kinds(found: Inspection) -> dict[str, tuple[str, int]]:
    return {finding.kind: (finding.severity, finding.count) for finding in found.findings}


def test_whole_texts_have_no_findings_and_their_lengths_are_told(tmp_path: Path) -> None:
    found = inspected(tmp_path, rows())
    assert kinds(found) == {}
    assert found.kind == "text"
    train = found.splits["train"].texts
    assert train is not None
    assert train["tokens_median"] == 9
    assert train["truncated"] == 0
    table = pl.read_csv(tmp_path / "out" / "texts.csv")
    assert len(table) == 60
    assert table["TOKENS"].is_sorted(descending=True)
    unknown = found.splits["test"].texts
    assert unknown is not None
    assert 0 < unknown["unknown"] < 0.5  # the numbers of test


def test_texts_that_are_cut_are_counted(tmp_path: Path) -> None:
    found = inspected(tmp_path, rows(), "data.encode={name: words, max_length: 5}")
    train = found.splits["train"].texts
    assert train is not None
    assert train["truncated"] == 1


def test_the_same_text_in_two_splits_is_a_leak(tmp_path: Path) -> None:
    changed = rows()
    for number in (1, 6, 11):  # of val
        changed[number] = (changed[number - 1][0], changed[number - 1][1], "val")
    for number in (17, 22):  # of test
        changed[number] = (f" {changed[number - 2][0].upper()} ?", changed[number - 2][1], "test")
    found = inspected(tmp_path, changed)
    assert kinds(found)["same_text"] == ("error", 3)
    assert kinds(found)["similar_text"] == ("error", 2)
    # what a model is measured by stays
    assert {found.drop[row][0] for row in found.drop} == {"0", "5", "10", "15", "20"}
    rest = inspected(tmp_path, changed, f"data.exclude={tmp_path / 'out' / 'drop.csv'}")
    assert rest.errors == []


def test_empty_texts_and_one_text_with_two_targets(tmp_path: Path) -> None:
    changed = rows()
    changed[3] = ("", "b", "test")
    changed[5] = (changed[10][0], "b", "train")
    changed[10] = (changed[10][0], "a", "train")
    found = inspected(tmp_path, changed)
    assert kinds(found) == {"empty_text": ("error", 1), "contradictory_text": ("warning", 2)}
    assert found.samples == 59
    assert set(found.drop) == {3, 5, 10}
    assert found.findings[0].places == (f"{tmp_path / 't.csv'}:5",)
    with pytest.raises(DataError, match="the text is empty"):
        epochal.train(
            {"name": "t", "data": {"source": {"name": "table", "path": str(tmp_path / "t.csv"),
             "text": "text", "target": "label"}}}, quiet=True,
        )  # fmt: skip


def test_files_that_are_no_text_are_named(tmp_path: Path) -> None:
    for number, (text, label, _) in enumerate(rows()):
        (tmp_path / "texts" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "texts" / label / f"{number:02}.txt").write_text(text)
    (tmp_path / "texts" / "a" / "00.txt").write_bytes(b"one\ntwo \xff")
    (tmp_path / "texts" / "b" / "01.txt").write_text(" \n ")
    config = {"name": "t", "data": {"source": {"name": "text_folder", "root": str(tmp_path / "texts")}}}
    found = epochal.inspect(config, "data.encode=words", quiet=True)
    assert kinds(found) == {"unreadable_text": ("error", 1), "empty_text": ("error", 1)}
    assert found.findings[0].filenames == ("a/00.txt",)
    assert found.findings[0].notes == ("byte 0xff is not UTF-8",)
    with pytest.raises(DataError, match=r"a/00\.txt:2: byte 0xff is not UTF-8"):
        epochal.train(config, "data.checks=off", "data.encode=words", quiet=True)
