"""What a run says of its scores: intervals, calibration, thresholds, subgroups, errors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image
from scipy.special import softmax
from sklearn import metrics

import epochal
from epochal.console import Console
from epochal.errors import ConfigError, RequestError
from epochal.experiment.config import load_experiment
from epochal.experiment.data import assemble_data

QUICK: dict[str, Any] = {"training": {"epochs": 3}, "tracking": []}
DIGITS: dict[str, Any] = {"data": {"source": "digits"}, "model": "mlp", **QUICK}


def details(run: epochal.Run, split: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run.path / "metrics" / f"{split}.json").read_text())
    return content


def write_patients(name: str, seed: int = 0) -> None:
    """400 rows of 100 patients of two sexes; of women, fewer are ill."""
    generator = np.random.default_rng(seed)
    rows = np.arange(400)
    sex = np.where(rows % 8 < 4, "f", "m")
    ill = generator.random(400) < np.where(sex == "f", 0.25, 0.5)
    x = generator.normal(size=(400, 2)) + ill[:, None]
    columns = {"x0": x[:, 0], "x1": x[:, 1], "sex": sex, "patient": [f"p{row // 4}" for row in rows]}
    pl.DataFrame({**columns, "state": np.where(ill, "ill", "well")}).write_csv(name)


def patients(**evaluation: Any) -> dict[str, Any]:
    source: dict[str, Any] = {"name": "table", "path": "patients.csv", "target": "state", "group": "patient"}
    source |= {"types": {"sex": "ignore"}}  # what groups are made by is not learnt from
    data = {"source": source, "split": {"name": "grouped"}}
    return {"data": data, "evaluation": {"intervals": 200, **evaluation}, **QUICK}


def test_a_run_on_a_table_says_how_far_its_scores_can_be_trusted(here: Path) -> None:
    write_patients("patients.csv")
    config = patients(subgroups=["sex"], threshold={"rule": "sensitivity", "at": 0.9})
    run = epochal.train(config, quiet=True)
    val, test = details(run, "val"), details(run, "test")
    assert test["intervals"].keys() == {*test["overall"], "brier"}
    assert "200 resamples of groups" in test["interval_method"]
    values = test["overall"] | test["calibration"]
    assert all(low <= values[name] <= high for name, (low, high) in test["intervals"].items())
    assert test["samples"] == len(run.predictions())

    threshold = test["threshold"]
    assert threshold["value"] == val["threshold"]["value"]
    assert threshold["rule"] == "sensitivity of at least 0.9"
    for split, found in (("val", val), ("test", test)):
        table = run.predictions(split)
        called = table["PROBABILITY_well"].to_numpy() >= threshold["value"]
        assert (table["PREDICTION"].to_numpy() == np.where(called, "well", "ill")).all()
        right = (table["PREDICTION"] == table["TARGET"]).to_numpy()
        accuracy = right.mean()
        assert found["overall"]["accuracy"] == run.metrics[f"{split}/accuracy"] == pytest.approx(accuracy)
        most_probable = np.where(table["PROBABILITY_well"].to_numpy() > 0.5, "well", "ill")
        before = (most_probable == table["TARGET"].to_numpy()).mean()
        assert found["without_threshold"]["overall"]["accuracy"] == pytest.approx(before)
        wrong = pl.read_csv(run.path / "curves" / f"confused_{split}.csv")["COUNT"].sum()
        assert wrong == (~right).sum()
    of_well = run.predictions("val").filter(pl.col("TARGET") == "well")
    assert (of_well["PREDICTION"] == "well").mean() >= 0.9  # type: ignore[operator]

    groups = test["subgroups"]["sex"]
    assert list(groups) == ["f", "m"]
    assert sum(each["samples"] for each in groups.values()) == test["samples"]
    assert groups["f"]["intervals"].keys() >= {"accuracy", "roc_auc"}
    assert test["gaps"]["sex"].keys() == {"demographic_parity", "equal_opportunity", "equalised_odds"}

    predictor = epochal.load(run)
    assert predictor.table(np.array([[0.99, 0.01], [0.01, 0.99]]))["PREDICTION"].to_list() == ["ill", "well"]
    assert predictor.decision.thresholds == (threshold["value"],)

    write_patients("others.csv", seed=1)
    pl.read_csv("others.csv").drop("sex").write_csv("others.csv")
    elsewhere = epochal.evaluate(run, data="others.csv", quiet=True)
    assert elsewhere.intervals.keys() == {*elsewhere.metrics, "brier"}
    assert "subgroups" not in elsewhere.details
    assert elsewhere.details["threshold"]["value"] == threshold["value"]


def test_a_fitted_temperature_is_used_from_then_on(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = epochal.train({**DIGITS, "data": {"source": "wine"}}, quiet=True)
    before, plain = details(run, "test"), epochal.load(run)
    assert "subgroups" not in before
    assert "threshold" not in before
    rows = np.random.default_rng(0).random((4, 13)).astype(np.float32)
    untouched = epochal.predict(run, rows, quiet=True).select(pl.col("^PROBABILITY_.*$")).to_numpy()
    loss = details(run, "val")["overall"]["loss"]
    result = epochal.evaluate(run, calibrate=True, sort_by_loss=True, quiet=True)
    temperature = json.loads((run.path / "calibration.json").read_text())["temperature"]
    assert plain.temperature is None
    assert epochal.load(run).temperature == temperature == result.details["calibration"]["temperature"]
    assert details(run, "val")["overall"]["loss"] < loss
    assert result.metrics["accuracy"] == before["overall"]["accuracy"]

    after = epochal.predict(run, rows, quiet=True).select(pl.col("^PROBABILITY_.*$")).to_numpy()
    np.testing.assert_allclose(after, softmax(np.log(untouched) / temperature, axis=1), rtol=1e-3)
    table = run.predictions()
    probabilities = table.select(pl.col("^PROBABILITY_.*$")).to_numpy()
    probabilities /= probabilities.sum(axis=1, keepdims=True)  # rounded in the file
    brier = metrics.brier_score_loss(table["TARGET"], probabilities)
    assert result.details["calibration"]["brier"] == pytest.approx(brier, abs=1e-5)
    low, high = result.intervals["brier"]
    assert low < brier < high

    by_loss = pl.read_csv(run.path / "predictions" / "test_by_loss.csv")
    assert by_loss["LOSS"].is_sorted(descending=True)
    assert by_loss["LOSS"].mean() == pytest.approx(result.metrics["loss"], rel=1e-4)
    assert sorted(by_loss["INDEX"]) == sorted(table["INDEX"])
    again = epochal.evaluate(run, quiet=True)
    assert again.details == result.details

    epochal.evaluate(run, "train", quiet=True)
    assert "train: scored before" not in caplog.text
    epochal.evaluate(run, calibrate=True, quiet=True)
    assert "train: scored before this temperature was fitted" in caplog.text


def test_a_run_calibrates_itself_and_shows_its_errors(here: Path) -> None:
    config = {**DIGITS, "evaluation": {"calibrate": True, "intervals": False}}
    run = epochal.train(config, quiet=True)
    assert details(run, "val")["calibration"]["temperature"] == epochal.load(run).temperature is not None
    assert "intervals" not in details(run, "val")
    for split in ("val", "test"):
        with Image.open(run.path / "plots" / f"errors_{split}.png") as picture:
            picture.load()
        assert (run.path / "plots" / f"calibration_{split}.png").exists()
    table = run.predictions()
    wrong = table.filter(pl.col("TARGET") != pl.col("PREDICTION"))
    confused = pl.read_csv(run.path / "curves" / "confused_test.csv")
    assert confused["COUNT"].sum() == len(wrong)
    errors = pl.read_csv(run.path / "curves" / "errors_test.csv")
    shown = errors.filter(pl.col("KIND") == "confidently_wrong")["INDEX"].to_list()
    surest = wrong.with_columns(pl.max_horizontal("^PROBABILITY_.*$").alias("P")).sort("P", descending=True)
    assert shown == surest["INDEX"].head(12).to_list()


def test_labels_have_thresholds_of_their_own(here: Path) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 2))
    labels = (x + generator.normal(scale=0.5, size=x.shape) > 0.8).astype(int)
    columns = {f"x{i}": x[:, i] for i in range(2)} | {f"has_{i}": labels[:, i] for i in range(2)}
    pl.DataFrame(columns).write_csv("labels.csv")
    source = {"name": "table", "path": "labels.csv", "target": ["has_0", "has_1"]}
    evaluation = {"threshold": {"rule": "f1"}, "calibrate": True, "intervals": 100}
    config = {"task": "multilabel", "data": {"source": source}, "evaluation": evaluation, **QUICK}
    run = epochal.train(config, quiet=True)
    found = details(run, "test")
    values = found["threshold"]["value"]
    table = run.predictions()
    for name in ("has_0", "has_1"):
        called = table["PREDICTION"].fill_null("").str.contains(name)
        assert (called == (table[f"PROBABILITY_{name}"] >= values[name])).all()
    chosen_on = details(run, "val")  # where the threshold can only be better
    assert chosen_on["overall"]["f1"] >= chosen_on["without_threshold"]["overall"]["f1"]
    assert found["intervals"].keys() == {*found["overall"], "brier"}


@pytest.mark.parametrize(
    ("evaluation", "message"),
    [
        ({"subgroups": ["sexx"]}, "did you mean 'sex'"),
        ({"threshold": {"rule": "best"}}, "threshold.rule"),
        ({"intervals": 3}, "evaluation.intervals"),
        ({"positive": "il"}, "evaluation.positive: no class is called 'il'; did you mean 'ill'"),
    ],
)
def test_mistakes_are_found_before_training(evaluation: dict[str, Any], message: str, here: Path) -> None:
    write_patients("patients.csv")
    with pytest.raises(ConfigError, match=message):
        epochal.train(patients(**evaluation), quiet=True)
    assert not list(here.glob("runs/*/*"))


def test_values_have_neither_temperature_nor_threshold(here: Path) -> None:
    config = {"task": "regression", "data": {"source": "diabetes"}, **QUICK}
    for asked in ({"calibrate": True}, {"threshold": {"rule": "f1"}}):
        with pytest.raises(ConfigError, match="evaluation"):
            epochal.train({**config, "evaluation": asked}, quiet=True)
    run = epochal.train(config, quiet=True)
    found = details(run, "test")
    assert found["intervals"].keys() == found["overall"].keys() == {"loss", "mae", "rmse", "r2"}
    assert "calibration" not in found
    with pytest.raises(RequestError, match="temperature"):
        epochal.evaluate(run, calibrate=True, quiet=True)


def test_columns_of_other_data_are_known_by_their_names(here: Path) -> None:
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 120))
    table = pl.DataFrame({"a": a, "b": 50 * b, "kind": np.where(a + b > 0, "x", "y")})
    table = table.with_columns(part=pl.Series((["train"] * 3 + ["val", "test", "test"]) * 20))
    table.write_csv(here / "t.csv")
    source = {"name": "table", "path": "t.csv", "target": "kind", "split": "part"}
    config = {"data": {"source": source}, "model": {"name": "mlp", "hidden": [8]}, "training": {"epochs": 2}}
    run = epochal.train(config, quiet=True)

    new = table.filter(part="test").with_row_index("number").select("number", "b", "kind", "a")
    new.write_csv(here / "elsewhere.csv")
    found = epochal.evaluate(run, data="elsewhere.csv", quiet=True)
    assert found.metrics == pytest.approx(epochal.evaluate(run, quiet=True).metrics)


def test_the_positive_class_can_be_chosen(here: Path) -> None:
    write_patients("patients.csv")
    threshold = {"rule": "sensitivity", "at": 0.9}
    config = {**patients(positive="ill", threshold=threshold, subgroups=["sex"]), "loss": "bce_with_logits"}
    run = epochal.train(config, preflight=False, quiet=True)
    usual = assemble_data(load_experiment(patients()), Console(quiet=True))
    assert run.predictions()["INDEX"].to_list() == usual.split.test.tolist()  # whatever is positive
    found, table = details(run, "test"), run.predictions()
    ill = table["PROBABILITY_ill"].to_numpy()
    assert found["threshold"]["class"] == "ill"
    assert (
        table["PREDICTION"].to_numpy() == np.where(ill >= found["threshold"]["value"], "ill", "well")
    ).all()
    of_val = run.predictions("val").filter(TARGET="ill")
    assert (of_val["PREDICTION"] == "ill").mean() >= 0.9  # type: ignore[operator]
    precision = metrics.average_precision_score(table["TARGET"] == "ill", ill)
    assert found["overall"]["average_precision"] == pytest.approx(precision)
    curve = pl.read_csv(run.path / "curves" / "precision_recall_test.csv")
    assert curve["CURVE"].unique().to_list() == ["ill"]
    women = (pl.read_csv("patients.csv")["sex"].gather(table["INDEX"]) == "f").to_numpy()
    called = (table["PREDICTION"] == "ill").to_numpy()
    gap = abs(called[women].mean() - called[~women].mean())
    assert found["gaps"]["sex"]["demographic_parity"] == pytest.approx(gap)

    others = epochal.evaluate(run, data="patients.csv", quiet=True)
    assert others.per_class["ill"]["support"] == (pl.read_csv("patients.csv")["state"] == "ill").sum()
    again = epochal.evaluate(run, quiet=True)
    assert again.details == found
    with pytest.raises(ConfigError, match="positive class is one of two classes"):
        epochal.train({**DIGITS, "evaluation": {"positive": 3}}, quiet=True)


def test_samples_that_the_run_learnt_from_are_counted(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_patients("patients.csv")
    run = epochal.train(patients(), preflight=False, quiet=True)
    table, split = pl.read_csv("patients.csv"), pl.read_csv(run.path / "split.csv")
    of = {name: split.filter(SPLIT=name)["INDEX"].to_list() for name in ("train", "val", "test")}
    write_patients("new.csv", seed=1)
    strangers = pl.read_csv("new.csv")
    relabelled = table[of["train"][40]].with_columns(state=pl.lit("well"), x0=pl.col("x0") + 1)
    kept = [table[of["train"][:7]], table[of["val"][:2]], table[of["test"][:5]], relabelled, strangers]
    pl.concat(kept).write_csv("new.csv")
    found = epochal.evaluate(run, data="new.csv", quiet=True)
    assert found.details["seen_in_training"] == {"train": 7, "val": 2}
    said = "9 were in the run's own training split (7) or validation split (2)"
    assert said in caplog.text

    (here / "patients.csv").unlink()
    found = epochal.evaluate(run, data="new.csv", quiet=True)
    assert "patients.csv" in found.details["seen_in_training"]["unknown"]
