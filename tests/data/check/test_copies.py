"""Copies of samples: within one split, with two targets, and what is left when they are left out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from faults import photo

import epochal
from epochal.verbs.inspect import Inspection


def inspected(folder: Path, source: dict[str, Any], *overrides: str) -> Inspection:
    data = {"source": source}
    config = {"name": "c", "data": data, "paths": {"cache": str(folder / "cache")}}
    found = epochal.inspect(config, *overrides, quiet=True)
    found.drop_table().write_csv(folder / "drop.csv")
    return found


def kinds(found: Inspection) -> dict[str, tuple[str, set[str]]]:
    return {finding.kind: (finding.severity, set(finding.filenames)) for finding in found.findings}


def birds(root: Path) -> dict[str, Any]:
    for label in ("owl", "robin", "swift"):
        (root / label).mkdir(parents=True)
        for number in range(15):
            image = photo(number + 100 * len(list(root.iterdir())))
            image.save(root / label / f"{number:02}.png")
    return {"name": "folder", "root": str(root)}


def test_a_file_with_two_labels_is_an_error_whatever_the_split(tmp_path: Path) -> None:
    source = birds(tmp_path / "birds")
    shutil.copy(tmp_path / "birds/robin/00.png", tmp_path / "birds/swift/wrong.png")
    both = {"robin/00.png", "swift/wrong.png"}
    for split in ("{name: random}", "{name: random, val: 0.3, test: 0.3}", "{name: kfold, folds: 3}"):
        for seed in range(3):
            found = inspected(tmp_path, source, f"data.split={split}", f"seed={seed}")
            assert kinds(found) == {"contradictory_file": ("error", both)}
            assert {name for name, _ in found.drop.values()} == both
    assert found.findings[0].notes == (
        "the same bytes as swift/wrong.png, whose label is 'swift', this one's 'robin'",
        "the same bytes as robin/00.png, whose label is 'robin', this one's 'swift'",
    )
    again = inspected(tmp_path, source, f"data.exclude={tmp_path / 'drop.csv'}")
    assert again.findings == ()


def test_a_picture_saved_anew_with_another_label_is_an_error_in_two_splits_alone(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        for split in ("train", "val", "test"):
            (tmp_path / "pets" / split / label).mkdir(parents=True)
            for number in range(8):
                name = f"{split} {label} {number}"
                image = photo(sum(map(ord, name)) * 31 + number)
                image.save(tmp_path / "pets" / split / label / f"{number}.png")
    photo(901).save(tmp_path / "pets/train/cat/a.png")
    photo(901).resize((40, 40)).save(tmp_path / "pets/train/dog/a.jpg", quality=90)
    photo(902).save(tmp_path / "pets/train/cat/b.png")
    photo(902).resize((40, 40)).save(tmp_path / "pets/test/dog/b.jpg", quality=90)
    source = {"name": "folder", "root": str(tmp_path / "pets")}
    found = inspected(tmp_path, source, "data.prepare=[{name: resize, size: 16}]")
    told = [(finding.severity, set(finding.filenames)) for finding in found.findings]
    assert told == [
        ("error", {"train/cat/b.png", "test/dog/b.jpg"}),
        ("warning", {"train/cat/a.png", "train/dog/a.jpg"}),
    ]
    assert {finding.kind for finding in found.findings} == {"contradictory_picture"}
    assert len(found.drop) == 4


def test_what_is_told_is_what_is_left_out_and_then_any_split_is_clean(tmp_path: Path) -> None:
    source = birds(tmp_path / "birds")
    root = tmp_path / "birds"
    for number in range(6):  # thrice each, once saved anew
        shutil.copy(root / f"owl/{number:02}.png", root / f"owl/copy_{number}.png")
        photo(number + 100).resize((44, 44)).save(root / f"owl/small_{number}.png")
    shutil.copy(root / "owl/00.png", root / "swift/wrong.png")
    resize = "data.prepare=[{name: resize, size: 16}]"
    found = inspected(tmp_path, source, resize)
    assert sum(finding.count for finding in found.findings) == len(found.drop) == 5 * 2 + 4
    assert found.drops_copies
    rest = {name for name, _ in found.drop.values()}
    assert {"owl/00.png", "owl/copy_0.png", "owl/small_0.png", "swift/wrong.png"} <= rest
    shutil.copy(tmp_path / "drop.csv", tmp_path / "first.csv")
    exclude = f"data.exclude={tmp_path / 'first.csv'}"
    for seed in range(3):
        assert inspected(tmp_path, source, resize, exclude, f"seed={seed}").findings == ()


def test_copies_within_the_training_split_are_one_line_of_its_log(tmp_path: Path, caplog: Any) -> None:
    root = tmp_path / "birds"
    birds(root / "train")
    for part in ("val", "test"):
        for label in ("owl", "robin", "swift"):
            (root / part / label).mkdir(parents=True)
            for number in range(3):
                (root / "train" / label / f"{(part == 'val') * 3 + number:02}.png").rename(
                    root / part / label / f"{number}.png"
                )
    for number in range(6, 15):
        shutil.copy(root / f"train/owl/{number:02}.png", root / f"train/owl/copy_{number}.png")
    source = {"name": "folder", "root": str(root)}
    config = {"name": "c", "data": {"source": source}, "training": {"epochs": 1}}
    config["paths"] = {"runs": str(tmp_path / "runs"), "cache": str(tmp_path / "cache")}
    epochal.train(config, quiet=True)
    (line,) = [text for text in caplog.messages if "same bytes" in text]
    assert line.startswith("9 samples with the same bytes as another of its split (")
    assert line.endswith("they count double: leave one of them out")
    found = inspected(tmp_path, source)
    assert found.errors == []
    assert {name for name, _ in found.drop.values()} == {f"train/owl/copy_{n}.png" for n in range(6, 15)}


def arrays(folder: Path, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> dict[str, Any]:
    np.savez(folder / "data.npz", allow_pickle=False, x=x, y=y)
    return {"name": "arrays", "path": str(folder / "data.npz"), "input": "x", "target": "y"}


def test_arrays_with_two_labels_are_an_error_but_where_they_are_equal_by_nature(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    x, y = generator.integers(0, 256, (200, 8, 8), dtype=np.uint8), np.arange(200) % 2
    x[31] = x[4]
    found = inspected(tmp_path, arrays(tmp_path, x, y))
    assert kinds(found) == {"contradictory_sample": ("error", {"4", "31"})}
    tiny = generator.integers(0, 2, (200, 2, 2), dtype=np.uint8)
    told = kinds(inspected(tmp_path, arrays(tmp_path, tiny, y)))
    assert told["contradictory_sample"][0] == "warning"


def test_rows_of_a_table_with_two_targets_are_a_warning(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 300))
    label = generator.integers(0, 2, 300)
    a[7], b[7], label[7] = a[3], b[3], 1 - label[3]
    pl.DataFrame({"a": a, "b": b, "label": label}).write_csv(tmp_path / "t.csv")
    source = {"name": "table", "path": str(tmp_path / "t.csv"), "target": "label"}
    found = inspected(tmp_path, source)
    assert kinds(found) == {"contradictory_sample": ("warning", {"3", "7"})}
    assert found.errors == []
    assert set(found.drop) == {3, 7}
    few = {"a": generator.integers(0, 3, 300), "b": generator.integers(0, 3, 300), "label": label}
    pl.DataFrame(few).write_csv(tmp_path / "t.csv")
    assert inspected(tmp_path, source).findings == ()  # few values make many equal rows
