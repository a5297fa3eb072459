"""Comparing real, tiny runs: same samples, other samples, seeds; and what is printed and written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

import epochal
from epochal.analysis.paired import delong, mcnemar
from epochal.cli.compare import command
from epochal.errors import RequestError
from epochal.experiment.comparison import Comparison, RunDifference
from epochal.run.run import Run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working folder with a home of its own."""
    folder = tmp_path_factory.mktemp("compare")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HOME", str(folder))
        yield folder


def copied(run: Run, folder: str, **settings: object) -> Run:
    """A copy of a run among others, with settings replaced in its configuration."""
    target = run.path.parent / folder
    shutil.copytree(run.path, target, dirs_exist_ok=True)
    text = (target / "config.yaml").read_text()
    for key, value in settings.items():
        (line,) = [line for line in text.splitlines() if line.strip().startswith(f"{key}:")]
        text = text.replace(line, f"{line.partition(key)[0]}{key}: {value}", 1)
    (target / "config.yaml").write_text(text)
    return Run(target)


def rescore(run: Run, accuracy: float) -> None:
    """Let a run have reached another accuracy."""
    scores = json.loads(run.folder.scores("test").read_text())
    scores["overall"]["accuracy"] = accuracy
    run.folder.scores("test").write_text(json.dumps(scores))


@pytest.fixture(scope="module")
def tumours(place: Path) -> tuple[Run, Run, Run]:
    """One epoch, three epochs, and the first again as another seed would give it, with another split."""
    one, three = (
        epochal.train(
            "breast_cancer",
            f"training.epochs={epochs}",
            "seed=1",
            "evaluation.intervals=false",
            preflight=False,
            quiet=True,
        )
        for epochs in (1, 3)
    )
    other = copied(one, "2029-01-01_00-00-00_other", seed=2)
    table = pl.read_csv(other.folder.predictions("test"))
    moved = table.with_columns(pl.col("INDEX", "FILENAME") + 1000)
    pl.concat([moved[:50], table[50:]]).write_csv(other.folder.predictions("test"))
    rescore(other, 0.75)
    return one, three, other


@pytest.fixture(scope="module")
def pair(tumours: tuple[Run, Run, Run]) -> Comparison:
    return epochal.compare(*tumours[:2], output="out", quiet=True)


def by_score(comparison: Comparison) -> dict[str, RunDifference]:
    return {each.score: each for each in comparison.differences}


def printed(*arguments: str) -> str:
    return click.unstyle(CliRunner().invoke(command, arguments, catch_exceptions=False).stdout)


def test_two_runs_on_the_same_samples(pair: Comparison, tumours: tuple[Run, Run, Run]) -> None:
    tables = [run.predictions().sort("INDEX") for run in tumours[:2]]
    targets = tables[0]["TARGET"].to_numpy()
    positive = sorted(set(targets))[1]
    found = by_score(pair)
    for score, function in (("accuracy", accuracy_score), ("f1", f1_score)):
        options = {} if score == "accuracy" else {"average": "macro"}
        first, other = (function(targets, table["PREDICTION"].to_numpy(), **options) for table in tables)
        assert found[score].difference == pytest.approx(other - first)
        assert found[score].low <= found[score].difference <= found[score].high
    right = [table["PREDICTION"].to_numpy() == targets for table in tables]
    assert found["accuracy"].p_value == mcnemar(right[1], right[0])
    ranks = [table[f"PROBABILITY_{positive}"].to_numpy().astype(np.float32) for table in tables]
    expected = delong(ranks[1], ranks[0], targets == positive)
    assert found["roc_auc"].difference == pytest.approx(
        roc_auc_score(targets == positive, ranks[1]) - roc_auc_score(targets == positive, ranks[0])
    )
    assert found["roc_auc"].p_value == pytest.approx(expected.p_value)
    assert found["roc_auc"].low == pytest.approx(expected.low)
    assert [found[score].test for score in ("accuracy", "roc_auc", "f1")] == [
        "McNemar",
        "DeLong",
        "paired bootstrap",
    ]
    assert all(each.adjusted is None for each in found.values())
    assert [group.parameters for group in pair.groups] == [{"training.epochs": 1}, {"training.epochs": 3}]
    assert pair.split == "test"


def grouped(run: Run, folder: str, count: int, **settings: object) -> Run:
    """A copy of a run whose samples are of so many groups."""
    other = copied(run, folder, **settings)
    table = pl.read_csv(other.folder.predictions("test"))
    groups = [f"{row % count:03}" for row in range(len(table))]
    table.insert_column(2, pl.Series("GROUP", groups)).write_csv(other.folder.predictions("test"))
    return other


