from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from faults import photo

from epochal.console import Console
from epochal.data.check.findings import Finding
from epochal.data.tables import Table, read_table
from epochal.errors import DataError
from epochal.experiment.config import load_experiment
from epochal.experiment.data import Data, assemble_data


def look(folder: Path, source: dict[str, Any], *overrides: str, judge: bool = False) -> Data:
    config: dict[str, Any] = {"name": "c", "data": {"source": {"name": "table", **source}}}
    config["paths"] = {"cache": str(folder / "cache")}
    return assemble_data(load_experiment(config, overrides), Console(quiet=True), judge=judge)


def found(data: Data) -> dict[str, Finding]:
    return {finding.kind: finding for finding in data.findings}


def columns(count: int = 200) -> dict[str, Any]:
    generator = np.random.default_rng(0)
    return {
        "a": generator.normal(size=count).round(6).tolist(),
        "b": generator.normal(size=count).round(6).tolist(),
        "kind": ["x", "y"] * (count // 2),
        "part": (["train"] * 6 + ["val"] * 2 + ["test"] * 2) * (count // 10),
        "who": [
            f"p{row // 10}-{('train', 'val', 'test')[max(0, row % 10 // 2 - 2)]}" for row in range(count)
        ],
        "dose": generator.normal(size=count).round(6).tolist(),
    }


def test_a_good_table_has_no_findings(tmp_path: Path) -> None:
    pl.DataFrame(columns()).write_csv(tmp_path / "t.csv")
    source = {"path": str(tmp_path / "t.csv"), "features": ["a", "b"], "split": "part", "group": "who"}
    assert look(tmp_path, {**source, "target": "kind"}, judge=True).findings == ()
    assert look(tmp_path, {**source, "target": "dose"}, "task=regression", judge=True).findings == ()


def test_every_planted_fault_of_a_class_table_is_found(tmp_path: Path) -> None:
    table = columns()
    table["a"][17] = float("nan")
    table["a"][18] = float("inf")
    table["b"][30] = None
    table["kind"][5] = None
    table["kind"][11:50:10] = ["X"] * 4  # rows 11, 21, 31, 41, all of train
    table["kind"][25] = "rare"
    for name in ("a", "b", "dose", "kind"):
        table[name][7], table[name][9] = table[name][0], table[name][1]
    table["who"][3] = table["who"][9]
    table["flat"] = [3.5] * 200
    table["tells"] = [{"x": 0.0, "y": 1.0, "X": 2.0, "rare": 3.0, None: 9.0}[k] for k in table["kind"]]
    table["codes"] = ["1.5"] * 199 + ["below 1"]
    pl.DataFrame(table, strict=False).write_csv(tmp_path / "t.csv")
    source = {"path": str(tmp_path / "t.csv"), "target": "kind", "split": "part", "group": "who"}
    data = look(tmp_path, source)
    faults = found(data)
    rows = {kind: faults[kind].rows for kind in ("bad_feature", "bad_target", "same_sample", "torn_group")}
    assert rows == {
        "bad_feature": (18,),
        "bad_target": (5,),
        "same_sample": (0, 1),
        "torn_group": (3,),
    }
    assert faults["bad_target"].places == (f"{tmp_path}/t.csv:7",)
    assert faults["nearly_numeric"].rows == (199,)
    assert faults["missing_values"].what == "2 values missing: 1 of 'a', 1 of 'b'"
    assert "'flat'" in faults["constant_column"].what
    assert "'tells'" in faults["telling_column"].what
    assert "'dose'" not in faults["telling_column"].what
    assert "'x', 'X'" in faults["similar_labels"].what or "'X', 'x'" in faults["similar_labels"].what
    assert "'rare'" in faults["few_samples"].what
    missing = [finding.what for finding in data.findings if finding.kind == "no_samples"]
    assert missing == ["val has no sample of 'X', 'rare'", "test has no sample of 'X', 'rare'"]
    assert "unbalanced" in faults["imbalance"].what
    assert sum(finding.severity == "error" for finding in data.findings) == 5
    with pytest.raises(DataError, match=r"t\.csv:7: 'kind' is empty"):
        look(tmp_path, source, judge=True)


@pytest.mark.parametrize(
    ("names", "alike"),
    [(("1", "-1"), False), (("A", "A-"), False), (("big cat", "Big_Cat"), True), (("a-b", "a b"), True)],
)
def test_labels_that_differ_by_a_sign_are_others(tmp_path: Path, names: tuple[str, str], alike: bool) -> None:
    table = columns()
    table["kind"] = [names[kind == "y"] for kind in table["kind"]]
    pl.DataFrame(table).write_csv(tmp_path / "t.csv")
    source = {"path": str(tmp_path / "t.csv"), "features": ["a", "b"], "split": "part", "target": "kind"}
    assert set(found(look(tmp_path, source))) == ({"similar_labels"} if alike else set())


def test_a_column_that_tells_one_of_several_labels(tmp_path: Path) -> None:
    table = columns(4000)
    generator = np.random.default_rng(1)
    table["old"], table["ill"] = generator.integers(0, 2, (2, 4000)).tolist()
    table["age"] = (np.array(table["old"]) * 50 + generator.random(4000) * 40).tolist()
    pl.DataFrame(table).write_csv(tmp_path / "t.csv")
    source = {"path": str(tmp_path / "t.csv"), "target": ["old", "ill"], "split": "part"}
    (finding,) = look(tmp_path, source, "task=multilabel").findings
    assert (finding.kind, "'age'" in finding.what, finding.count) == ("telling_column", True, 1)


def test_a_number_of_its_own_hides_no_copy(tmp_path: Path) -> None:
    table = columns()
    for name in ("a", "b", "kind"):
        table[name][7] = table[name][0]  # in val, in train
    table["id"] = list(range(200))
    pl.DataFrame(table).write_csv(tmp_path / "t.csv")
    source = {"path": str(tmp_path / "t.csv"), "features": ["id", "a", "b"], "split": "part"}
    faults = found(look(tmp_path, {**source, "target": "kind"}))
    assert faults["same_sample"].rows == (0,)


def test_a_table_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = columns()
    table["dose"][3] = None
    pl.DataFrame(table).write_csv(tmp_path / "t.csv")
    read: list[Path] = []

    def counting(path: str | Path, sheet: str | None = None) -> Table:
        read.append(Path(path))
        return read_table(path, sheet)

    monkeypatch.setattr("epochal.data.sources.table.read_table", counting)
    source = {"path": str(tmp_path / "t.csv"), "target": "dose", "features": ["a"]}
    assert look(tmp_path, source, "task=regression").findings[0].rows == (3,)
    assert read == [tmp_path / "t.csv"]


def test_leaving_rows_of_a_table_out_mends_it(tmp_path: Path) -> None:
    table = columns()
    table["dose"][40:140] = [None] * 100  # more than one message shows
    pl.DataFrame(table).write_csv(tmp_path / "t.csv")
    source = {"path": str(tmp_path / "t.csv"), "target": "dose", "features": ["a", "b"]}
    (fault,) = look(tmp_path, source, "task=regression").findings
    assert fault.rows == tuple(range(40, 140))
    drop = pl.DataFrame({"INDEX": list(fault.drop), "FILENAME": list(fault.drop.values())})
    drop.write_csv(tmp_path / "drop.csv")
    arguments = ("task=regression", f"data.exclude={tmp_path}/drop.csv")
    for checks in ("strict", "off"):
        data = look(tmp_path, source, *arguments, f"data.checks={checks}", judge=True)
        assert data.findings == ()
        kept = [*range(40), *range(140, 200)]
        assert data.source.manifest.filenames.to_list() == [str(row) for row in kept]
        np.testing.assert_allclose(data.source.manifest.targets[:, 0], [table["dose"][row] for row in kept])
        np.testing.assert_allclose(data.source.read(40), [table["a"][140], table["b"][140]], rtol=1e-6)


def test_far_targets_and_targets_that_a_column_orders(tmp_path: Path) -> None:
    table = columns()
    table["dose"][12], table["dose"][33] = -999.0, 1e6
    table["copy"] = [2 * value**3 for value in table["dose"]]
    pl.DataFrame(table).write_csv(tmp_path / "t.csv")
    source = {"path": str(tmp_path / "t.csv"), "target": "dose", "features": ["a", "copy"]}
    faults = found(look(tmp_path, source, "task=regression"))
    assert set(faults) == {"outlying_target", "telling_column"}
    assert faults["outlying_target"].rows == (12, 33)
    assert faults["outlying_target"].severity == "warning"
    assert "'copy'" in faults["telling_column"].what
    # of one column alone, the relation is what is to be learnt
    alone = found(look(tmp_path, {**source, "features": ["copy"]}, "task=regression"))
    assert alone["telling_column"].severity == "warning"


def test_rows_of_images_that_are_missing_or_named_twice(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(40)]
    for number, name in enumerate(names[:-3]):
        photo(number).convert("L").save(tmp_path / name)
    names[20] = names[4]
    pl.DataFrame({"image": names, "kind": ["u", "v"] * 20}).write_csv(tmp_path / "t.csv")
    source = {"path": str(tmp_path / "t.csv"), "target": "kind", "file": "image"}
    data = look(tmp_path, source)
    faults = found(data)
    assert faults["missing_file"].rows == (37, 38, 39)
    assert faults["repeated_file"].rows == (20,)
    assert data.samples.shape[0] == 1  # all that is left is gray
    drop = {row: name for finding in data.findings for row, name in finding.drop.items()}
    pl.DataFrame({"INDEX": list(drop), "FILENAME": list(drop.values())}).write_csv(tmp_path / "drop.csv")
    mended = look(tmp_path, source, f"data.exclude={tmp_path}/drop.csv", judge=True)
    assert mended.findings == ()
    assert mended.source.manifest.filenames.to_list() == [*names[:20], *names[21:37]]


def test_of_rows_of_one_file_with_two_targets_none_is_kept(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(40)]
    for number, name in enumerate(names):
        photo(number).save(tmp_path / name)
    names[21] = "./4.png"  # of 'v', as 4.png is of 'u'
    pl.DataFrame({"image": names, "kind": ["u", "v"] * 20}).write_csv(tmp_path / "t.csv")
    source = {"path": str(tmp_path / "t.csv"), "target": "kind", "file": "image"}
    (fault,) = look(tmp_path, source).findings
    assert (fault.kind, fault.severity, fault.rows) == ("contradictory_row", "error", (4, 21))
    assert fault.notes == (
        "'4.png' is listed with several targets, here u",
        "'4.png' is listed with several targets, here v",
    )
    assert set(fault.drop) == {4, 21}


def test_what_is_wrong_with_the_list_of_what_to_leave_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pl.DataFrame(columns()).write_csv(tmp_path / "t.csv")
    source = {"path": str(tmp_path / "t.csv"), "target": "kind", "features": ["a", "b"]}
    exclude = f"data.exclude={tmp_path}/drop.csv"
    for text, said in (
        ("ROW\n1\n", "needs a column FILENAME or INDEX"),
        ("INDEX\n" + "\n".join(map(str, range(200))), "every sample"),
    ):
        (tmp_path / "drop.csv").write_text(text)
        with pytest.raises(DataError, match=said):
            look(tmp_path, source, exclude)
    (tmp_path / "drop.csv").write_text("INDEX\n7\n999\n")
    assert len(look(tmp_path, source, exclude).source.manifest) == 199
    assert "names 1 samples that the data does not have, as '999'" in caplog.text


@pytest.mark.parametrize("recipe", ["digits", "breast_cancer", "diabetes", "linear"])
def test_bundled_data_raises_no_alarm(recipe: str) -> None:
    data = assemble_data(load_experiment(recipe), Console(quiet=True))
    assert data.findings == ()
    plain = data.inspection()
    assert plain["findings"] == []
    assert plain["splits"]["train"]["samples"] == len(data.split.train)


@pytest.mark.skipif(not Path("/usr/share/datasets/fashion-mnist").is_dir(), reason="a package of Debian's")
def test_fashion_mnist_raises_no_alarm() -> None:
    assert assemble_data(load_experiment("fashion_mnist"), Console(quiet=True)).findings == ()
