"""Large JPEG files: decoded at a fraction of their size, and in the same way in training and prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image

import epochal


def test_predict_gives_what_the_test_of_the_run_gave(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for row in range(40):
        path = tmp_path / "photos" / "ab"[row % 2] / f"{row:02}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(random.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        coarse.resize((192, 144)).save(path)
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
