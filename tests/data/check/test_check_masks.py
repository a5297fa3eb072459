from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from epochal.console import Console
from epochal.data.check.masks import mask_oddities
from epochal.data.check.reading import Reading, read_source
from epochal.data.config import DataConfig


def reading(tmp_path: Path) -> Reading:
    """Ten samples: one good, and one for each fault."""
    generator = np.random.default_rng(0)
    good = np.zeros((12, 12), np.uint8)
    good[3:6] = 1
    masks = {
        "a": good,
        "b": good[:6],
        "c": good * 9,
        "d": good * 0,
        "e": np.full((12, 12), 255, np.uint8),
        "orphan": good,
    }
    for tree in ("images", "masks"):
        (tmp_path / "data" / tree).mkdir(parents=True)
    for name in "abcdef":
        pixels = generator.integers(0, 255, (12, 12), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "data" / "images" / f"{name}.png")
    for name, mask in masks.items():
        Image.fromarray(mask).save(tmp_path / "data" / "masks" / f"{name}.png")
    settings = {"name": "folder", "root": str(tmp_path / "data"), "classes": ["background", "tumour"]}
    config = DataConfig.model_validate({"source": settings})
    return read_source(config, "mask", cache=tmp_path / "cache", console=Console(quiet=True))


def test_masks_that_cant_be_used_are_set_aside_with_their_rows(tmp_path: Path) -> None:
    found = reading(tmp_path)
    assert found.source.manifest.filenames.to_list() == ["images/a.png", "images/d.png", "images/e.png"]
    by_kind = {finding.kind: finding for finding in found.findings}
    assert {kind: finding.rows for kind, finding in by_kind.items()} == {
        "mask_size": (1,),
        "bad_mask": (2,),
        "missing_mask": (5,),
    }
    assert by_kind["mask_size"].drop == {1: "images/b.png"}
    assert "the mask is 6×12, its image 12×12" in by_kind["mask_size"].notes[0]
    assert "its mask: its value 9 stands" in by_kind["bad_mask"].notes[0]


def test_empty_masks_and_masks_without_an_image_are_odd(tmp_path: Path) -> None:
    found = mask_oddities(reading(tmp_path).subject)
    by_kind = {finding.kind: (finding.rows, finding.severity) for finding in found}
    assert by_kind == {
        "unlabelled_mask": ((4,), "warning"),
        "empty_mask": ((3,), "warning"),
        "orphan_mask": ((), "warning"),
    }
    assert "masks/orphan.png" in found[-1].what


def test_masks_of_smoothed_edges_are_told_before_each_shade_becomes_a_class(tmp_path: Path) -> None:
    for name, edge in (("a", 255), ("b", 77)):
        for tree in ("images", "masks"):
            (tmp_path / tree).mkdir(exist_ok=True)
            values = np.array([[0, edge, 255]], np.uint8)
            Image.fromarray(values).save(tmp_path / tree / f"{name}.png")
    config = DataConfig.model_validate({"source": {"name": "folder", "root": str(tmp_path)}})
    found = read_source(config, "mask", cache=tmp_path / "cache", console=Console(quiet=True))
    (smoothed,) = mask_oddities(found.subject)
    assert (smoothed.kind, smoothed.rows) == ("smoothed_mask", (1,))
    assert smoothed.what.startswith("masks hold 77 besides 0 and 255")
