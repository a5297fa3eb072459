from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest

import epochal
from epochal.cli.errors import run_command
from epochal.cli.group import epochal as program


@pytest.fixture
def skin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of files in the working folder, with names of several scripts."""
    monkeypatch.chdir(tmp_path)
    root = tmp_path / "data" / "skin"
    for name in ("b/2.png", "näevus/ä, 皮膚.png", "a b/1.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"content of {name}")
    (root / ".DS_Store").write_text("of no interest")
    return root


def changes(before: Path | str, data: Path | str | None = None) -> tuple[list[str], list[str], list[str]]:
    found = epochal.data_verify(before, data, quiet=True)
    return list(found.added), list(found.removed), list(found.changed)


def test_a_snapshot_lists_path_size_and_sha256_sorted(skin: Path) -> None:
    taken = epochal.data_snapshot("data/skin", output="skin.csv", quiet=True)
    lines = Path("skin.csv").read_text(encoding="utf-8").splitlines()
    digest = hashlib.sha256((skin / "b/2.png").read_bytes()).hexdigest()
    assert lines[0] == "PATH,SIZE,SHA256"
    assert [line.rsplit(",", 2)[0] for line in lines[1:]] == ["a b/1.png", "b/2.png", '"näevus/ä, 皮膚.png"']
    assert lines[2] == f"b/2.png,18,{digest}"
    assert taken.files["b/2.png"].sha256 == digest
    assert changes("skin.csv", skin) == ([], [], [])


def test_equal_data_elsewhere_gives_the_same_bytes(skin: Path) -> None:
    epochal.data_snapshot(skin, output="one.csv", quiet=True)
    moved = skin.rename(skin.parent.parent / "moved")
    os.utime(moved / "b/2.png", (0, 0))
    epochal.data_snapshot(moved, output=moved / "two.csv", quiet=True)
    epochal.data_snapshot(moved, output=moved / "two.csv", quiet=True)  # itself is no part of the data
    assert (moved / "two.csv").read_bytes() == Path("one.csv").read_bytes()
    assert changes(moved / "two.csv", moved) == ([], [], [])


def test_what_came_went_and_changed_is_told(skin: Path) -> None:
    epochal.data_snapshot(skin, output="skin.csv", quiet=True)
    changed, times = skin / "b/2.png", (skin / "b/2.png").stat()
    changed.write_text(changed.read_text().replace("content", "cOntent"))
    os.utime(changed, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert (changed.stat().st_size, changed.stat().st_mtime_ns) == (times.st_size, times.st_mtime_ns)
    (skin / "näevus/ä, 皮膚.png").unlink()
    (skin / "neu").mkdir()
    (skin / "neu" / "ß.png").touch()
    assert changes("skin.csv", skin) == (["neu/ß.png"], ["näevus/ä, 皮膚.png"], ["b/2.png"])


def test_names_that_are_no_utf8_stay_as_they_are(skin: Path) -> None:
    os.close(os.open(os.fsencode(skin) + b"/\xff.png", os.O_CREAT))
    epochal.data_snapshot(skin, output="skin.csv", quiet=True)
    assert changes("skin.csv", skin) == ([], [], [])


def test_the_command_line_writes_beside_the_data_and_exits_with_1_for_a_difference(
    skin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(program, ["data", "snapshot", "data/skin", "-q"]) == 0
    assert capsys.readouterr().out == "3 files, 71 bytes: written to data/skin.snapshot.csv\n"
    assert run_command(program, ["data", "verify", "data/skin.snapshot.csv"]) == 0
    assert capsys.readouterr().out == "nothing changed\n"
    (skin / "b/2.png").unlink()
    assert run_command(program, ["data", "verify", "data/skin.snapshot.csv", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"added": [], "removed": ["b/2.png"], "changed": []}
    assert run_command(program, ["data", "verify", "data/skin.snapshot.csv"]) == 1
    assert capsys.readouterr().out == "removed  b/2.png\n1 removed\n"


def test_a_config_of_a_folder_has_the_folder_as_root(skin: Path) -> None:
    """Also where all files lie in one class."""
    for name in ("b/2.png", "näevus/ä, 皮膚.png"):
        (skin / name).unlink()
    Path("skin.yaml").write_text("data: {source: {name: folder, root: data/skin}}\n")
    assert list(epochal.data_snapshot("skin.yaml", quiet=True).files) == ["a b/1.png"]


def test_a_table_counts_with_the_files_that_it_names(skin: Path) -> None:
    Path("data/labels.csv").write_text("image,kind\nb/2.png,x\na b/1.png,y\n")
    source = "{name: table, path: data/labels.csv, file: image, target: kind, root: data/skin}"
    Path("skin.yaml").write_text(f"data:\n  source: {source}\n")
    taken = epochal.data_snapshot("skin.yaml", output="skin.snapshot.csv", quiet=True)
    assert list(taken.files) == ["labels.csv", "skin/a b/1.png", "skin/b/2.png"]
    (skin / "näevus" / "more.png").touch()  # which the table does not name
    (skin / "b/2.png").unlink()
    assert changes("skin.snapshot.csv", "skin.yaml") == ([], ["skin/b/2.png"], [])
    with pytest.raises(epochal.DataError, match=r"b/2\.png: can't be read: No such file"):
        epochal.data_snapshot("skin.yaml", quiet=True)


def test_arrays_and_a_source_of_ones_own_count_with_what_their_arguments_name(skin: Path) -> None:
    np.save("x.npy", np.zeros(3))
    np.save("y.npy", np.zeros(3))
    Path("a.yaml").write_text("data: {source: {name: arrays, path: x.npy, target: y.npy}}\n")
    assert list(epochal.data_snapshot("a.yaml", quiet=True).files) == ["x.npy", "y.npy"]
    own = 'data: {source: {name: "mine:Scans", folder: data/skin/b, size: 3, mode: fast}}\n'
    Path("b.yaml").write_text(own)
    assert list(epochal.data_snapshot("b.yaml", quiet=True).files) == ["2.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["snapshot", "data/skim"], "data/skim: there is no such file or folder; did you mean 'skin'?"),
        (["snapshot", "digits"], "data.source: the data of digits is in no file that the config names; "),
        (["snapshot", "data/skin", "seed=1"], "data/skin: settings are of a config, and this is data; "),
        (["verify", "data/skin/b/2.png"], "is no snapshot: it does not begin with PATH,SIZE,SHA256; "),
        (["verify", "none.csv"], "none.csv: there is no such file; "),
        (["verify", "lone.csv"], "lone.csv: it does not say which data it is of; name the folder"),
        (["verify", "torn.csv", "data/skin"], "torn.csv:2: no path, size and SHA-256, as after a merge"),
    ],
)
def test_mistakes_are_told(
    skin: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    Path("lone.csv").write_text("PATH,SIZE,SHA256\n")
    Path("torn.csv").write_text("PATH,SIZE,SHA256\n<<<<<<< HEAD\n")
    assert run_command(program, ["data", *arguments]) == 2
    assert said in capsys.readouterr().err
