"""Segmentation from a folder of images and masks to masks of new images."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

import epochal
from epochal.data.manifest import Array

CLASSES = ["background", "disc", "box"]
PLAIN = ("tracking=[]", "compute.precision=float32")
NETWORK = """
from torch import nn

def Net(in_channels, outputs):
    return nn.Sequential(
        nn.Conv2d(in_channels, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(),
        nn.Conv2d(8, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, outputs, 1),
    )
"""


def shapes(count: int, seed: int = 0) -> Iterator[tuple[Array, Array]]:
    """Pictures of a reddish disc and a bluish box in noise, of different sizes, and their masks."""
    generator = np.random.default_rng(seed)
    for number in range(count):
        height, width = 40 + 4 * (number % 3), 48
        mask = np.zeros((height, width), np.uint8)
        y, x = np.mgrid[:height, :width]
        top, left, side = generator.integers(4, 20, 3)
        mask[(y - 25) ** 2 + (x - left - 15) ** 2 < (5 + side / 4) ** 2] = 1
        mask[top : top + 10, left : left + 12] = 2
        base = np.stack([60 + 90 * (mask == 1), np.full_like(mask, 60), 60 + 90 * (mask == 2)], axis=2)
        yield (base + generator.normal(0, 25, base.shape)).clip(0, 255).astype(np.uint8), mask


def write(root: Path, count: int, seed: int = 0) -> None:
    for tree in ("images", "masks"):
        (root / tree).mkdir(parents=True)
    for number, (image, mask) in enumerate(shapes(count, seed)):
        Image.fromarray(image).save(root / "images" / f"s{number:02}.png")
        mask[0] = 255
        Image.fromarray(mask).save(root / "masks" / f"s{number:02}_mask.png")


def settings(here: Path, **training: Any) -> dict[str, Any]:
    return {
        "name": "shapes",
        "task": {"name": "segmentation", "background": False},
        "data": {
            "source": {"name": "folder", "root": str(here / "data"), "classes": CLASSES},
            "prepare": [{"name": "resize", "size": [32, 40]}, {"name": "pad", "size": [36, 40]}],
            "augment": ["horizontal_flip", {"name": "rotation", "degrees": 10}],
            "batch_size": 4,
        },
        "model": "net:Net",
        "loss": {"name": "sum", "losses": ["cross_entropy", "dice"]},
        "optimizer": {"name": "AdamW", "lr": 0.02},
        "training": {"epochs": 2, **training},
    }


@pytest.fixture
def folder(here: Path) -> Path:
    write(here / "data", 24)
    (here / "net.py").write_text(NETWORK)
    return here


def test_a_run_learns_and_writes_what_a_run_writes(folder: Path) -> None:
    run = epochal.train(settings(folder, epochs=15), *PLAIN, "data.batch_size=2", quiet=True)
    assert run.metrics["test/dice"] > 0.8
    assert run.metrics["test/pixel_accuracy"] > 0.95
    content = json.loads(run.folder.scores("test").read_text())
    assert content["intervals"].keys() == {"loss", "dice", "iou", "pixel_accuracy"}
    assert content["per_class"].keys() == set(CLASSES)
    table = pl.read_csv(run.folder.predictions("test"))
    assert {"FILENAME", "DICE", "IOU", "DICE_disc", "IOU_box"} <= set(table.columns)
    for picture in ("confusion_test", "dice_test", "errors_test"):
        with Image.open(run.folder.plots / f"{picture}.png") as drawn:
            assert np.asarray(drawn.convert("L")).std() > 5
    worst = pl.read_csv(run.folder.curve("errors", "test"))
    assert worst["DICE"].is_sorted()
    page = epochal.report(run).read_text()
    assert worst["FILENAME"][0] in page
    assert " pixels right" in page

    # new images come back as masks of their own size
    new = folder / "new"
    write(new, 3, seed=9)
    found = epochal.predict(run, new / "images", output=folder / "out", quiet=True)
    assert found["MASK"].to_list() == ["s00.png", "s01.png", "s02.png"]
    right = []
    for name, (image, truth) in zip(found["MASK"].to_list(), shapes(3, seed=9), strict=True):
        with Image.open(folder / "out" / name) as opened:
            assert opened.mode == "P"
            predicted = np.asarray(opened)
        assert predicted.shape == image.shape[:2]
        right.append((predicted == truth).mean())
    assert np.mean(right) > 0.9
    assert pl.read_csv(folder / "out" / "predictions.csv").columns[-3:] == [
        f"SHARE_{name}" for name in CLASSES
    ]
    found = epochal.predict(run, new / "images", output=folder / "tables" / "new.csv", quiet=True)
    assert found["MASK"].to_list() == ["new/s00.png", "new/s01.png", "new/s02.png"]  # not among other files
    assert sorted(path.name for path in (folder / "tables").iterdir()) == ["new", "new.csv"]
    assert all((folder / "tables" / name).is_file() for name in found["MASK"])
    with pytest.raises(epochal.RequestError, match="among the images"):
        epochal.predict(run, new / "images", output=new / "images", quiet=True)

    # other data with masks is scored, arrays are predicted, and a loaded run gives masks
    other = epochal.evaluate(run, data=new, quiet=True)
    assert other.metrics["dice"] > 0.7
    pictures = np.stack([image[:40] for image, _ in shapes(3, seed=9)])
    shares = epochal.predict(run, pictures, quiet=True).select(pl.col("^SHARE_.*$"))
    np.testing.assert_allclose(shares.to_numpy().sum(axis=1), 1)
    again = epochal.evaluate(run, quiet=True)
    assert again.metrics["dice"] == pytest.approx(run.metrics["test/dice"])


def test_a_cut_run_goes_on_to_the_same_weights(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = settings(folder)
    config["training"]["checkpoint"] = {"every": "3 steps"}
    whole = epochal.train(config, *PLAIN, "name=whole", quiet=True)
    from epochal.engine import hooks

    plain, steps = hooks.LogHook.after_step, []

    def cut(self: Any, state: Any, loss: Any) -> None:
        plain(self, state, loss)
        steps.append(state.counters.step)
        if len(steps) == 5:
            raise RuntimeError("cut")

    with monkeypatch.context() as patch:
        patch.setattr(hooks.LogHook, "after_step", cut)
        with pytest.raises(epochal.RunError, match="cut"):
            epochal.train(config, *PLAIN, "name=cut", quiet=True)
    resumed = epochal.train(config, *PLAIN, "name=cut", quiet=True, resume=True)
    assert resumed.folder.best.read_bytes() == whole.folder.best.read_bytes()
    assert resumed.metrics == whole.metrics


def test_batches_do_not_depend_on_where_samples_are_kept(folder: Path) -> None:
    scores = [
        epochal.train(
            settings(folder, epochs=1), *PLAIN, f"data.cache={cache}", f"name={cache}", quiet=True
        ).metrics
        for cache in ("memory", "none")
    ]
    assert scores[0] == scores[1]


def test_cross_validation_pools_the_pixels_of_all_folds(folder: Path) -> None:
    found = epochal.crossval(
        settings(folder, epochs=1),
        *PLAIN,
        "data.split={name: kfold, folds: 2}",
        "data.checks=warn",
        quiet=True,
    )
    tables = [pl.read_csv(fold.folder.predictions("test")) for fold in found.folds]
    pixels = pl.concat(tables).select(pl.col("^PIXELS_.*$").sum())
    total = sum(pixels.row(0))
    right = sum(pixels[f"PIXELS_{name}_AS_{name}"][0] for name in CLASSES)
    assert found.pooled["pixel_accuracy"] == pytest.approx(right / total)
    mean = epochal.predict(found.run, folder / "data" / "images", output=folder / "out", quiet=True)
    assert len(mean) == 24


def test_inspect_counts_pixels_and_shows_masks(folder: Path) -> None:
    (folder / "data" / "masks" / "s03_mask.png").unlink()
    found = epochal.inspect(settings(folder), output=folder / "seen", quiet=True)
    assert [finding.kind for finding in found.errors] == ["missing_mask"]
    pixels = found.splits["train"].pixels
    assert pixels is not None
    assert sum(pixels.values()) == pytest.approx(1)
    assert pixels["background"] > 0.7
    shown = (folder / "seen" / "samples_train.png").stat().st_size
    assert shown > 10_000
    with pytest.raises(epochal.DataError, match="has no mask"):
        epochal.train(settings(folder), *PLAIN, quiet=True)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"model": "simple_cnn"}, "masks of its classes are 3×36×40"),
        ({"loss": "bce_with_logits"}, "bce_with_logits is no loss for segmentation"),
        ({"data": {"augment": ["mixup"]}}, "a pixel of a mask has one class"),
        ({"data": {"classes": CLASSES}}, "name them as 'classes'"),
    ],
)
def test_what_does_not_fit_is_told_before_training(folder: Path, change: dict[str, Any], what: str) -> None:
    config = settings(folder)
    for key, value in change.items():
        config[key] = {**config[key], **value} if isinstance(value, dict) else value
    with pytest.raises(epochal.EpochalError, match=what):
        epochal.train(config, *PLAIN, quiet=True)


def test_arrays_train_with_any_image_network_of_that_shape(here: Path) -> None:
    pairs = [(image[:40], mask[:40]) for image, mask in shapes(12)]
    x, y = (np.stack(each) for each in zip(*pairs, strict=True))
    np.savez(here / "a.npz", x=x, y=y)
    (here / "net.py").write_text(NETWORK)
    config = {
        "task": "segmentation",
        "data": {"source": {"name": "arrays", "path": str(here / "a.npz")}, "batch_size": 4},
        "model": "net:Net",
        "optimizer": {"name": "AdamW", "lr": 0.05},
        "training": {"epochs": 6},
    }
    run = epochal.train(config, *PLAIN, quiet=True)
    assert run.metrics["test/pixel_accuracy"] > 0.5
    assert list(json.loads(run.folder.scores("test").read_text())["per_class"]) == ["0", "1", "2"]


@pytest.mark.skipif(importlib.util.find_spec("nilearn") is None, reason="needs nilearn")
def test_the_recipe_tissue(here: Path) -> None:
    run = epochal.train("tissue", *PLAIN, quiet=True)
    assert run.metrics["test/dice"] >= 0.8