def test_groups_are_compared_whole(tumours: tuple[Run, Run, Run]) -> None:
    one, three, _ = tumours
    many = grouped(three, "2030-01-01_00-00-05_many", 40)
    assert many.predictions()["GROUP"].dtype == pl.String
    found = by_score(epochal.compare(one, many, quiet=True))  # an older run beside it does not know them
    assert [found[score].test for score in ("accuracy", "roc_auc", "f1")] == [
        "McNemar by group",
        "DeLong by group",
        "paired bootstrap by group",
    ]
    tables = [run.predictions().sort("INDEX") for run in (many, one)]
    right, other = ((table["PREDICTION"] == table["TARGET"]).to_numpy() for table in tables)
    groups = tables[0]["GROUP"].to_numpy()
    assert found["accuracy"].p_value == mcnemar(right, other, groups)
    positive = sorted(set(tables[0]["TARGET"]))[1]
    first, second = (table[f"PROBABILITY_{positive}"].to_numpy().astype(np.float32) for table in tables)
    expected = delong(first, second, (tables[0]["TARGET"] == positive).to_numpy(), groups)
    assert found["roc_auc"].p_value == pytest.approx(expected.p_value)
    shutil.rmtree(many.path)

    few = grouped(three, "2030-01-01_00-00-06_few", 6)
    comparison = epochal.compare(one, few, metric="roc_auc", quiet=True)
    assert comparison.differences[0].test == "paired bootstrap by group"  # DeLong's takes many
    assert comparison.notes == (
        "A and B: 95 % intervals are from 6 groups only; of fewer than 10 groups an interval is likely "
        "too narrow",
    )
    shutil.rmtree(few.path)
    single = grouped(three, "2030-01-01_00-00-07_single", 1)
    comparison = epochal.compare(one, single, quiet=True)
    assert comparison.notes == ("A and B are not tested: all samples are of one group",)
    shutil.rmtree(single.path)


def test_what_is_written(pair: Comparison) -> None:
    folder = Path("out")
    assert {path.name for path in folder.iterdir()} == {
        "comparison.json",
        "comparison.csv",
        "differences.csv",
        "curves.png",
        "differences.png",
    }
    assert json.loads((folder / "comparison.json").read_text()) == json.loads(json.dumps(pair.to_json()))
    table = pl.read_csv(folder / "comparison.csv")
    assert table["label"].to_list() == ["A", "B"]
    assert table["training.epochs"].to_list() == [1, 3]
    assert table["accuracy"].to_list() == [group.scores["accuracy"] for group in pair.groups]
    assert len(pl.read_csv(folder / "differences.csv")) == len(pair.differences)


def test_runs_on_other_samples_are_not_tested_and_it_says_why(tumours: tuple[Run, Run, Run]) -> None:
    comparison = epochal.compare(tumours[0], tumours[2], quiet=True)
    assert comparison.differences == ()
    (note,) = comparison.notes
    assert note.startswith("A and B are not tested: ")
    assert note.endswith("samples of each are not among the other's")


def test_changed_targets_are_noticed(tumours: tuple[Run, Run, Run]) -> None:
    other = copied(tumours[1], "2030-01-01_00-00-00_bad", epochs=9)
    table = pl.read_csv(other.folder.predictions("test"))
    names = sorted(set(table["TARGET"]))
    turned = [
        names[1 - names.index(target)] if row < 3 else target for row, target in enumerate(table["TARGET"])
    ]
    table.with_columns(TARGET=pl.Series(turned)).write_csv(other.folder.predictions("test"))
    comparison = epochal.compare(tumours[0], other, quiet=True)
    assert comparison.notes == ("A and B are not tested: the targets of 3 samples differ",)
    other.folder.predictions("test").unlink()
    comparison = epochal.compare(tumours[0], other, quiet=True)
    assert comparison.notes == (f"A and B are not tested: {other.path} has no predictions/test.csv",)
    shutil.rmtree(other.path)


def test_several_runs_are_each_compared_with_the_first_and_adjusted(tumours: tuple[Run, Run, Run]) -> None:
    third = copied(tumours[1], "2030-01-01_00-00-01_third", epochs=4)
    comparison = epochal.compare(*tumours[:2], third, metric="f1", quiet=True)
    b, c = comparison.differences
    assert (b.first, b.other, c.first, c.other) == ("A", "B", "A", "C")
    assert b.p_value == c.p_value
    assert b.adjusted == c.adjusted == min(1.0, 2 * b.p_value)
    shutil.rmtree(third.path)


def test_seeds_are_taken_together(tumours: tuple[Run, Run, Run]) -> None:
    one, three, other = tumours
    fourth = copied(other, "2030-01-01_00-00-02_fourth", epochs=3)
    rescore(fourth, 0.99)
    comparison = epochal.compare(one, three, other, fourth, metric=["accuracy"], quiet=True)
    assert [group.runs for group in comparison.groups] == [(one, other), (three, fourth)]
    values = [[run.metrics["test/accuracy"] for run in group.runs] for group in comparison.groups]
    assert [group.scores["accuracy"] for group in comparison.groups] == pytest.approx(
        [np.mean(v) for v in values]
    )
    low, high = comparison.groups[0].intervals["accuracy"]
    half = 12.706 * np.std(values[0], ddof=1) / np.sqrt(2)  # Student's t with one degree of freedom
    assert (low, high) == pytest.approx((np.mean(values[0]) - half, np.mean(values[0]) + half), rel=1e-3)
    (difference,) = comparison.differences
    assert difference.test == "Welch's t"
    assert difference.difference == pytest.approx(np.mean(values[1]) - np.mean(values[0]))
    alone = epochal.compare(one, three, other, metric=["accuracy"], quiet=True)
    assert alone.notes == ("A and B are not tested: B has one run only; give it further seeds",)
    shutil.rmtree(fourth.path)


