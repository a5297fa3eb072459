"""Prepared samples as training gets them: right, shared, and told when something is wrong."""

from __future__ import annotations

import os
import random
import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image

from epochal.config.component import Component
from epochal.console import Console
from epochal.data import cache
from epochal.data.cache import CacheMode, Samples, prepare_samples, to_unit
from epochal.data.manifest import Array, Manifest, Source
from epochal.data.prepare import Prepare, build_prepare
from epochal.data.sources.folder import folder
from epochal.errors import DataError

QUIET = Console(quiet=True)
RESIZE: dict[str, Any] = {"name": "resize", "size": 8}
COUNT = 30


def build(*steps: str | dict[str, Any]) -> Prepare:
    return build_prepare([Component.model_validate(step) for step in steps])


def images(root: Path, count: int = COUNT) -> Path:
    """A folder of images of one number each, in two classes."""
    for row in range(count):
        path = root / "ab"[row % 2] / f"{row:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((9, 12, 3), row, np.uint8)).save(path)
    return root


def source_of(samples: list[Array]) -> Source:
    """A source that reads these arrays, as if from files."""
    filenames = pl.Series([f"{row}.png" for row in range(len(samples))])
    manifest = Manifest(filenames, np.zeros(len(samples), np.int64), "class", ("a",))
    return Source(manifest, "image", samples.__getitem__, "0" * 32)


def prepared(
    source: Source, folder: Path, prepare: Prepare | None = None, mode: CacheMode = "disk"
) -> Samples:
    return prepare_samples(source, prepare or Prepare(), mode, folder, QUIET)


def files(cached: Path) -> list[str]:
    return sorted(path.name for path in (cached / "prepared").glob("*"))


@pytest.mark.parametrize("mode", ["auto", "disk", "memory", "none"])
def test_every_place_holds_the_same_samples(tmp_path: Path, mode: CacheMode) -> None:
    source = folder(images(tmp_path / "images"), target_kind="class").source()
    samples = prepared(source, tmp_path / "cache", build(RESIZE), mode)
    assert samples.shape == (3, 8, 8)
    assert samples.dtype == np.uint8
    for row, name in enumerate(source.manifest.filenames):
        sample = samples.read(row) if samples.array is None else samples.array[row]
        assert (sample == int(Path(name).stem)).all()
    assert (samples.array is None) == (mode == "none")
    assert (tmp_path / "cache").exists() == (mode in ("auto", "disk"))
    assert isinstance(samples.array, np.memmap) == (mode in ("auto", "disk"))


def test_a_file_is_found_again_and_not_read_anew(tmp_path: Path) -> None:
    source = folder(images(tmp_path / "images"), target_kind="class").source()
    reads: list[int] = []

    def read(row: int) -> Array:
        reads.append(row)
        return source.read(row)

    counted = replace(source, read=read)
    first = prepared(counted, tmp_path / "cache", build(RESIZE))
    assert set(reads) == set(range(COUNT))
    reads.clear()
    again = prepared(counted, tmp_path / "cache", build(RESIZE), "memory")
    assert reads == [0]
    np.testing.assert_array_equal(again.array, first.array)


def test_runs_share_by_content_and_not_by_place(tmp_path: Path) -> None:
    first = folder(images(tmp_path / "here"), target_kind="class").source()
    moved = folder(images(tmp_path / "there"), target_kind="class").source()
    for source in (first, moved):
        prepared(source, tmp_path / "cache", build(RESIZE))
    assert len(files(tmp_path / "cache")) == 1
    Image.fromarray(np.full((9, 12, 3), 200, np.uint8)).save(tmp_path / "there" / "b" / "001.png")
    changed = prepared(
        folder(tmp_path / "there", target_kind="class").source(), tmp_path / "cache", build(RESIZE)
    )
    assert changed.array is not None
    assert (changed.array == 200).any()
    prepared(first, tmp_path / "cache", build({"name": "resize", "size": 7}))
    assert len(files(tmp_path / "cache")) == 3


def test_a_decoder_that_gives_other_pixels_has_files_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder(images(tmp_path / "images"), target_kind="class").source()
    prepared(source, tmp_path / "cache")
    monkeypatch.setattr(cache, "decoder_mark", lambda: "another")
    prepared(source, tmp_path / "cache")
    assert len(files(tmp_path / "cache")) == 2


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "other shape"])
def test_a_damaged_file_is_built_again(tmp_path: Path, damage: str) -> None:
    source = folder(images(tmp_path / "images"), target_kind="class").source()
    expected = np.array(prepared(source, tmp_path / "cache").array)
    [name] = files(tmp_path / "cache")
    path = tmp_path / "cache" / "prepared" / name
    content = path.read_bytes()
    if damage == "other shape":
        np.save(path, np.zeros((COUNT, 1), np.uint8))
    else:
        path.write_bytes({"cut": content[:-100], "garbage": b"x" * len(content), "empty": b""}[damage])
    np.testing.assert_array_equal(prepared(source, tmp_path / "cache").array, expected)
    assert path.read_bytes() == content


