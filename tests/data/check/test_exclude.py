from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from epochal.config.component import Component
from epochal.data.check.exclude import excluded_rows, subset
from epochal.data.sources import build_source


def test_a_subset_keeps_everything_of_its_rows(tmp_path: Path) -> None:
    table = {
        "x": [0.5, 1.5, 2.5, 3.5],
        "kind": ["a", "b", "c", "a"],
        "who": ["p", "q", "r", "s"],
        "part": ["train", "train", "val", "test"],
        "sex": ["f", "m", "f", "m"],
    }
    pl.DataFrame(table).write_csv(tmp_path / "t.csv")
    arguments: dict[str, Any] = {
        "path": str(tmp_path / "t.csv"),
        "target": "kind",
        "group": "who",
        "split": "part",
    }
    arguments["types"] = {"sex": "ignore"}
    source = build_source(Component.model_validate({"name": "table", **arguments}), "class")
    some = subset(source, np.array([0, 2, 3]))
    manifest = some.manifest
    assert manifest.filenames.to_list() == ["0", "2", "3"]
    assert manifest.names == ("a", "c")  # b has no row left
    assert manifest.targets.tolist() == [0, 1, 0]
    assert manifest.groups is not None
    assert manifest.groups.to_list() == ["p", "r", "s"]
    assert manifest.splits is not None
    assert manifest.splits.to_list() == ["train", "val", "test"]
    assert manifest.columns is not None
    assert manifest.columns["sex"].to_list() == ["f", "f", "m"]
    assert some.read(1).tolist() == [2.5]
    assert some.array is not None
    assert some.array[:, 0].tolist() == [0.5, 2.5, 3.5]
    assert some.digest not in (source.digest, subset(source, np.array([0, 1, 3])).digest)
    mixed = subset(
        build_source(Component(name="table", **{**arguments, "types": {}}), "class"), np.array([0, 3])
    )
    assert mixed.frame is not None
    assert mixed.frame.rows() == [(0.5, "f"), (3.5, "m")]


def test_the_index_tells_apart_samples_of_one_filename(tmp_path: Path) -> None:
    names = ["a.png", "b.png", "a.png"]
    (tmp_path / "both.csv").write_text("INDEX,FILENAME\n2,a.png\n0,b.png\n")
    assert excluded_rows(str(tmp_path / "both.csv"), names).tolist() == [False, True, True]
    (tmp_path / "names.csv").write_text("filename\na.png\n")
    assert excluded_rows(str(tmp_path / "names.csv"), names).tolist() == [True, False, True]
    (tmp_path / "rows.csv").write_text("INDEX\n1\n")
    assert excluded_rows(str(tmp_path / "rows.csv"), names).tolist() == [False, True, False]
