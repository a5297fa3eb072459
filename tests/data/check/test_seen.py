from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

from epochal.console import Console
from epochal.data.check.seen import seen_in
from epochal.data.manifest import Array, Manifest, Source
from epochal.data.sources.folder import folder

CONSOLE = Console(quiet=True)


def write_image(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (8, 8, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)


def table(rows: Array, targets: Array) -> Source:
    manifest = Manifest(pl.Series([str(row) for row in range(len(rows))]), targets, "class", ("a", "b"))
    return Source(manifest, "vector", lambda row: rows[row], "", array=rows.astype(np.float32))


def test_files_are_known_by_their_bytes_whatever_they_are_called(tmp_path: Path) -> None:
    for seed in range(4):
        write_image(tmp_path / "old" / "ab"[seed % 2] / f"{seed}.png", seed)
    for name, seed in (("a/x.png", 2), ("a/y.png", 9), ("b/z.png", 0), ("b/0.png", 3)):
        write_image(tmp_path / "new" / name, seed)
    old, new = (folder(tmp_path / name, target_kind="class").source() for name in ("old", "new"))
    found = seen_in(new, old, np.array([0, 1, 2]), tmp_path / "cache", CONSOLE)
    assert old.manifest.filenames.to_list() == ["a/0.png", "a/2.png", "b/1.png", "b/3.png"]
    assert dict(zip(new.manifest.filenames.to_list(), found.tolist(), strict=True)) == {
        "a/x.png": 1, "a/y.png": -1, "b/0.png": -1, "b/z.png": 0,
    }  # fmt: skip


def test_measurements_are_known_with_their_target(tmp_path: Path) -> None:
    values, targets = np.random.default_rng(0).normal(size=(20, 3)), np.arange(20) % 2
    known = table(values, targets)
    new = table(values[[5, 6, 0, 19]], np.array([1, 1, 0, 1]))
    found = seen_in(new, known, np.arange(2, 20), tmp_path, CONSOLE)
    assert found.tolist() == [5, -1, -1, 19]  # 6 has another target, 0 is not among the rows


def test_few_values_are_equal_by_chance_and_other_shapes_never(tmp_path: Path) -> None:
    answers = np.random.default_rng(0).integers(0, 2, (20, 3))
    known = table(answers, np.zeros(20, np.int64))
    assert seen_in(known, known, np.arange(20), tmp_path, CONSOLE).tolist() == [-1] * 20
    wider = replace(known, array=np.random.default_rng(0).normal(size=(20, 4)))
    assert seen_in(wider, known, np.arange(20), tmp_path, CONSOLE).tolist() == [-1] * 20


def test_texts_and_columns_of_any_kind_are_known_by_their_cells(tmp_path: Path) -> None:
    def source(texts: list[str | None], sizes: list[float], targets: list[int]) -> Source:
        frame = pl.DataFrame({"text": texts, "size": sizes}, schema={"text": pl.String, "size": pl.Float64})
        plain = table(np.zeros((len(texts), 1)), np.array(targets))
        return replace(plain, array=None, frame=frame)

    known = source(["one", "two", None, "four"], [1, 2, 3, 4], [0, 1, 0, 1])
    new = source([None, "two", "two", "one", "four"], [3, 2, 2, 9, 4], [0, 1, 0, 0, 1])
    found = seen_in(new, known, np.arange(3), tmp_path, CONSOLE)
    assert found.tolist() == [2, 1, -1, -1, -1]
