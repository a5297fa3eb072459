"""What is wrong with single samples or classes is told together, and the others go on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faults import photo

from epochal.console import Console
from epochal.data.check.findings import Finding
from epochal.errors import DataError
from epochal.experiment.config import load_experiment
from epochal.experiment.data import Data, assemble_data


def look(folder: Path, source: dict[str, Any], *overrides: str, judge: bool = False) -> Data:
    config = {"name": "c", "data": {"source": source}, "paths": {"cache": str(folder / "cache")}}
    return assemble_data(load_experiment(config, overrides), Console(quiet=True), judge=judge)


def errors(data: Data) -> dict[str, Finding]:
    return {finding.kind: finding for finding in data.findings if finding.severity == "error"}


def arrays(folder: Path, **keys: np.ndarray[Any, Any]) -> dict[str, Any]:
    np.savez(folder / "data.npz", allow_pickle=False, **keys)
    return {"name": "arrays", "path": str(folder / "data.npz"), **{key: key for key in keys if len(key) > 1}}


def test_every_fault_of_arrays_is_told_by_row(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(100, 3)), generator.integers(0, 2, 100).astype(float)
    split = np.array((["train"] * 6 + ["val"] * 2 + ["test"] * 2) * 10)
    x[4, 1], x[40] = np.nan, np.inf
    y[7], split[9] = np.nan, "tset"
    source = arrays(tmp_path, x=x, y=y, split=split)
    data = look(tmp_path, source)
    rows = {kind: finding.rows for kind, finding in errors(data).items()}
    assert rows == {"bad_input": (4, 40), "bad_target": (7,), "bad_split": (9,)}
    assert errors(data)["bad_input"].places == tuple(f"{tmp_path}/data.npz, row {row}" for row in (4, 40))
    assert data.source.manifest.filenames.to_list()[3:7] == ["3", "5", "6", "8"]
    np.testing.assert_allclose(data.source.read(4), x[5], rtol=1e-6)
    for checks in ("strict", "off"):
        with pytest.raises(DataError) as caught:
            look(tmp_path, source, f"data.checks={checks}", judge=True)
        for said in (
            "row 40: the sample is not finite",
            "row 7: its target 'y' is nan",
            "'tset' is no split",
        ):
            assert said in str(caught.value)
    (tmp_path / "drop.csv").write_text("INDEX\n4\n7\n9\n40\n")
    for checks in ("strict", "off"):
        mended = look(
            tmp_path, source, f"data.exclude={tmp_path}/drop.csv", f"data.checks={checks}", judge=True
        )
        assert errors(mended) == {}
        assert mended.source.manifest.filenames.to_list() == data.source.manifest.filenames.to_list()


def test_targets_of_two_npy_files(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(60, 3)))
    np.save(tmp_path / "y.npy", np.array(["a", "b", " "] + ["a", "b"] * 28 + ["a"]))
    source = {"name": "arrays", "path": f"{tmp_path}/x.npy", "target": f"{tmp_path}/y.npy"}
    assert errors(look(tmp_path, source))["bad_target"].notes == ("its target 'y' is empty",)


def test_faults_of_classes_hide_no_others(tmp_path: Path) -> None:
    root = tmp_path / "pets"
    for number, label in enumerate(("cat", "dog", "owl", "rare")):
        (root / label).mkdir(parents=True)
        for index in range({"rare": 2, "owl": 0}.get(label, 20)):
            photo(100 * number + index).save(root / label / f"{index}.png")
    photo(900).save(root / "loose.png")
    (root / "cat" / "gone.png").symlink_to("nowhere.png")
    (root / "dog" / "empty.png").write_bytes(b"")
    source = {"name": "folder", "root": str(root)}
    data = look(tmp_path, source, "data.checks=warn", judge=True)
    names = {kind: set(finding.filenames) for kind, finding in errors(data).items()}
    assert names == {
        "empty_class": set(),
        "no_class": {"loose.png"},
        "missing_file": {"cat/gone.png"},
        "empty_file": {"dog/empty.png"},
        "too_few_to_split": {"rare/0.png", "rare/1.png"},
    }
    assert errors(data)["empty_class"].places == (str(root / "owl"),)
    assert errors(data)["too_few_to_split"].notes[0] == "class 'rare' has 2 rows for 3 splits"
    assert data.source.manifest.names == ("cat", "dog")
    assert len(data.source.manifest) == 40
    with pytest.raises(DataError) as caught:
        look(tmp_path, source, judge=True)
    for said in (
        "owl: the class 'owl' has no image",
        "no class folder",
        "it is a link",
        "is empty",
        "'rare' has 2",
    ):
        assert said in str(caught.value)
    with pytest.raises(DataError, match="the class 'owl' has no image"):
        look(tmp_path, source, "data.checks=off")


def test_a_class_without_training_rows_is_set_aside_whatever_the_split(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 3))
    y = np.array(["a", "b", "c"] * 20)
    split = np.array((["train"] * 6 + ["val"] * 3 + ["test"] * 3) * 5)
    split[y == "c"] = "test"
    given = look(tmp_path, arrays(tmp_path, x=x, y=y, split=split))
    assert errors(given)["too_few_to_split"].rows == tuple(range(2, 60, 3))
    assert given.source.manifest.names == ("a", "b")
    y[2:50:3] = "a"  # four of c are left
    folds = look(tmp_path, arrays(tmp_path, x=x, y=y), "data.split={name: kfold, folds: 5, fold: 2}")
    assert errors(folds)["too_few_to_split"].rows == (50, 53, 56, 59)


def test_without_two_classes_that_can_be_split_there_is_nothing_to_train(tmp_path: Path) -> None:
    y = np.array(["a"] * 58 + ["b"] * 2)
    source = arrays(tmp_path, x=np.random.default_rng(0).normal(size=(60, 3)), y=y)
    with pytest.raises(DataError, match="class 'b' has 2 rows for 3 splits"):
        look(tmp_path, source, "data.checks=warn")
