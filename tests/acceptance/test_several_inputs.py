"""Networks of several inputs: dicts of a Dataset, images of a table with columns beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

import epochal
from epochal.config.component import Component
from epochal.data.sources import build_source
from epochal.errors import DataError, RequestError
from epochal.recipes.fusion import GreaterDigit

PLAIN = ("tracking=[]", "compute.precision=float32", "compute.threads=1")


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> Any:
    runs = tmp_path_factory.mktemp("fused")
    return epochal.train("fusion", *PLAIN, f"paths.runs={runs}", quiet=True)


def test_the_recipe_needs_both_inputs(fused: Any, here: Path) -> None:
    assert fused.metrics["test/accuracy"] >= 0.95
    for hidden in ("image", "columns"):
        alone = epochal.train(
            "fusion", f"data.source.hidden={hidden}", *PLAIN, "training.epochs=5", quiet=True
        )
        assert alone.metrics["test/accuracy"] < 0.88  # the other one alone is worth 0.75 at best


def test_arrays_are_predicted_by_the_names_of_the_inputs(fused: Any) -> None:
    dataset = GreaterDigit()
    table = pl.read_csv(fused.folder.predictions("test"), schema_overrides={"FILENAME": pl.Int64})
    rows = table["FILENAME"].to_numpy()
    images, columns = dataset.images[rows], dataset.numbers[rows, None]
    found = epochal.predict(fused, {"columns": columns, "image": images}, quiet=True)
    np.testing.assert_allclose(found["PROBABILITY_yes"], table["PROBABILITY_yes"], atol=1e-5)
    other = epochal.predict(fused, {"image": images, "columns": columns + 20}, quiet=True)
    assert np.mean(other["PROBABILITY_yes"].to_numpy() <= found["PROBABILITY_yes"].to_numpy()) > 0.95
    with pytest.raises(RequestError, match="takes several inputs by name: image, columns"):
        epochal.predict(fused, images, quiet=True)
    with pytest.raises(RequestError, match="inputs are image; the model takes image, columns"):
        epochal.predict(fused, {"image": images}, quiet=True)
    with pytest.raises(RequestError, match=r"'columns' has the shape \[2, 1\], not \[3, 1\]"):
        epochal.predict(fused, {"image": images[:3], "columns": columns[:2]}, quiet=True)


def test_inputs_are_measured_on_the_training_split(fused: Any) -> None:
    statistics = json.loads(fused.folder.statistics.read_text())
    rows = pl.read_csv(fused.folder.split).filter(SPLIT="train")["INDEX"].to_numpy()
    mean, std = statistics["others"]["columns"]
    numbers = GreaterDigit().numbers[rows].astype(np.float64)
    assert mean == pytest.approx([numbers.mean()])
    assert std == pytest.approx([numbers.std()])


class Uneven:
    """Items whose second input is missing in one of them, or of another shape."""

    def __init__(self, shape: int | None) -> None:
        self.shape = shape

    def __len__(self) -> int:
        return 4

    def __getitem__(self, row: int) -> dict[str, Any]:
        item: dict[str, Any] = {"x": np.ones(2, np.float32), "more": np.zeros(3, np.float32), "y": row % 2}
        if row == 2:
            del item["more"]
            if self.shape is not None:
                item["more"] = np.zeros(self.shape, np.float32)
        return item


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (None, "its inputs beside the first are none, those of item 0 more"),
        (5, "its more has the shape [5], that of item 0 [3]"),
    ],
)
def test_items_with_other_inputs_are_told(shape: int | None, message: str) -> None:
    component = Component.model_validate({"name": f"{__name__}:Uneven", "shape": shape})
    with pytest.raises(DataError) as raised:
        build_source(component, "class")
    assert message in str(raised.value)


def pictures(folder: Path, count: int = 48) -> Path:
    """Bright and dark pictures; the class is yes where brightness and sign of a column agree."""
    random = np.random.default_rng(0)
    rows = []
    for number in range(count):
        bright, sign = number % 2, number // 2 % 2
        pixels = random.integers(0, 60, (8, 8)) + 180 * bright
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
        height = (20.0 if sign else -20.0) + random.normal()
        rows.append((f"{number}.png", height, random.normal(), "yes" if bright == sign else "no"))
    path = folder / "table.csv"
    pl.DataFrame(rows, schema=["file", "height", "weight", "class"], orient="row").write_csv(path)
    return path


def test_images_with_columns_of_a_table_train_evaluate_and_predict(here: Path) -> None:
    path = pictures(here)
    source = {"name": "table", "path": str(path), "file": "file", "target": "class"}
    config = {
        "name": "beside",
        "task": "classification",
        "data": {"source": {**source, "features": ["height", "weight"]}, "batch_size": 8, "checks": "off"},
        "model": {"name": "fusion", "channels": [4], "hidden": [8], "width": 8},
        "optimizer": {"name": "AdamW", "lr": 0.02},
        "training": {"epochs": 12},
    }
    run = epochal.train(config, *PLAIN, quiet=True)
    assert run.metrics["test/accuracy"] >= 0.9
    scores = epochal.evaluate(run, data=path, quiet=True)
    table = epochal.predict(run, path, quiet=True)
    assert table["FILENAME"].to_list() == scores.predictions["FILENAME"].to_list()
    np.testing.assert_allclose(table["PROBABILITY_yes"], scores.predictions["PROBABILITY_yes"], atol=1e-5)
    pl.read_csv(path).drop("weight").write_csv(here / "less.csv")
    with pytest.raises(RequestError, match="no column is called 'weight'"):
        epochal.predict(run, here / "less.csv", quiet=True)
    rows = pl.read_csv(path).drop("class")
    assert epochal.predict(run, rows, quiet=True)["PREDICTION"].equals(table["PREDICTION"])
    assert epochal.predict(run, rows.to_dicts(), quiet=True)["PREDICTION"].equals(table["PREDICTION"])
    for inputs in (here / "0.png", here, [path, here / "0.png"]):
        with pytest.raises(RequestError, match="it has no columns, which the model takes beside"):
            epochal.predict(run, inputs, quiet=True)
    found = epochal.inspect(config, quiet=True)
    assert [column.name for column in found.columns] == ["height", "weight"]
    assert found.notes == ("inputs: image 1×8×8, columns 2",)
