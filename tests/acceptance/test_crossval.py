"""Cross-validation as a user does it."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from shell import Shell, make_images
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score

import epochal
from epochal.cli.scores import print_threshold
from epochal.experiment.paired_runs import Samples, read_samples

CONFIG = """
data: {source: breast_cancer, split: {name: kfold, folds: 4, stratify: true}}
model: {name: mlp, hidden: [16], dropout: 0.1}
training: {epochs: 4}
compute: {threads: 1}
tracking: []
"""


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished cross-validation of four folds."""
    shell = Shell(tmp_path_factory.mktemp("crossval"))
    config = shell.write("tumours.yaml", CONFIG)
    folders = (f"paths.runs={shell.folder}/runs", f"paths.cache={shell.folder}/cache")
    return epochal.crossval(config, *folders, quiet=True).run.path


def test_scores_are_those_of_scikit_learn_fold_by_fold_and_pooled(parent: Path) -> None:
    content = json.loads((parent / "crossval.json").read_text())
    tables = [pl.read_csv(parent / fold["run"] / "predictions/test.csv") for fold in content["folds"]]
    assert sum(map(len, tables)) == 569
    for fold, table in zip(content["folds"], tables, strict=True):
        _assert_scores(fold["overall"], table)
    pooled = pl.read_csv(parent / "predictions/pooled.csv")
    assert pooled["INDEX"].to_list() == list(range(569))
    assert pooled["FOLD"].value_counts().sort("FOLD")["count"].to_list() == [len(table) for table in tables]
    _assert_scores(content["pooled"]["overall"], pooled)
    for name in ("accuracy", "roc_auc"):
        values = [fold["overall"][name] for fold in content["folds"]]
        assert content["mean"][name] == pytest.approx(np.mean(values))
        assert content["std"][name] == pytest.approx(np.std(values, ddof=1))


def test_names_like_numbers_groups_and_repeats(here: Path) -> None:
    generator = np.random.default_rng(0)
    size = generator.normal(size=80)
    kind = np.where(size + generator.normal(size=80) > 0, "00", "01")
    who = [f"p{row // 4}" for row in range(80)]
    pl.DataFrame({"size": size, "kind": kind, "who": who}).write_csv(here / "t.csv")
    split = {"name": "kfold", "folds": 2, "repeats": 2, "group": "who"}
    config = {
        "data": {"source": {"name": "table", "path": "t.csv", "target": "kind"}, "split": split},
        "model": {"name": "mlp", "hidden": [4]},
        "training": {"epochs": 1},
        "tracking": [],
    }
    found = epochal.crossval(config, quiet=True)
    written = pl.read_csv(found.run.folder.predictions("pooled"), infer_schema=False)
    assert set(written["TARGET"]) == {"00", "01"}
    assert written["GROUP"].to_list() == [who[int(row)] for row in written["INDEX"]]
    assert pl.read_csv(found.folds[0].folder.split)["GROUP"].to_list() == who
    assert json.loads((found.run.path / "crossval.json").read_text())["pooled"]["samples"] == 160
    for path in (found.run.path / "crossval.json", found.folds[0].folder.scores("test")):
        content = json.loads(path.read_text())
        assert "resamples of groups" in content.get("pooled", content)["interval_method"]

    other = epochal.crossval(config, "optimizer.lr=0.03", quiet=True)
    tests = {each.test for each in epochal.compare(found.run, other.run, quiet=True).differences}
    assert tests == {"paired bootstrap by group"}  # each sample was tested twice