@pytest.mark.parametrize("mode", ["disk", "memory"])
@pytest.mark.parametrize("floats", [[0], [COUNT - 1], [3, 17]])
def test_bytes_among_floats_become_floats(tmp_path: Path, mode: CacheMode, floats: list[int]) -> None:
    levels = [np.full((1, 4, 4), row, np.uint8) for row in range(COUNT)]
    mixed: list[Array] = [to_unit(level) if row in floats else level for row, level in enumerate(levels)]
    samples = prepared(source_of(mixed), tmp_path, mode=mode)
    assert samples.array is not None
    assert samples.dtype == samples.array.dtype == np.float32
    np.testing.assert_array_equal(samples.array, to_unit(np.stack(levels)))
    again = prepared(source_of(mixed), tmp_path, mode=mode)
    np.testing.assert_array_equal(again.array, samples.array)


@pytest.mark.parametrize("mode", ["disk", "memory"])
def test_other_shapes_name_both_files_and_the_mend(tmp_path: Path, mode: CacheMode) -> None:
    samples: list[Array] = [np.zeros((1, 4, 4), np.uint8) for _ in range(COUNT)]
    samples[5], samples[20] = np.zeros((1, 5, 4), np.uint8), np.zeros((3, 4, 4), np.uint8)
    with pytest.raises(DataError) as caught:
        prepared(source_of(samples), tmp_path, mode=mode)
    assert [problem.where for problem in caught.value.problems] == ["5.png", "20.png"]
    assert "5.png: its shape 1×5×4 differs from 1×4×4 of '0.png'; make them equal in data.prepare" in str(
        caught.value
    )
    assert not list(tmp_path.rglob("*.npy"))


def test_all_broken_files_are_named_together(tmp_path: Path) -> None:
    root = images(tmp_path / "images")
    for name in ("a/004.png", "b/021.png"):
        (root / name).write_bytes((root / name).read_bytes()[:45])
    with pytest.raises(DataError) as caught:
        prepared(folder(root, channels=3, target_kind="class").source(), tmp_path / "cache")
    assert [problem.where for problem in caught.value.problems] == [
        str(root / "a" / "004.png"),
        str(root / "b" / "021.png"),
    ]


def test_what_does_not_fit_anywhere_is_prepared_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = folder(images(tmp_path / "images"), target_kind="class").source()
    monkeypatch.setattr(cache, "_free_bytes", lambda _: 100)
    samples = prepared(source, tmp_path / "cache", mode="auto")
    assert samples.array is not None
    assert not isinstance(samples.array, np.memmap)
    monkeypatch.setattr(os, "sysconf", lambda _: 100)
    assert prepared(source, tmp_path / "cache", mode="auto").array is None
    assert "more than fits in memory or in" in caplog.text


def test_the_global_generators_are_left_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where a step draws, and makes nothing of it."""
    step = """
    import random
    import numpy as np
    import torch

    def draws(sample):
        random.random(), np.random.random(), torch.rand(())
        return sample
    """
    (tmp_path / "drawing_step.py").write_text(textwrap.dedent(step))
    monkeypatch.syspath_prepend(tmp_path)
    source = folder(images(tmp_path / "images"), target_kind="class").source()

    def states() -> tuple[object, ...]:
        return random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()

    before, threads = states(), torch.get_num_threads()
    for mode in ("disk", "memory"):
        samples = prepared(source, tmp_path / "cache", build("drawing_step:draws"), mode)
        samples.read_keyed(3, 1, 2)
    assert states() == before
    assert torch.get_num_threads() == threads


def test_torch_takes_the_mapped_array_without_a_copy_and_writes_no_file(tmp_path: Path) -> None:
    source = folder(images(tmp_path / "images"), target_kind="class").source()
    array = prepared(source, tmp_path).array
    assert array is not None
    torch.from_numpy(array)[0] = 77
    assert (array[0] == 77).all()
    kept = prepared(source, tmp_path).array
    assert kept is not None
    assert not (kept[0] == 77).any()
