"""Tables with columns of every kind, from the file to predictions, and beside gradient boosting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

import epochal
from epochal.config.component import Component
from epochal.data.sources import build_source
from epochal.errors import ConfigError, DataError, RequestError

PLAIN = ("tracking=[]",)
_MOST = 250  # categories that scikit-learn's trees take


def boosted(run: epochal.Run, source: dict[str, Any]) -> float:
    """The test AUC of scikit-learn's gradient boosting on the columns and the split of a run."""
    read = build_source(Component.model_validate(source), "class")
    assert read.frame is not None
    split = pl.read_csv(run.path / "split.csv")["SPLIT"].to_numpy()
    columns = []
    for values in read.frame:
        if values.dtype == pl.String:
            frequent = values.drop_nulls().value_counts(sort=True)[values.name].head(_MOST).to_list()
            values = values.replace_strict(
                frequent, [*range(len(frequent))], default=None, return_dtype=pl.Float64
            )
        columns.append(values.to_physical().cast(pl.Float64).fill_null(float("nan")).to_numpy())
    categories = [place for place, dtype in enumerate(read.frame.dtypes) if dtype == pl.String]
    inputs, targets = np.stack(columns, axis=1), read.manifest.targets
    model = HistGradientBoostingClassifier(categorical_features=categories, random_state=0)
    model.fit(inputs[split == "train"], targets[split == "train"])
    test = split == "test"
    return float(roc_auc_score(targets[test], model.predict_proba(inputs[test])[:, 1]))


def test_titanic_is_on_a_level_with_gradient_boosting(here: Path) -> None:
    run = epochal.train("titanic", *PLAIN, quiet=True)
    auc = run.metrics["test/roc_auc"]
    assert auc >= 0.82
    assert auc >= boosted(run, {"name": "titanic"}) - 0.03


@pytest.mark.slow
def test_films_are_on_a_level_with_gradient_boosting(here: Path) -> None:
    source = {"name": "films", "types": {"Director": "category", "Production": "category"}}
    run = epochal.train("films", *PLAIN, quiet=True)
    assert run.metrics["test/roc_auc"] >= boosted(run, source) - 0.03


CONFIG = """
data:
  source: {name: table, path: people.csv, target: ill, types: {ward: category}}
  batch_size: 16
model: {name: mlp, hidden: [8]}
training: {epochs: 3}
tracking: []
paths: {cache: cache}
"""


def people(count: int = 120, seed: int = 0) -> pl.DataFrame:
    generator = np.random.default_rng(seed)
    age = generator.integers(20, 90, count)
    return pl.DataFrame(
        {
            "age": [None if row % 7 == 0 else int(each) for row, each in enumerate(age)],
            "ward": generator.integers(1, 4, count),
            "sex": generator.choice(["f", "m"], count),
            "smokes": generator.choice(["yes", "no"], count),
            "seen": [f"2024-{row % 12 + 1:02}-{row % 28 + 1:02}" for row in range(count)],
            "note": [f"note {row}" for row in range(count)],
            "ill": np.where(age + generator.normal(0, 20, count) > 55, "yes", "no"),
        }
    )


@pytest.fixture
def trained(here: Path) -> epochal.Run:
    people().write_csv(here / "people.csv")
    (here / "people.yaml").write_text(CONFIG)
    return epochal.train("people.yaml", quiet=True)