def test_too_few_groups_are_told_once_for_the_whole(here: Path, caplog: pytest.LogCaptureFixture) -> None:
    generator = np.random.default_rng(0)
    size = generator.normal(size=72)
    kind = np.where(size + generator.normal(size=72) > 0, "x", "y")
    columns = {
        "size": size,
        "kind": kind,
        "who": [f"p{row // 9}" for row in range(72)],
        "sex": ["f", "m"] * 36,
    }
    pl.DataFrame(columns).write_csv(here / "t.csv")
    source = {"name": "table", "path": "t.csv", "target": "kind", "group": "who", "features": ["size"]}
    config = {
        "data": {"source": source, "split": {"name": "kfold", "folds": 2}},
        "model": "linear",
        "training": {"epochs": 1},
        "evaluation": {"intervals": 100, "subgroups": ["sex"]},
        "tracking": [],
    }
    found = epochal.crossval(config, quiet=True)
    shown = [
        record.getMessage()
        for record in caplog.records
        if record.levelname == "WARNING" and not getattr(record, "file_only", False)
    ]
    assert shown == [
        "all folds: 95 % intervals are from 8 groups only; of fewer than 10 groups an interval is likely "
        "too narrow",
        "too few samples, groups or samples of a class to judge 'sex': all folds f (36), m (36)",
    ]
    content = json.loads((found.run.path / "crossval.json").read_text())["pooled"]
    assert content["interval_units"] == {"groups": 8}
    assert content["interval_warning"] in shown[0]
    assert "from 4 groups only" in (found.folds[0].path / "run.log").read_text()

    whole = found.run.folder.predictions("pooled").read_bytes()
    fold = found.folds[0].folder.predictions("test")
    pl.read_csv(fold).drop("GROUP").write_csv(fold)  # as an older version wrote it
    (found.run.path / "finished.out").unlink()
    again = epochal.crossval(config, quiet=True)
    assert again.run.folder.predictions("pooled").read_bytes() == whole


def _assert_scores(scores: dict[str, float], table: pl.DataFrame) -> None:
    truth, predicted = table["TARGET"], table["PREDICTION"]
    probability = table["PROBABILITY_benign"]
    assert scores["accuracy"] == pytest.approx(accuracy_score(truth, predicted))
    assert scores["f1"] == pytest.approx(f1_score(truth, predicted, average="macro"))
    assert scores["roc_auc"] == pytest.approx(roc_auc_score(truth == "benign", probability))
    if "loss" in scores:
        assert scores["loss"] == pytest.approx(log_loss(truth == "benign", probability), rel=1e-4)


def test_each_fold_is_a_run_with_statistics_of_its_own_training_part(parent: Path) -> None:
    folds = [parent / "folds" / str(number) for number in range(1, 5)]
    means = [json.loads((fold / "statistics.json").read_text())["mean"][0] for fold in folds]
    assert len(set(means)) == 4
    for fold in folds:
        assert (fold / "finished.out").exists()
        assert (fold / "checkpoints/best.safetensors").exists()
    curves = pl.read_csv(parent / "curves/roc_folds.csv")
    assert curves["CURVE"].unique(maintain_order=True).to_list() == [
        *(f"fold {n}" for n in range(1, 5)),
        "mean",
    ]
    assert (parent / "plots/roc_folds.png").stat().st_size > 10_000
    assert (parent / "plots/confusion_pooled.png").exists()


def test_the_models_of_the_folds_predict_together(parent: Path, tmp_path: Path) -> None:
    from sklearn.datasets import load_breast_cancer

    inputs = load_breast_cancer().data[:7].astype(np.float32)
    mean = epochal.predict(parent, inputs, quiet=True)
    each = [epochal.predict(parent / "folds" / str(n), inputs, quiet=True) for n in range(1, 5)]
    expected = np.mean([table["PROBABILITY_benign"].to_numpy() for table in each], axis=0)
    assert mean["PROBABILITY_benign"].to_numpy() == pytest.approx(expected, rel=1e-5)


def test_one_that_is_killed_goes_on_and_ends_the_same(here: Path, parent: Path) -> None:
    shell = Shell(here)
    shell.write("tumours.yaml", CONFIG)
    process = shell.start("crossval", "tumours.yaml")
    deadline = time.monotonic() + 60
    while not list((here / "runs").glob("*/*/folds/2/checkpoints/last.safetensors")):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.005)
    process.kill()
    process.communicate()
    first = shell.only_run("tumours")
    shell.run("crossval", "tumours.yaml", "--quiet")
    assert shell.only_run("tumours") == first
    for name in ("crossval.json", "predictions/pooled.csv", "curves/roc_folds.csv"):
        assert (first / name).read_bytes() == (parent / name).read_bytes(), name


def test_an_interruption_is_flagged_and_several_jobs_give_the_same(here: Path, parent: Path) -> None:
    shell = Shell(here)
    shell.write("tumours.yaml", CONFIG)
    process = shell.start("crossval", "tumours.yaml", "--jobs", "2")
    deadline = time.monotonic() + 60
    while not list((here / "runs").glob("*/*/folds/*/metrics.jsonl")):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 130, said
    run = shell.only_run("tumours")
    assert (run / "interrupted.out").exists()
    done = shell.run("crossval", "tumours.yaml", "--jobs", "2", "--json")
    assert json.loads(done.stdout)["mean"] == json.loads((parent / "crossval.json").read_text())["mean"]
    assert shell.only_run("tumours") == run
    assert (run / "predictions/pooled.csv").read_bytes() == (parent / "predictions/pooled.csv").read_bytes()


