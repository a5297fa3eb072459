"""Faults and leaks planted in real files: all told before training, by `inspect` and `train` alike."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from shell import make_images

from epochal.cli.errors import run_command
from epochal.cli.group import epochal

CONFIG = """
data:
  source: {name: folder, root: pets}
  prepare: [{name: resize, size: 16}]
training: {epochs: 1}
tracking: []
paths: {cache: cache}
"""


def test_faults_of_images_from_the_first_look_to_the_run(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_images(here / "pets", 20, 32)
    (here / "pets" / "cat" / "003.png").write_bytes(b"")
    whole = (here / "pets" / "dog" / "004.png").read_bytes()
    (here / "pets" / "dog" / "005.png").write_bytes(whole[:500])
    for number in range(6, 16):  # some of ten copies come into another split
        (here / "pets" / "dog" / f"{number:03}.png").write_bytes(whole)
    Image.new("RGB", (64, 4), "red").save(here / "pets" / "owl" / "long.png")
    (here / "pets.yaml").write_text(CONFIG)

    assert run_command(epochal, ["train", "pets.yaml"]) == 2
    refused = capsys.readouterr().err
    assert all(line.startswith("error: ") for line in refused.splitlines())
    for text in (
        "cat/003.png: the file is empty",
        "dog/005.png: ",
        "the same bytes as dog/",
        "data.exclude=",
    ):
        assert text in refused
    assert not (here / "runs").exists()

    assert run_command(epochal, ["inspect", "pets.yaml", "-o", "look"]) == 2
    shown = capsys.readouterr().out
    for text in ("1 file empty", "1 file cut off", "with the same bytes", "over 6 times as long as wide"):
        assert text in shown
    assert "look/offending.png shows the samples that something is wrong with" in shown
    assert {path.name for path in (here / "look").iterdir()} == {
        *("inspect.json", "drop.csv", "splits.csv", "offending.png"),
        *("samples_train.png", "samples_val.png", "samples_test.png"),
    }
    written = json.loads((here / "look" / "inspect.json").read_text())
    kinds = {finding["kind"]: finding for finding in written["findings"]}
    assert set(kinds) == {"empty_file", "truncated_file", "same_file", "copied_file", "extreme_aspect"}
    assert kinds["same_file"]["count"] + kinds["copied_file"]["count"] == 10
    assert "leaves 12 samples out; then no copies are left, however it is split" in shown
    assert kinds["empty_file"]["filenames"] == ["cat/003.png"]
    assert set(written["splits"]) == {"train", "val", "test"}
    drop = pl.read_csv(here / "look" / "drop.csv")
    assert drop.columns == ["INDEX", "FILENAME", "REASON"]
    assert len(drop) == 12

    exclude = "data.exclude=look/drop.csv"
    assert run_command(epochal, ["inspect", "pets.yaml", exclude, "--json"]) == 0
    mended = json.loads(capsys.readouterr().out)
    assert [finding["severity"] for finding in mended["findings"]] == ["warning"]
    assert mended["samples"] == 61 - 12
    assert run_command(epochal, ["train", "pets.yaml", exclude]) == 0
    assert "warning: 1 image over 6 times" in capsys.readouterr().err
    (run,) = (here / "runs" / "pets").iterdir()
    assert run_command(epochal, ["evaluate", str(run)]) == 0
    assert not set(pl.read_csv(run / "split.csv")["FILENAME"]) & set(drop["FILENAME"])

    assert run_command(epochal, ["train", "pets.yaml", "name=warned", "data.checks=warn"]) == 0
    assert "1 file empty" in capsys.readouterr().err
    (warned,) = (here / "runs" / "warned").iterdir()
    assert run_command(epochal, ["evaluate", str(warned)]) == 0


def test_a_table_is_looked_at_row_by_row(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator = np.random.default_rng(0)
    lines = [f"{a:.4f},{b:.4f},{'yn'[row % 2]}" for row, (a, b) in enumerate(generator.normal(size=(60, 2)))]
    lines[7] = "0.1,inf,y"
    lines[9] = "0.1,0.2,"
    (here / "t.csv").write_text("\n".join(["a,b,c", *lines]))
    (here / "t.yaml").write_text("data:\n  source: {name: table, path: t.csv, target: c}\ntracking: []\n")
    assert run_command(epochal, ["inspect", "t.yaml", "-o", "look"]) == 2
    shown = capsys.readouterr().out
    assert "t.csv:9: 'b' is 'inf', not a finite number" in shown
    assert "t.csv:11: 'c' is empty" in shown
    assert (here / "look" / "drop.csv").read_text().splitlines()[1:] == ["7,7,bad_feature", "9,9,bad_target"]
    assert run_command(epochal, ["inspect", "t.yaml", "data.exclude=look/drop.csv"]) == 0
    assert "nothing wrong found" in capsys.readouterr().out


def test_columns_that_are_no_features_are_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    generator = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "[bold]a": generator.normal(size=60),
            "b ": generator.normal(size=60),
            "note": [f"seen by {row}" for row in range(60)],
            "day": [f"{row % 28 + 1:02}.01.2024" for row in range(60)],
            "kind": ["cat", "dog"] * 30,
        }
    )
    frame.write_parquet(here / "t.parquet")
    (here / "t.yaml").write_text(
        "data:\n  source: {name: table, path: t.parquet, target: kind}\n  classes: [dog, cat]\n"
        "model: {name: mlp, hidden: [4]}\ntraining: {epochs: 1}\ntracking: []\npaths: {cache: cache}\n"
    )
    assert run_command(epochal, ["inspect", "t.yaml"]) == 0
    shown = capsys.readouterr().out
    lines = {line.split("  ")[0]: " ".join(line.split()) for line in shown.splitlines()}
    assert lines["note"] == "note not used text, 60 different in 60 rows"
    assert lines["day"] == "day not used dates, but not as 2020-01-31"
    assert "[bold]a" in shown  # as it is called
    assert "'b '" in shown
    assert shown.index("dog") < shown.index("cat")  # in the declared order
    assert run_command(epochal, ["train", "t.yaml", "--no-preflight"]) == 0
    told = "columns that are no features: note (text, 60 different in 60 rows), day (dates, but not as"
    assert told in capsys.readouterr().err
    (run,) = (here / "runs" / "t").iterdir()
    assert "PROBABILITY_dog,PROBABILITY_cat" in (run / "predictions" / "test.csv").read_text()


def test_what_is_wrong_with_classes_is_told_with_the_rest(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_images(here / "pets", 20, 16)
    (here / "pets" / "cat" / "003.png").write_bytes(b"")
    (here / "pets" / "owl ").mkdir()
    for number in range(2):
        (here / "pets" / "owl" / f"{number:03}.png").rename(here / "pets" / "owl " / f"{number}\t.png")
    (here / "pets" / "fox").mkdir()
    (here / "pets.yaml").write_text(CONFIG)
    assert run_command(epochal, ["inspect", "pets.yaml"]) == 2
    shown = capsys.readouterr().out
    for text in (
        "pets/fox: the class 'fox' has no image",
        "1 file empty",
        "too few samples of 'owl ' to split",
    ):
        assert text in shown
    assert f"'{here}/pets/owl /0\\t.png': class 'owl ' has 2 rows for 3 splits" in shown
    assert run_command(epochal, ["train", "pets.yaml"]) == 2
    refused = capsys.readouterr().err
    for text in ("'fox' has no image", "003.png: the file is empty", "'owl ' has 2 rows", "data.exclude="):
        assert text in refused
    # with a warning it goes on without them, and the run can be evaluated on the same data
    assert run_command(epochal, ["train", "pets.yaml", "data.checks=warn", "--no-preflight"]) == 0
    (run,) = (here / "runs" / "pets").iterdir()
    assert run_command(epochal, ["evaluate", str(run)]) == 0
