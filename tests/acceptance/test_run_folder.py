"""What a finished run leaves: every file, readable, usable again, and right."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from safetensors import safe_open
from shell import Shell

import epochal

CONFIG: dict[str, Any] = {
    "name": "digits8",
    "data": {"source": "digits", "augment": ["horizontal_flip"], "batch_size": 64},
    "model": {"name": "simple_cnn", "channels": [4]},
    "training": {"epochs": 2, "log_every": 5},
    "compute": {"threads": 1},
    "tracking": [],
}


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("shell"))


@pytest.fixture(scope="module")
def run(shell: Shell) -> epochal.Run:
    folder = shell.folder
    paths = {"runs": str(folder / "runs"), "cache": str(folder / "cache")}
    return epochal.train({**CONFIG, "paths": paths}, quiet=True)


def test_every_file_exists_and_reads(run: epochal.Run) -> None:
    folder = run.path
    assert folder.parent.name == "digits8"
    assert sorted(path.name for path in folder.iterdir() if not path.name.startswith(".")) == [
        "checkpoints",
        "config.yaml",
        "curves",
        "environment.json",
        "finished.out",
        "inspect.json",
        "metrics",
        "metrics.jsonl",
        "plots",
        "predictions",
        "run.log",
        "sessions.json",
        "split.csv",
        "statistics.json",
    ]
    split = pl.read_csv(folder / "split.csv")
    assert split.columns == ["INDEX", "FILENAME", "SPLIT"]
    assert split["INDEX"].to_list() == list(range(1797))
    assert dict(split["SPLIT"].value_counts().iter_rows()) == {"train": 1258, "val": 180, "test": 359}
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["seed"] == 42
    assert "torch" in environment["packages"]
    statistics = json.loads((folder / "statistics.json").read_text())
    assert len(statistics["mean"]) == 1
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows if "val/loss" in row] == [1, 2]
    assert [row["step"] for row in rows if "train/batch_loss" in row] == list(range(5, 41, 5))
    for name in ("last", "best"):
        with safe_open(folder / "checkpoints" / f"{name}.safetensors", framework="np") as file:
            assert len(list(file.keys())) > 0
    for name in ("val", "test"):
        scores = json.loads((folder / "metrics" / f"{name}.json").read_text())
        assert set(scores) == {
            "overall",
            "per_class",
            "samples",
            "intervals",
            "interval_method",
            "interval_units",
            "class_intervals",
            "calibration",
        }
        assert set(scores["intervals"]) == {*scores["overall"], "brier"}
        assert list(scores["per_class"]) == [str(digit) for digit in range(10)]
        predictions = pl.read_csv(folder / "predictions" / f"{name}.csv")
        assert predictions.columns[:4] == ["INDEX", "FILENAME", "TARGET", "PREDICTION"]
        members = split.filter(pl.col("SPLIT") == name)["INDEX"]
        assert predictions["INDEX"].to_list() == members.to_list()
    curves = {path.stem for path in (folder / "curves").iterdir()}
    assert {"roc_test", "precision_recall_test", "confusion_test", "roc_val"} <= curves
    for path in (folder / "curves").iterdir():
        assert len(pl.read_csv(path, infer_schema_length=None)) > 0
    plots = {path.stem for path in (folder / "plots").iterdir()}
    assert {"loss", "metrics", "learning_rate", "confusion_test", "roc_test"} <= plots
    for path in (folder / "plots").iterdir():
        with Image.open(path) as image:
            assert min(image.size) > 300
    assert "testing epoch" in (folder / "run.log").read_text()
    assert run.status == "finished"
    assert 0 < run.metrics["test/accuracy"] <= 1
    assert run.metrics["test/accuracy"] == pytest.approx(
        (run.predictions()["TARGET"] == run.predictions()["PREDICTION"]).mean()
    )


def test_the_config_repeats_the_run(run: epochal.Run, shell: Shell) -> None:
    config = str(run.folder.config)
    skipped = shell.run("train", config)
    assert f"{run.path} is finished already; --again trains it once more" in skipped.stderr
    assert f"run folder: {run.path}" in skipped.stdout
    again = epochal.train(config, again=True, quiet=True)
    assert again.path != run.path
    assert again.id == run.id
    timed = ("seconds", "samples_per_second")
    histories = [
        [{k: v for k, v in row.items() if k not in timed} for row in each.history] for each in (run, again)
    ]
    assert histories[0] == histories[1]
    assert run.predictions().equals(again.predictions())
    assert [each.path for each in epochal.runs("digits8", runs=shell.folder / "runs")] == [
        run.path,
        again.path,
    ]


def test_the_split_of_one_run_is_a_split_of_another(run: epochal.Run, shell: Shell) -> None:
    other = epochal.train(
        run.folder.config,
        "name=other",
        "seed=7",
        f"data.split={{name: file, path: {run.folder.split}}}",
        "training.epochs=1",
        quiet=True,
    )
    assert other.folder.split.read_text() == run.folder.split.read_text()
    assert other.id != run.id


def test_evaluate_gives_the_scores_of_the_run(run: epochal.Run, shell: Shell) -> None:
    before = run.folder.scores("test").read_text()
    printed = shell.run("evaluate", str(run.path), "--json", "-q").stdout
    evaluated = json.loads(printed)
    written = json.loads(before)["overall"]
    assert evaluated["overall"].keys() == written.keys()
    for name, value in written.items():
        assert evaluated["overall"][name] == pytest.approx(value, abs=1e-6)
    train = epochal.evaluate(run, "train", quiet=True)
    assert len(train.predictions) == 1258
    assert run.folder.scores("train").exists()


def test_augmentation_does_not_reach_validation_and_test(here: Path) -> None:
    """Two runs that differ only by augmentation, at a learning rate that changes no weight."""
    # batch normalisation would follow the augmented inputs
    still = (
        "model={name: simple_cnn, channels: [4], batch_norm: false}",
        "optimizer={name: SGD, lr: 1e-30}",
        "training.epochs=1",
    )
    plain = epochal.train(CONFIG, *still, "data.augment=[]", "name=plain", quiet=True)
    augmented = epochal.train(
        CONFIG, *still, "data.augment=[{name: rotation, degrees: 90}]", "name=augmented", quiet=True
    )
    assert plain.history[-1]["train/loss"] != augmented.history[-1]["train/loss"]
    for split in ("val", "test"):
        one, other = plain.predictions(split), augmented.predictions(split)
        assert one["INDEX"].equals(other["INDEX"])
        columns = [name for name in one.columns if name.startswith("PROBABILITY")]
        np.testing.assert_array_equal(one.select(columns).to_numpy(), other.select(columns).to_numpy())