def test_a_split_without_folds_is_refused(here: Path) -> None:
    shell = Shell(here)
    said = shell.run("crossval", "digits", code=2).stderr
    assert "the split makes no folds; write data.split: {name: kfold, folds: 5}" in said
    shell.write("tumours.yaml", CONFIG)
    said = shell.run("train", "tumours.yaml", code=2).stderr
    assert "tumours.yaml:2: data.split: kfold makes 4 splits, and none is chosen; train all with" in said


def test_each_fold_decides_by_its_own_threshold_and_all_by_their_mean(
    here: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Shell(here).write("tumours.yaml", CONFIG.replace("folds: 4", "folds: 2"))
    rule = "evaluation={threshold: {rule: sensitivity, at: 1.0}, positive: malignant, intervals: 100}"
    run = epochal.crossval(config, rule, quiet=True).run
    content = json.loads((run.path / "crossval.json").read_text())["pooled"]
    pooled = pl.read_csv(run.path / "predictions/pooled.csv")
    values = content["threshold"]["folds"]
    assert values[0] != values[1]
    own = np.array(values)[pooled["FOLD"].to_numpy() - 1]
    called = np.where(pooled["PROBABILITY_malignant"].to_numpy() >= own, "malignant", "benign")
    assert (pooled["PREDICTION"].to_numpy() == called).all()
    accuracy = (called == pooled["TARGET"].to_numpy()).mean()
    assert content["overall"]["accuracy"] == pytest.approx(accuracy)
    low, high = content["intervals"]["accuracy"]
    assert low <= accuracy <= high
    before = content["without_threshold"]["overall"]["accuracy"]
    assert before != content["overall"]["accuracy"]
    print_threshold(content, "pooled")
    said = capsys.readouterr().out
    assert f"decided at each fold's own threshold, on average {np.mean(values):.4f} of malignant" in said
    assert f"pooled without it: accuracy {before:.4f}" in said
    wrong = pl.read_csv(run.path / "curves/confused_pooled.csv")["COUNT"].sum()
    assert wrong == (called != pooled["TARGET"].to_numpy()).sum()
    errors = pl.read_csv(run.path / "curves/errors_pooled.csv")
    assert set(errors["FOLD"]) <= {1, 2}
    assert (errors.filter(KIND="confidently_wrong")["TARGET"] != errors["PREDICTION"].head(12)).all()
    assert content["calibration"].keys() == {"ece", "brier"}

    from sklearn.datasets import load_breast_cancer

    caplog.set_level("INFO", "epochal")
    found = epochal.predict(run, load_breast_cancer().data[:200].astype(np.float32), quiet=True)
    mean = np.mean(values)
    called = np.where(found["PROBABILITY_malignant"].to_numpy() >= mean, "malignant", "benign")
    assert (found["PREDICTION"].to_numpy() == called).all()
    assert f"decided by the mean of their thresholds: thresholds {mean:.4f}" in caplog.text

    compared = read_samples(run, "pooled")  # what `epochal compare` takes
    assert isinstance(compared, Samples)
    assert compared.scores(np.arange(569))["accuracy"] == pytest.approx(accuracy)


def test_of_images_the_mistakes_of_all_folds_are_shown(here: Path) -> None:
    make_images(here / "pets", count=8, size=24)
    split = {"name": "kfold", "folds": 2}
    source = {"name": "folder", "root": "pets"}
    data = {"source": source, "split": split, "prepare": [{"name": "resize", "size": 16}]}
    config = {"data": data, "model": "tiny_vgg", "training": {"epochs": 1}, "tracking": []}
    run = epochal.crossval(config, quiet=True).run
    with Image.open(run.path / "plots/errors_pooled.png") as picture:
        picture.load()
    assert (run.path / "plots/calibration_pooled.png").exists()
    page = epochal.report(run).read_text()
    errors = pl.read_csv(run.path / "curves/errors_pooled.csv")
    assert all(name in page for name in errors["FILENAME"])
    assert "Most confused" in page
