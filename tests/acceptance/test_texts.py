"""Texts from a table and from folders through the whole life of a run, as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

import epochal
from epochal.errors import ConfigError, DataError, RequestError

GOOD, BAD = ("a joy", "brilliant", "moving and warm"), ("a bore", "clumsy", "loud and cold")
FILLING = ("the", "film", "and", "its", "story", "people", "in", "a", "town", "where", "nothing", "seems")

OWN = """
from pathlib import Path

from torch import nn


class Stumbling(nn.Module):
    def __init__(self, vocabulary: int, outputs: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, 8, padding_idx=0)
        self.dropout = nn.Dropout(0.2)
        self.last = nn.Linear(8, outputs)
        self.steps = 0

    def forward(self, tokens):
        self.steps += self.training
        if self.steps > 40 and Path("stumble").exists():
            raise ValueError("the step that fails")
        return self.last(self.dropout(self.embedding(tokens).sum(1)))
"""


def reviews(count: int, seed: int = 0) -> pl.DataFrame:
    """Texts of 3 to 40 words, one of which tells whether they are good."""
    generator = np.random.default_rng(seed)
    found = []
    for number in range(count):
        words = generator.choice(FILLING, generator.integers(2, 40)).tolist()
        good = number % 2
        words.insert(generator.integers(len(words)), str(generator.choice(GOOD if good else BAD)))
        stars = float(good * 3 + generator.normal(1, 0.2))
        found.append((" ".join(words) + f" ({number})", ("no", "yes")[good], stars, good, 1 - good))
    return pl.DataFrame(found, schema=["review", "liked", "stars", "good", "bad"], orient="row")


def config(**data: Any) -> dict[str, Any]:
    """A run on ``reviews.csv`` in the working folder."""
    return {
        "name": "reviews",
        "data": {
            "source": {"name": "table", "path": "reviews.csv", "text": "review", "target": "liked"},
            "encode": {"name": "bpe", "vocabulary_size": 400},
            "batch_size": 8,
            **data,
        },
        "model": {"name": "embedding_bag", "width": 16},
        "optimizer": {"name": "AdamW", "lr": 0.02},
        "training": {"epochs": 6},
        "compute": {"threads": 1},
        "tracking": [],
    }


@pytest.fixture
def table(here: Path) -> Path:
    reviews(240).write_csv("reviews.csv")
    return here / "reviews.csv"


def test_from_a_table_to_predictions_and_a_report(table: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = epochal.train(config(), "tracking=[tensorboard]", quiet=True)
    assert run.metrics["test/accuracy"] > 0.8
    written = json.loads(run.folder.encoding.read_text())["sample"]
    assert written["kind"] == "tokenizer"

    # wherever a text stands and whatever stands beside it in a batch, its prediction is the same
    texts = reviews(5, seed=7)["review"].to_list()
    (Path("more") / "deep").mkdir(parents=True)
    for number, text in enumerate(texts):
        (Path("more") / "deep" / f"{number}.txt").write_text(text)
    pl.DataFrame({"review": texts}).write_csv("new.csv")
    of_texts = epochal.predict(run, texts=texts, quiet=True)
    assert of_texts.columns == ["INDEX", "FILENAME", "PREDICTION", "PROBABILITY_no", "PROBABILITY_yes"]
    assert of_texts["PREDICTION"].to_list() == ["no", "yes", "no", "yes", "no"]
    for inputs in ("more", "new.csv", [f"more/deep/{number}.txt" for number in range(5)]):
        for batch_size in (1, 5):
            found = epochal.predict(run, inputs, batch_size=batch_size, quiet=True)
            assert np.allclose(found["PROBABILITY_yes"], of_texts["PROBABILITY_yes"], atol=1e-6)
    with pytest.raises(RequestError, match=r"no such file or folder; check the path, or give texts"):
        epochal.predict(run, ["a joy"], quiet=True)
    pl.DataFrame({"text": texts}).write_csv("other.csv")
    with pytest.raises(RequestError, match=r"other\.csv: no column is called 'review'"):
        epochal.predict(run, "other.csv", quiet=True)
    with caplog.at_level("WARNING"):
        epochal.predict(run, texts=["", "fine"], quiet=True)
    assert "texts: 1 of 2 texts empty" in caplog.text

    # other data, of which a part was trained on
    more = pl.concat([reviews(20, seed=7), pl.read_csv(table)[:20]])
    more.write_csv("more.csv")
    with caplog.at_level("WARNING"):
        epochal.evaluate(run, data="more.csv", quiet=True)
    assert "of 40 samples 19 were in the run's own training split" in caplog.text

    page = epochal.report(run).read_text()
    errors = pl.read_csv(run.folder.curve("errors", "test"))
    assert all(errors["TEXT"].to_list())
    assert errors["TEXT"][0].split(" (")[0] in page


def test_what_a_text_holds_is_text_in_the_report(table: Path) -> None:
    frame = pl.read_csv(table)
    hostile = pl.format("<script>alert(1)</script> {} {}", "review", pl.lit("la " * 200))
    frame.with_columns(hostile.alias("review")).write_csv(table)
    run = epochal.train(config(), "training.epochs=1", quiet=True)
    page = epochal.report(run).read_text()
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert max(len(text) for text in pl.read_csv(run.folder.curve("errors", "test"))["TEXT"]) < 310


def test_a_run_goes_on_as_if_it_had_not_failed(table: Path) -> None:
    Path("own.py").write_text(OWN)
    own = config(augment=["token_dropout"]) | {"model": "own:Stumbling"}
    own["training"]["checkpoint"] = {"every": "15 steps"}
    Path("stumble").touch()
    with pytest.raises(epochal.RunError, match="the step that fails"):
        epochal.train(own, "seed=1", quiet=True)
    Path("stumble").unlink()
    resumed = epochal.train(own, "seed=1", resume=True, quiet=True)
    whole = epochal.train(own, "seed=1", again=True, quiet=True)
    assert resumed.path != whole.path
    first, second = (load_file(run.folder.best) for run in (resumed, whole))
    assert all((first[name] == second[name]).all() for name in second)
    assert resumed.folder.predictions("test").read_text() == whole.folder.predictions("test").read_text()


def test_labels_and_values_of_texts(table: Path) -> None:
    source = {"name": "table", "path": "reviews.csv", "text": "review"}
    labels = epochal.train(
        config(source={**source, "target": ["good", "bad"]}) | {"task": "multilabel"}, quiet=True
    )
    assert labels.metrics["test/f1"] > 0.7
    values = config(source={**source, "target": "stars"}, normalize_target="standard", encode="words")
    stars = epochal.train(values | {"task": "regression"}, "training.epochs=8", quiet=True)
    assert stars.metrics["test/r2"] > 0.5


def test_folders_of_texts_in_folds(here: Path) -> None:
    for text, label, *_ in reviews(80).rows():
        folder = Path("texts") / label
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{len(list(folder.iterdir()))}.txt").write_text(text)
    plan = config(
        source={"name": "text_folder", "root": "texts"}, split={"name": "kfold", "folds": 2}, encode="words"
    )
    parent = epochal.crossval(plan, quiet=True)
    vocabularies = [json.loads(fold.folder.encoding.read_text())["sample"]["tokens"] for fold in parent.folds]
    assert vocabularies[0] != vocabularies[1]  # each of its own training part
    assert "TEXT" in pl.read_csv(parent.run.folder.curve("errors", "pooled")).columns
    predicted = epochal.predict(parent.run, texts=["brilliant", "clumsy"], quiet=True)
    assert predicted["PREDICTION"].to_list() == ["yes", "no"]


def test_the_tokens_are_those_of_the_training_split_alone(table: Path) -> None:
    frame = pl.read_csv(table).with_columns(split=pl.Series(["train"] * 160 + ["val"] * 40 + ["test"] * 40))
    word = pl.when(pl.col("split") == "train").then(pl.lit("")).otherwise(pl.lit(" zyzzyva"))
    frame.with_columns(pl.col("review") + word).write_csv(table)
    plan = config(split={"name": "column"}, encode="words")
    plan["data"]["source"]["split"] = "split"
    run = epochal.train(plan, "training.epochs=1", quiet=True)
    tokens = json.loads(run.folder.encoding.read_text())["sample"]["tokens"]
    assert "film" in tokens
    assert "zyzzyva" not in tokens


@pytest.mark.parametrize(
    ("override", "error", "message"),
    [
        (
            "data.augment=[horizontal_flip]",
            DataError,
            "horizontal_flip is for images; .* kind 'text'",
        ),
        ("data.augment=[mixup]", DataError, "mixup is for numbers; .* for text there are token_dropout"),
        ("data.prepare=[{name: resize, size: 8}]", ConfigError, "resize is no step for texts"),
        ("model=mlp", ConfigError, "mlp takes no text; use embedding_bag"),
        ("data.encode.vocabulary_sise=9", ConfigError, "did you mean 'vocabulary_size'"),
        ("data.source.features=[stars]", ConfigError, "a table gives samples of one kind"),
    ],
)
def test_what_is_not_for_texts_is_refused(
    override: str, error: type[Exception], message: str, table: Path
) -> None:
    with pytest.raises(error, match=message):
        epochal.train(config(), override, quiet=True)


def test_steps_for_texts_are_refused_elsewhere(here: Path) -> None:
    with pytest.raises(DataError, match="token_dropout is for text; the inputs are of kind 'image'"):
        epochal.train("digits", "data.augment=[token_dropout]", quiet=True)