def test_seeds_that_all_give_the_same_leave_no_spread_to_judge_by(tumours: tuple[Run, Run, Run]) -> None:
    runs = []
    for place, (epochs, seed) in enumerate(((1, 1), (1, 2), (3, 1), (3, 2))):
        run = copied(tumours[0], f"2030-02-01_00-00-0{place}_same", epochs=epochs, seed=seed)
        rescore(run, 0.6 + 0.1 * epochs)
        runs.append(run)
    comparison = epochal.compare(*runs, metric="accuracy", output="same", quiet=True)
    assert [group.intervals for group in comparison.groups] == [{}, {}]
    (difference,) = comparison.differences
    assert difference.sentence == "B - A = 0.2000, with no spread to judge it by (Welch's t)"
    assert difference.better == ""
    assert pl.read_csv("same/differences.csv")["p_value"].to_list() == [None]
    page = epochal.report(*runs, output="same/report.html").read_text()
    assert "no spread to judge by" in page
    for run in runs:
        shutil.rmtree(run.path)


def test_a_repeated_run_is_no_other_seed(tumours: tuple[Run, Run, Run]) -> None:
    again = copied(tumours[0], "2030-01-01_00-00-03_again")
    comparison = epochal.compare(tumours[0], again, metric="accuracy", quiet=True)
    assert [len(group.runs) for group in comparison.groups] == [1, 1]
    assert comparison.differences[0].sentence == (
        "no clear difference: B - A = 0.0000 [0.0000, 0.0000], p = 1 (McNemar)"
    )
    shutil.rmtree(again.path)


def test_the_command_prints_it(pair: Comparison, tumours: tuple[Run, Run, Run]) -> None:
    paths = [str(run.path) for run in tumours[:2]]
    text = printed(*paths, "--metric", "accuracy,roc_auc", "-q").splitlines()
    assert text[0].split() == ["run", "epochs", "test", "accuracy", "test", "roc_auc"]
    assert text[1].startswith(f"A  {tumours[0].name}/{tumours[0].path.name}")
    sentences = {each.score: each.sentence for each in pair.differences}
    expected = [f"  {score:8}  {sentences[score]}" for score in ("accuracy", "roc_auc")]
    assert text[3:] == ["", "B against A", *expected]
    assert json.loads(printed(*paths, "--json", "-q", "--metric", "roc_auc"))["split"] == "test"
    assert printed(*paths, "--format", "csv", "-q", "--metric", "roc_auc").splitlines()[0] == (
        "label,runs,training.epochs,roc_auc,roc_auc_low,roc_auc_high"
    )
    markdown = printed(*paths, "--format", "markdown", "-q", "--metric", "roc_auc").splitlines()
    assert markdown[-1] == f"- roc_auc, B against A: {sentences['roc_auc']}"


def test_sentences_name_the_better_one_whichever_way_is_good() -> None:
    up = RunDifference("accuracy", "A", "B", 0.012, 0.003, 0.021, 0.01, None, "McNemar")
    assert up.sentence == "B is better by 0.0120 [0.0030, 0.0210], p = 0.01 (McNemar)"
    down = RunDifference("mae", "A", "B", 12.5, 3.0, 21.0, 0.0001, None, "paired bootstrap")
    assert down.sentence == "A is better by 12.50 [3.0000, 21.00], p < 0.001 (paired bootstrap)"
    worse = RunDifference("f1", "A", "B", -0.2, -0.3, -0.1, 0.01, 0.04, "Welch's t")
    assert worse.sentence == "A is better by 0.2000 [0.1000, 0.3000], p = 0.04 (Welch's t, Holm)"
    unclear = RunDifference("f1", "A", "B", -0.2, -0.3, -0.1, 0.01, 0.06, "Welch's t")
    assert unclear.better == ""
    unknown = RunDifference("specificity", "A", "B", 0.1, 0.05, 0.2, 0.01, None, "paired bootstrap")
    assert unknown.sentence == "B - A = 0.1000 [0.0500, 0.2000], p = 0.01 (paired bootstrap)"


def test_what_cannot_be_compared_is_refused(tumours: tuple[Run, Run, Run]) -> None:
    with pytest.raises(RequestError, match="it takes two different runs"):
        epochal.compare(tumours[0], str(tumours[0].path))
    with pytest.raises(RequestError, match="not all runs have the score 'f2' of test; "):
        epochal.compare(*tumours, metric="f2,accuracy")
    empty = tumours[0].path.parent / "2030-01-01_00-00-04_empty"
    empty.mkdir()
    (empty / "config.yaml").write_text("seed: 1\n")
    with pytest.raises(RequestError, match="_empty: it has no scores to compare; it is crashed"):
        epochal.compare(tumours[0], empty)
    shutil.rmtree(empty)
