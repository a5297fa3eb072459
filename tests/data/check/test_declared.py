from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from faults import photo

from epochal.console import Console
from epochal.data.check.findings import Finding
from epochal.errors import ConfigError, DataError
from epochal.experiment.config import load_experiment
from epochal.experiment.data import Data, assemble_data

TAGS = ["red;big", "big", "red", "tiny;red"] * 30


def look(folder: Path, data: dict[str, Any], task: str = "classification", *, judge: bool = False) -> Data:
    config = {"name": "c", "task": task, "data": data, "paths": {"cache": str(folder / "cache")}}
    return assemble_data(load_experiment(config), Console(quiet=True), judge=judge)


def found(data: Data) -> dict[str, Finding]:
    return {finding.kind: finding for finding in data.findings if finding.severity == "error"}


def table(folder: Path, target: str, values: list[Any]) -> dict[str, Any]:
    numbers = np.random.default_rng(0).normal(size=(2, len(values))).round(6)
    frame = pl.DataFrame({"a": numbers[0], "b": numbers[1], target: pl.Series(values, strict=False)})
    frame.write_csv(folder / "t.csv")
    return {"name": "table", "path": str(folder / "t.csv"), "target": target}


def test_labels_outside_the_declared_set_are_told_by_row(tmp_path: Path) -> None:
    kinds = ["dog", "cat"] * 60
    kinds[5], kinds[8], kinds[9] = "Cat", "bird", "Cat"
    declared = {"source": table(tmp_path, "kind", kinds), "classes": ["dog", "cat", "owl"]}
    data = look(tmp_path, declared)
    faults = found(data)
    assert set(faults) == {"undeclared_label", "absent_label"}
    assert faults["undeclared_label"].rows == (5, 8, 9)
    assert set(faults["undeclared_label"].drop) == {5, 8, 9}
    assert faults["undeclared_label"].places[0] == f"{tmp_path}/t.csv:7"
    assert faults["undeclared_label"].notes[:2] == (
        "the label 'Cat' is not declared (did you mean 'cat'?)",
        "the label 'bird' is not declared",
    )
    assert "'owl'" in faults["absent_label"].what
    # what is left goes on in the declared order
    manifest = data.source.manifest
    assert manifest.names == ("dog", "cat")
    assert len(manifest) == 117
    assert [manifest.names[target] for target in manifest.targets[:8]] == [*kinds[:5], *kinds[6:8], kinds[10]]
    with pytest.raises(DataError, match=r"t\.csv:7: the label 'Cat' is not declared"):
        look(tmp_path, declared, judge=True)
    with pytest.raises(DataError, match=r"t\.csv:7: the label 'Cat' is not declared"):
        look(tmp_path, {**declared, "checks": "off"})


def test_the_declared_order_is_another_digest(tmp_path: Path) -> None:
    source = table(tmp_path, "kind", ["dog", "cat"] * 60)
    plain, same, other = (
        look(tmp_path, {"source": source, "classes": classes}, judge=True).source
        for classes in (None, ["cat", "dog"], ["dog", "cat"])
    )
    assert plain.digest == same.digest != other.digest
    assert (plain.manifest.targets == 1 - other.manifest.targets).all()


def test_classes_are_declared_for_every_kind_of_source(tmp_path: Path) -> None:
    digits = look(tmp_path, {"source": "digits", "classes": [9, 8, 7, 6, 5, 4, 3, 2, 1.0]})
    (finding,) = found(digits).values()
    assert (finding.kind, finding.count, len(digits.source.manifest)) == ("undeclared_label", 178, 1619)
    assert digits.source.manifest.names[:2] == ("9", "8")

    for label in ("cat", "cat ", "dog"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for index in range(12):
            photo(index + 100 * len(label) + (label == "dog") * 50).save(
                tmp_path / "pets" / label / f"{index}.png"
            )
    pets = look(
        tmp_path, {"source": {"name": "folder", "root": f"{tmp_path}/pets"}, "classes": ["cat", "dog"]}
    )
    (finding,) = found(pets).values()
    assert set(finding.filenames) == {f"cat /{index}.png" for index in range(12)}
    assert finding.notes[0] == "the label 'cat ' is not declared (did you mean 'cat'?)"

    tags = {"source": table(tmp_path, "tags", TAGS), "classes": ["red", "big"]}
    labels = look(tmp_path, tags, "multilabel")
    assert found(labels)["undeclared_label"].rows == tuple(range(3, 120, 4))
    assert labels.source.manifest.names == ("red", "big")
    assert labels.source.manifest.targets[:3].tolist() == [[1, 1], [0, 1], [1, 0]]


def test_targets_outside_of_their_range_are_told_by_row(tmp_path: Path) -> None:
    doses: list[Any] = np.linspace(0.1, 0.9, 100).tolist()
    doses[3], doses[50], doses[60] = -999, 1e6, None
    source = table(tmp_path, "dose", doses)
    for bounds in ([0.1, 0.9], {"dose": [0.1, 0.9]}):
        data = look(tmp_path, {"source": source, "target_range": bounds}, "regression")
        faults = found(data)
        assert faults["bad_target"].rows == (60,)
        assert faults["target_out_of_range"].rows == (3, 50)
        assert faults["target_out_of_range"].notes[0] == "the target 'dose' is -999"
        assert set(faults["target_out_of_range"].drop) == {3, 50}
        assert len(data.source.manifest) == 97
    open_above = look(tmp_path, {"source": source, "target_range": [0, float("inf")]}, "regression")
    assert found(open_above)["target_out_of_range"].rows == (3,)


def test_what_is_declared_must_suit_the_targets(tmp_path: Path) -> None:
    source = table(tmp_path, "dose", np.linspace(0, 1, 100).tolist())
    for declared, task, said in (
        ({"classes": ["a", "b"]}, "regression", "the targets are values, not classes"),
        ({"target_range": {"doze": [0, 1]}}, "regression", "no target is called 'doze'; did you mean 'dose'"),
    ):
        with pytest.raises(ConfigError, match=said):
            look(tmp_path, {"source": source, **declared}, task)
    with pytest.raises(ConfigError, match="the targets are classes, not values"):
        look(tmp_path, {"source": "digits", "target_range": [0, 1]})
    for classes, said in (
        (["benign", "ill"], "1 of the declared classes has"),
        (["x", "y"], "'benign' is not"),
    ):
        with pytest.raises(DataError, match=said):
            look(tmp_path, {"source": "breast_cancer", "classes": classes, "checks": "warn"})
    for wrong, said in (
        ({"classes": ["a", "a"]}, "'a' is named twice"),
        ({"classes": []}, "name the labels"),
        ({"target_range": [1, 0]}, "the first number must be the lower one"),
    ):
        with pytest.raises(ConfigError, match=said):
            look(tmp_path, {"source": "digits", **wrong})
