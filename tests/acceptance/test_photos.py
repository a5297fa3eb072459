"""Large JPEG files: decoded at a fraction of their size, and in the same way in training and prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import torch
from PIL import Image
from shell import Shell

import epochal


def write_photos(root: Path) -> None:
    """Forty JPEG files of 192×144 pixels in two classes."""
    random = np.random.default_rng(0)
    for row in range(40):
        path = root / "ab"[row % 2] / f"{row:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        coarse.resize((192, 144)).save(path)


def test_predict_gives_what_the_test_of_the_run_gave(tmp_path: Path) -> None:
    write_photos(tmp_path / "photos")
    run = epochal.train(
        {
            "name": "photos",
            "data": {
                "source": {"name": "folder", "root": str(tmp_path / "photos")},
                "prepare": [{"name": "resize", "size": 20}],
            },
            "training": {"epochs": 1},
            "tracking": [],
            "paths": {"runs": str(tmp_path / "runs"), "cache": str(tmp_path / "cache")},
        },
        quiet=True,
    )
    tested = pl.read_csv(run.path / "predictions" / "test.csv").sort("FILENAME")
    predicted = epochal.predict(run, str(tmp_path / "photos"), quiet=True).sort("FILENAME")
    predicted = predicted.filter(pl.col("FILENAME").is_in(tested["FILENAME"].to_list()))
    for name in ("PROBABILITY_a", "PROBABILITY_b"):
        np.testing.assert_allclose(predicted[name], tested[name], atol=1e-6)


DATA = """
from pathlib import Path

import torch
from PIL import Image
from torch.utils.data import Dataset


class Photos(Dataset):
    classes = ["a", "b"]

    def __init__(self) -> None:
        self.paths = sorted(Path("photos").glob("*/*.jpg"))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, row):
        return Image.open(self.paths[row]), self.classes.index(self.paths[row].parent.name)


class Walks(Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, row):
        steps = torch.randn(6, 5, generator=torch.Generator().manual_seed(row))
        return steps.cumsum(0) * (1 + row % 2), row % 2
"""


def test_a_dataset_that_decodes_by_itself_is_predicted_as_it_decoded(here: Path) -> None:
    Shell(here).write("own_photos.py", DATA)
    write_photos(here / "photos")
    config = {
        "data": {"source": "own_photos:Photos", "prepare": [{"name": "resize", "size": 20}]},
        "training": {"epochs": 1},
        "tracking": [],
    }
    run = epochal.train(config, quiet=True)
    tested = run.predictions()
    files = [str(path) for path in sorted((here / "photos").glob("*/*.jpg"))]
    predicted = epochal.predict(run, files, quiet=True)
    for name in ("PROBABILITY_a", "PROBABILITY_b"):
        again = predicted[name].gather(tested["INDEX"])
        np.testing.assert_allclose(again, tested[name], atol=1e-6)


def test_arrays_of_any_shape_are_predicted(here: Path) -> None:
    Shell(here).write("own_walks.py", DATA)
    config = {"data": {"source": "own_walks:Walks"}, "training": {"epochs": 1}, "tracking": []}
    run = epochal.train(config, quiet=True)
    tested = run.predictions()
    drawn = (torch.randn(6, 5, generator=torch.Generator().manual_seed(row)) for row in range(40))
    walks = np.stack([(steps.cumsum(0) * (1 + row % 2)).numpy() for row, steps in enumerate(drawn)])
    predicted = epochal.predict(run, walks, quiet=True)
    probability = predicted.columns[-1]
    again = predicted[probability].gather(tested["INDEX"])
    np.testing.assert_allclose(again, tested[probability], atol=1e-6)
    assert len(epochal.predict(run, np.zeros((0, 6, 5), np.float32), quiet=True)) == 0
