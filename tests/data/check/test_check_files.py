from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from faults import photo, plant_images

from epochal.console import Console
from epochal.data.check.findings import Finding, act_on
from epochal.errors import DataError
from epochal.experiment.config import load_experiment
from epochal.experiment.data import Data, assemble_data


def look(folder: Path, source: dict[str, object], *overrides: str, judge: bool = False) -> Data:
    config = {"name": "c", "data": {"source": source, "prepare": [{"name": "resize", "size": 16}]}}
    config["paths"] = {"cache": str(folder / "cache")}
    return assemble_data(load_experiment(config, overrides), Console(quiet=True), judge=judge)


def by_kind(findings: tuple[Finding, ...]) -> dict[str, set[str]]:
    return {finding.kind: set(finding.filenames) for finding in findings}


def test_every_planted_fault_of_files_is_found_and_nothing_else(tmp_path: Path) -> None:
    planted = plant_images(tmp_path / "pets")
    data = look(tmp_path, {"name": "folder", "root": str(tmp_path / "pets")})
    assert by_kind(data.findings) == planted
    errors = {finding.kind for finding in data.findings if finding.severity == "error"}
    assert errors == {
        *("empty_file", "truncated_file", "unreadable_file", "too_many_pixels", "same_file", "same_picture")
    }
    again = look(tmp_path, {"name": "folder", "root": str(tmp_path / "pets")})  # what was seen is recalled
    assert again.findings == data.findings
    assert again.source.digest == data.source.digest


def test_good_photos_have_no_findings(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for index in range(20):
            photo(index + 100 * (label == "dog")).save(tmp_path / "pets" / label / f"{index}.png")
    data = look(tmp_path, {"name": "folder", "root": str(tmp_path / "pets")}, judge=True)
    assert data.findings == ()
    assert len(data.source.manifest) == 40


def test_leaving_the_listed_rows_out_mends_it(tmp_path: Path) -> None:
    plant_images(tmp_path / "pets")
    source: dict[str, object] = {"name": "folder", "root": str(tmp_path / "pets")}
    data = look(tmp_path, source)
    names = {name for finding in data.findings for name in finding.drop.values()}
    (tmp_path / "drop.csv").write_text("FILENAME\n" + "\n".join(sorted(names)))
    mended = look(tmp_path, source, f"data.exclude={tmp_path}/drop.csv", judge=True)
    assert not [finding for finding in mended.findings if finding.severity == "error"]
    assert set(mended.excluded.values()) == names
    assert set(mended.source.manifest.filenames) == set(data.source.manifest.filenames) - names
    # of all copies, the one in test stays
    assert "test/cat/same.png" in set(mended.source.manifest.filenames)
    name = mended.source.manifest.filenames[3]
    expected = data.source.read(data.source.manifest.filenames.to_list().index(name))
    assert np.array_equal(mended.source.read(3), expected)


def test_a_drawn_split_is_mended_wherever_the_rows_go(tmp_path: Path) -> None:
    for label in ("cat", "dog"):
        (tmp_path / "pets" / label).mkdir(parents=True)
        for index in range(20):
            photo(index + 100 * (label == "dog")).save(tmp_path / "pets" / label / f"{index}.png")
            photo(index + 100 * (label == "dog")).save(tmp_path / "pets" / label / f"{index}.jpg", quality=85)
    source: dict[str, object] = {"name": "folder", "root": str(tmp_path / "pets")}
    leak, copied = look(tmp_path, source).findings
    assert (leak.kind, leak.severity) == ("same_picture", "error")
    assert (copied.kind, copied.severity) == ("copied_picture", "warning")
    assert leak.count + copied.count == 40
    assert len(leak.drop) == leak.count > 0
    assert len(copied.drop) == copied.count > 0
    drop = leak.drop | copied.drop
    (tmp_path / "drop.csv").write_text("INDEX\n" + "\n".join(map(str, drop)))
    for seed in range(3):
        mended = look(tmp_path, source, f"data.exclude={tmp_path}/drop.csv", f"seed={seed}", judge=True)
        assert mended.findings == ()


def test_strict_lists_errors_warn_leaves_out_off_looks_at_nothing(tmp_path: Path) -> None:
    plant_images(tmp_path / "pets")
    source: dict[str, object] = {"name": "folder", "root": str(tmp_path / "pets")}
    with pytest.raises(DataError) as strict:
        look(tmp_path, source, judge=True)
    lines = [str(problem) for problem in strict.value.problems]
    assert any(line.startswith(f"{tmp_path}/pets/train/cat/empty.png: the file is empty") for line in lines)
    assert "data.exclude=" in lines[-1]
    assert "data.checks=warn" in lines[-1]
    warned = look(tmp_path, source, "data.checks=warn", judge=True)
    assert "train/cat/empty.png" not in set(warned.source.manifest.filenames)
    with pytest.raises(DataError, match="the file is empty"):
        look(tmp_path, source, "data.checks=off", judge=True)


def test_many_errors_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    rows = tuple(range(500))
    texts = tuple(str(row) for row in rows)
    notes = ("the file is empty",) * 500
    many = Finding("empty_file", "error", "500 files empty", "copy them", 500, rows, texts, texts, notes)
    with pytest.raises(DataError) as raised:
        act_on([many, many], "strict")
    assert len(raised.value.problems) == 23
    assert str(raised.value.problems[10]) == "and 490 more rows: 500 files empty"
    act_on([many], "warn")
    assert caplog.messages == ["500 files empty (0, 1, 2, ...); copy them"]
    assert len(many.to_json()["rows"]) == 100


def test_what_is_the_same_of_every_row_is_said_once() -> None:
    rows = (3, 5, 8, 13)
    places = tuple(f"row {row}" for row in rows)
    same = Finding("overlap", "error", "4 samples overlap", "use data.split=time", 4, rows, places, places)
    with pytest.raises(DataError) as raised:
        act_on([same], "strict")
    said = "4 samples overlap (row 3, row 5, row 8, ...); use data.split=time"
    assert str(raised.value).splitlines()[0] == said
    assert len(raised.value.problems) == 2
