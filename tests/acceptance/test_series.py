"""Series and forecasts, from a table to predictions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import epochal
from epochal.engine.hooks import LogHook
from epochal.errors import DataError

SMALL = {"tracking": [], "compute": {"precision": "float32", "threads": 1}}


def waves(path: Path, count: int = 60, seed: int = 0) -> Path:
    """Two channels over 16 to 20 steps: slow waves, and fast ones."""
    random = np.random.default_rng(seed)
    rows = [
        (
            f"s{number:02}",
            step,
            np.sin(step * (0.4 + 0.8 * (number % 2)) + phase),
            random.normal(),
            number % 2,
        )
        for number, phase in enumerate(random.uniform(0, 6, count))
        for step in range(16 + number % 5)
    ]
    names = ["id", "step", "wave", "noise", "fast"]
    pl.DataFrame(rows, schema=names, orient="row").sample(fraction=1, shuffle=True, seed=seed).write_csv(path)
    return path


def classify(path: Path, **changed: Any) -> dict[str, Any]:
    source = {"name": "series", "path": str(path), "id": "id", "time": "step", "target": "fast", "length": 16}
    return {
        "name": "waves",
        "task": "classification",
        "data": {"source": source, "batch_size": 8, "augment": [{"name": "gaussian_noise", "std": 0.05}]},
        "model": {"name": "tcn", "width": 8},
        "optimizer": {"name": "AdamW", "lr": 0.01},
        "training": {"epochs": 6},
        **SMALL,
        **changed,
    }


def test_series_of_a_table_are_classified_evaluated_and_predicted(here: Path) -> None:
    run = epochal.train(classify(waves(here / "waves.csv")), quiet=True)
    assert run.metrics["test/accuracy"] >= 0.9
    other = waves(here / "other.csv", count=20, seed=1)
    scores = epochal.evaluate(run, data=other, quiet=True)
    assert scores.metrics["accuracy"] >= 0.9
    table = epochal.predict(run, other, quiet=True)
    assert table["FILENAME"].to_list() == scores.predictions["FILENAME"].to_list()
    np.testing.assert_allclose(table["PROBABILITY_1"], scores.predictions["PROBABILITY_1"], atol=1e-6)
    arrays = epochal.predict(run, np.zeros((3, 2, 16), np.float32), quiet=True)
    assert len(arrays) == 3
    with pytest.raises(DataError, match="its shape, prepared, is 2×15; the model takes 2×16"):
        epochal.predict(run, np.zeros((3, 2, 15), np.float32), quiet=True)


def test_a_training_that_is_cut_goes_on_to_the_same_bits(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = predicts(sales(here / "sales.csv", days=250))
    config["data"]["augment"] = [{"name": "gaussian_noise", "std": 0.1}]
    config["training"] = {"epochs": 2, "checkpoint": {"every": "3 steps"}}
    whole = epochal.train(config, "name=whole", quiet=True)
    plain, steps = LogHook.after_step, []

    def cut(self: Any, state: Any, loss: Any) -> None:
        plain(self, state, loss)
        steps.append(state.counters.step)
        if len(steps) == 5:
            raise RuntimeError("cut")

    with monkeypatch.context() as patch:
        patch.setattr(LogHook, "after_step", cut)
        with pytest.raises(epochal.RunError, match="cut"):
            epochal.train(config, "name=cut", quiet=True)
    resumed = epochal.train(config, "name=cut", quiet=True, resume=True)
    assert resumed.folder.best.read_bytes() == whole.folder.best.read_bytes()
    assert resumed.metrics == whole.metrics


def test_only_the_training_split_is_measured(here: Path) -> None:
    run = epochal.train(classify(waves(here / "waves.csv")), "training.epochs=1", quiet=True)
    statistics = json.loads(run.folder.statistics.read_text())
    split = pl.read_csv(run.folder.split).filter(SPLIT="train")["FILENAME"]
    table = pl.read_csv(here / "waves.csv").filter(pl.col("id").is_in(split.to_list())).sort("id", "step")
    last = table.group_by("id").tail(16)
    assert statistics["mean"] == pytest.approx([last["wave"].mean(), last["noise"].mean()], abs=1e-7)


def week(days: Any) -> Any:
    return np.sin(days / 7 * 2 * np.pi)


def sales(path: Path, days: int = 400) -> Path:
    """Two shops whose sales come again each week, and rise or fall."""
    random = np.random.default_rng(0)
    first = np.datetime64("2020-01-01")
    rows = [
        (
            str(first + day),
            shop,
            np.sin(day / 7 * 2 * np.pi) + slope * day + 0.05 * random.normal(),
            random.normal(),
        )
        for shop, slope in (("north", 0.01), ("south", -0.01))
        for day in range(days)
    ]
    pl.DataFrame(rows, schema=["day", "shop", "sales", "weather"], orient="row").write_csv(path)
    return path


def predicts(path: Path) -> dict[str, Any]:
    source: dict[str, Any] = {"name": "forecast", "path": str(path), "time": "day", "id": "shop"}
    source |= {"target": "sales", "channels": ["sales", "weather"], "history": 14, "horizon": 4, "season": 7}
    return {
        "name": "sales",
        "task": "regression",
        "data": {"source": source, "split": "time", "normalize_target": "standard"},
        "model": {"name": "mlp", "hidden": [32]},
        "optimizer": {"name": "AdamW", "lr": 0.01},
        "training": {"epochs": 8},
        **SMALL,
    }


def test_a_forecast_is_held_against_naive_ones_and_predicts_what_follows(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from epochal.cli.scores import print_scores

    path = sales(here / "sales.csv")
    run = epochal.train(predicts(path), quiet=True)
    content = json.loads(run.folder.scores("test").read_text())
    assert content["baselines"].keys() == {"last value", "last season"}
    naive = content["baselines"]["last value"]
    assert naive["skill"] == pytest.approx(1 - content["overall"]["mae"] / naive["mae"])
    assert naive["skill"] > 0.5
    print_scores(run)
    assert f"forecast by the last value: mae {naive['mae']:.4f}" in capsys.readouterr().out
    assert (run.folder.plots / "forecast_test.png").stat().st_size > 10_000

    table = epochal.predict(run, path, quiet=True)
    assert table["FILENAME"].to_list() == ["north/2021-02-03", "south/2021-02-03"]
    days = np.arange(400, 404)
    for row, slope in enumerate((0.01, -0.01)):
        follows = week(days) + slope * days
        found = table.select(pl.col("^PREDICTION_.*$")).row(row)
        assert np.abs(np.array(found) - follows).mean() < 0.3
    evaluated = epochal.evaluate(run, data=path, quiet=True)
    assert "baselines" in evaluated.details
    page = epochal.report(run).read_text()
    assert "forecast_test" in page
    assert "Forecasts that need no learning" in page
    assert f">{naive['mae']:.4f}<" in page
    frame = epochal.predict(run, pl.read_csv(path), quiet=True)
    assert frame["PREDICTION_t+1"].to_list() == table["PREDICTION_t+1"].to_list()


def test_crossval_of_forecasts_keeps_series_whole(here: Path) -> None:
    config = predicts(sales(here / "sales.csv", days=60))
    config["data"]["split"] = {"name": "leave_one_group_out", "val": 0.4}
    path = here / "three.csv"
    table = pl.read_csv(here / "sales.csv")
    third = table.filter(shop="north").with_columns(shop=pl.lit("west"), sales=pl.col("sales") * 2)
    pl.concat([table, third]).write_csv(path)
    config["data"]["source"]["path"] = str(path)
    config["training"]["epochs"] = 1
    run = epochal.crossval(config, quiet=True)
    assert len(run.folds) == 3
