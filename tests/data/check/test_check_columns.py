from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from epochal.console import Console
from epochal.data.check.findings import Finding
from epochal.experiment.config import load_experiment
from epochal.experiment.data import assemble_data


def found(
    folder: Path, table: dict[str, Any], target: str = "kind", task: str = "classification"
) -> dict[str, Finding]:
    pl.DataFrame(table).write_csv(folder / "t.csv")
    source = {"name": "table", "path": str(folder / "t.csv"), "target": target, "split": "part"}
    config = {
        "name": "c",
        "task": task,
        "data": {"source": source},
        "paths": {"cache": str(folder / "cache")},
    }
    data = assemble_data(load_experiment(config), Console(quiet=True), judge=False)
    return {finding.kind: finding for finding in data.findings}


def columns(count: int = 200) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    return {
        "a": generator.normal(size=count).round(6).tolist(),
        "site": generator.choice(["p", "q", "r"], count).tolist(),
        "kind": ["x", "y"] * (count // 2),
        "dose": generator.normal(size=count).round(6).tolist(),
        "part": (["train"] * 6 + ["val"] * 2 + ["test"] * 2) * (count // 10),
    }


def test_a_good_table_of_categories_has_no_findings(tmp_path: Path) -> None:
    assert found(tmp_path, columns()) == {}


def test_gaps_and_new_categories_are_counted(tmp_path: Path) -> None:
    table = columns()
    table["a"][3] = table["a"][5] = table["site"][4] = None
    table["site"][8] = table["site"][18] = "s"  # in test
    findings = found(tmp_path, table)
    assert findings["missing_values"].what == "3 values missing: 2 of 'a', 1 of 'site'"
    assert findings["unseen_category"].what == "2 category values of val and test not in train: 2 of 'site'"
    assert {finding.severity for finding in findings.values()} == {"warning"}


def test_a_category_that_tells_the_target(tmp_path: Path) -> None:
    table = columns()
    table["code"] = [{"x": "uw"[row // 2 % 2], "y": "v"}[kind] for row, kind in enumerate(table["kind"])]
    finding = found(tmp_path, table)["telling_column"]
    assert (finding.severity, finding.count, "'code'" in finding.what) == ("error", 1, True)
    table["code"][0] = "v"  # now with one exception
    assert "telling_column" not in found(tmp_path, table)


def test_a_category_that_tells_a_value(tmp_path: Path) -> None:
    table = columns()
    table["dose"] = [float(row % 40) for row in range(200)]
    table["batch"] = [f"batch {row * 7 % 40}" for row in range(200)]
    findings = found(tmp_path, table, "dose", "regression")
    assert "'batch'" in findings["telling_column"].what
    assert "'site'" not in findings["telling_column"].what


def test_gaps_that_tell_the_target(tmp_path: Path) -> None:
    table = columns()
    table["cause"] = [
        value if kind == "x" else None for value, kind in zip(table["a"], table["kind"], strict=True)
    ]
    assert "'cause'" in found(tmp_path, table)["telling_column"].what


def test_rows_of_any_kind_that_are_in_two_splits(tmp_path: Path) -> None:
    table = columns()
    table["gap"] = [None if row % 3 else 0.5 for row in range(200)]
    for copy, row in ((6, 0), (8, 2)):
        for name in ("a", "site", "kind", "dose", "gap"):
            table[name][copy] = table[name][row]
    table["site"][8] = {"p": "q", "q": "r", "r": "p"}[table["site"][8]]  # not the same after all
    assert found(tmp_path, table)["same_sample"].rows == (0,)