def test_a_run_reads_other_tables_by_names(
    trained: epochal.Run, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = epochal.evaluate(trained, "test", quiet=True)
    rows = [int(row) for row in own.predictions["FILENAME"]]
    test = people()[rows]
    moved = (
        test.select(reversed(test.columns))
        .drop("note")
        .with_columns(
            pl.col("ward").cast(pl.Float64),
            pl.col("smokes") == "yes",
            pl.col("seen").str.to_date(),
            more=pl.lit("x"),
        )
    )
    moved.write_parquet(here / "other.parquet")
    other = epochal.evaluate(trained, data=here / "other.parquet", quiet=True)
    assert other.metrics == own.metrics
    expected = own.predictions["PROBABILITY_yes"].to_list()
    test.drop("ill").write_csv(here / "new.csv")
    asked: list[Any] = [
        here / "new.csv",
        [here / "other.parquet"],
        moved,
        test.to_dict(as_series=False),
        test.to_dicts(),
    ]
    for inputs in asked:
        assert epochal.predict(trained, inputs, quiet=True)["PROBABILITY_yes"].to_list() == expected

    moved.drop("sex").write_csv(here / "fewer.csv")
    with pytest.raises(RequestError, match=r"fewer\.csv: no column is called 'sex'"):
        epochal.predict(trained, here / "fewer.csv", quiet=True)
    with pytest.raises(DataError, match="inputs:0: 'age' is 'old', not a finite number"):
        epochal.predict(trained, {**test[:1].to_dict(as_series=False), "age": ["old"]}, quiet=True)
    with pytest.raises(RequestError, match="the model takes columns by their names, not an array"):
        epochal.predict(trained, np.zeros((2, 5)), quiet=True)


def test_new_categories_are_counted(
    trained: epochal.Run, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new = people(20, 1).with_columns(ward=pl.Series([9] * 5 + [1] * 15))
    new.write_csv(here / "new.csv")
    capsys.readouterr()
    found = epochal.evaluate(trained, data=here / "new.csv")
    assert found.details["unseen"] == {"ward": 5}
    told = "5 of 20 values of 'ward' are not in the training split and are taken as missing"
    assert told in capsys.readouterr().err
    epochal.predict(trained, here / "new.csv")
    assert told in capsys.readouterr().err
    assert "unseen" not in epochal.evaluate(trained, quiet=True).details


def test_what_fills_gaps_is_of_the_training_split(trained: epochal.Run) -> None:
    split = pl.read_csv(trained.path / "split.csv")
    train = people().filter(split["SPLIT"] == "train")
    assert "<dt>encoded</dt><dd>columns</dd>" in epochal.report(trained).read_text()
    (encoding,) = json.loads(trained.folder.encoding.read_text()).values()
    age = encoding["columns"][0]
    assert (age["name"], age["fill"]) == ("age", train["age"].median())
    assert train["age"].median() != people()["age"].median()
    assert [column["type"] for column in encoding["columns"]] == [
        *("number", "category", "category", "boolean", "date"),
    ]


def test_a_run_without_gaps_refuses_them(here: Path) -> None:
    people().select("ill", "ward", age=pl.col("age").fill_null(50)).write_csv(here / "people.csv")
    (here / "people.yaml").write_text(CONFIG.replace(", types: {ward: category}", ""))
    run = epochal.train("people.yaml", quiet=True)
    assert not run.folder.encoding.exists()
    people().write_csv(here / "gaps.csv")
    with pytest.raises(DataError, match="'age' is missing in 18 of 120 rows; fill them in"):
        epochal.evaluate(run, data=here / "gaps.csv", quiet=True)
    rows = {"age": [30, 40], "ward": [1, 2]}
    turned = dict(reversed(rows.items()))
    first, second = (epochal.predict(run, each, quiet=True) for each in (rows, turned))
    assert first.equals(second)


def test_codes_of_categories_are_not_blended(trained: epochal.Run) -> None:
    with pytest.raises(
        ConfigError, match="mixup would blend codes of categories, as of 'ward'; leave it out"
    ):
        epochal.train("people.yaml", "data.augment=[mixup]", quiet=True)


def test_each_fold_has_its_own_encoding(here: Path) -> None:
    people().write_csv(here / "people.csv")
    (here / "people.yaml").write_text(CONFIG)
    parent = epochal.crossval(
        "people.yaml", "data.split={name: kfold, folds: 2}", "training.epochs=1", quiet=True
    )
    row = people()[:3]
    each = [epochal.predict(fold, row, quiet=True)["PROBABILITY_yes"] for fold in parent.folds]
    mean = epochal.predict(parent.run, row, quiet=True)["PROBABILITY_yes"]
    np.testing.assert_allclose(mean, sum(values.to_numpy() for values in each) / 2, rtol=1e-6)


STOP = """
from pathlib import Path

calls = 0


class Stop:
    def __call__(self, inputs):
        global calls
        calls += 1
        if calls > 14 and not Path("mended").exists():
            raise RuntimeError("stopped")
        return inputs
"""


def test_a_resumed_run_ends_as_if_nothing_had_been(here: Path) -> None:
    people().write_csv(here / "people.csv")
    (here / "people.yaml").write_text(CONFIG)
    (here / "stop.py").write_text(STOP)
    with pytest.raises(epochal.EpochalError, match="stopped"):
        epochal.train("people.yaml", "data.augment=['stop:Stop']", quiet=True)
    (here / "mended").touch()
    resumed = epochal.train("people.yaml", "data.augment=['stop:Stop']", resume=True, quiet=True)
    whole = epochal.train("people.yaml", "data.augment=['stop:Stop']", again=True, quiet=True)
    assert resumed.path != whole.path
    for name in ("encoding.json", "statistics.json", "predictions/test.csv", "checkpoints/best.safetensors"):
        assert (resumed.path / name).read_bytes() == (whole.path / name).read_bytes(), name
