"""Every bundled recipe, trained as it is."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors.numpy import load_file
from sklearn.datasets import load_digits
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import epochal
from epochal.config.component import Component
from epochal.data.manifest import Array
from epochal.data.sources import build_source
from epochal.data.sources.movie_reviews import movie_reviews

FASHION = Path("/usr/share/datasets/fashion-mnist")
PROMPTS = Path("/usr/share/asterisk/sounds")
PLAIN = ("tracking=[]",)


def test_digits(here: Path) -> None:
    run = epochal.train("digits", *PLAIN, quiet=True)
    assert run.metrics["test/accuracy"] >= 0.97


def test_breast_cancer(here: Path) -> None:
    run = epochal.train("breast_cancer", *PLAIN, quiet=True)
    assert run.metrics["test/roc_auc"] >= 0.98


def test_diabetes(here: Path) -> None:
    run = epochal.train("diabetes", *PLAIN, quiet=True)
    assert run.metrics["test/r2"] > 0.4


def test_movie_reviews(here: Path) -> None:
    run = epochal.train("movie_reviews", *PLAIN, quiet=True)
    ours = run.metrics["test/accuracy"]
    assert ours >= 0.73

    # TF-IDF and logistic regression, as scikit-learn has them, on the run's own split
    source = movie_reviews(target_kind="class")
    assert source.frame is not None
    texts, targets = source.frame["text"], source.manifest.targets
    split = pl.read_csv(run.folder.split)
    train, test = (split.filter(SPLIT=name)["INDEX"].to_list() for name in ("train", "test"))
    baseline = make_pipeline(TfidfVectorizer(), LogisticRegression())
    baseline.fit(texts[train].to_list(), targets[train])
    assert ours > baseline.score(texts[test].to_list(), targets[test])


def test_linear_recovers_slope_and_intercept(here: Path) -> None:
    run = epochal.train("linear", *PLAIN, quiet=True)
    weights = sorted(load_file(run.folder.best).items(), key=lambda item: item[0].endswith("weight"))
    (_, intercept), (_, slope) = weights
    assert float(slope.item()) == pytest.approx(3, abs=0.05)
    assert float(intercept.item()) == pytest.approx(2, abs=0.05)


@pytest.mark.slow
@pytest.mark.skipif(not FASHION.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_fashion_mnist(here: Path) -> None:
    run = epochal.train("fashion_mnist", *PLAIN, quiet=True)
    assert len(run.epochs) <= 10
    assert run.metrics["test/accuracy"] >= 0.91


@pytest.mark.slow
@pytest.mark.skipif(not FASHION.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_transfer_is_well_ahead_of_the_same_network_from_scratch(here: Path) -> None:
    transferred = epochal.train("transfer", *PLAIN, quiet=True)
    scratch = ("model.pretrained=false", "training.freeze=[]", "optimizer.backbone_lr=null")
    alone = epochal.train("transfer", *PLAIN, *scratch, quiet=True)
    assert transferred.metrics["test/accuracy"] >= 0.75
    intervals = [
        json.loads(run.folder.scores("test").read_text())["intervals"]["accuracy"]
        for run in (transferred, alone)
    ]
    assert intervals[0][0] > intervals[1][1] + 0.1


@pytest.mark.skipif(not FASHION.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_transfer_begins_with_the_classifier(here: Path) -> None:
    few = ("data.source.train_per_class=4", "data.source.test_per_class=2", "data.prepare=[]")
    settings = ("training.epochs=2", "training.unfreeze={2: all}", "compute.tune=false")
    run = epochal.train("transfer", *PLAIN, *few, *settings, preflight=False, quiet=True)
    said = run.folder.log.read_text()
    assert "12,810 of 3,383,242 parameters train from epoch 1 on" in said
    assert "3,383,242 of 3,383,242 parameters train from epoch 2 on" in said


@pytest.mark.slow
def test_gan_makes_every_digit(here: Path) -> None:
    run = epochal.train("gan", *PLAIN, quiet=True)
    # two halves of the digits themselves are 0.08 apart, samples of an untrained generator more than 10
    assert run.metrics["val/frechet"] < 0.2
    model: Any = epochal.load(run).model.eval()
    with torch.no_grad():
        samples = model.sample(torch.randn(2000, model.latent, generator=torch.Generator().manual_seed(1)))
    judge = LogisticRegression(max_iter=2000).fit(load_digits().data / 16, load_digits().target)
    probabilities = judge.predict_proba((samples.flatten(1).numpy() + 1) / 2)
    assert probabilities.max(axis=1).mean() > 0.75  # 0.92 of real digits
    assert np.bincount(probabilities.argmax(axis=1), minlength=10).min() > 0.05 * len(samples)


@pytest.mark.slow
@pytest.mark.skipif(not FASHION.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_gan_fashion_learns(here: Path) -> None:
    run = epochal.train("gan_fashion", *PLAIN, "training.epochs=2", "training.ema=0.99", quiet=True)
    distances = run.epochs["val/frechet"].to_list()
    assert distances[1] < distances[0]


@pytest.mark.slow
@pytest.mark.skipif(
    not PROMPTS.is_dir(), reason="needs Debian's packages asterisk-core-sounds-{en,es,fr,it,ru}-wav"
)
def test_spoken_prompts(here: Path) -> None:
    run = epochal.train("spoken_prompts", *PLAIN, quiet=True)
    assert run.metrics["test/accuracy"] >= 0.95


def test_glucose_is_ahead_of_the_naive_forecast(here: Path) -> None:
    run = epochal.train("glucose", *PLAIN, quiet=True)
    baselines = json.loads(run.folder.scores("test").read_text())["baselines"]
    assert baselines["last value"]["skill"] >= 0.28


@pytest.mark.skipif(find_spec("aeon") is None, reason="needs the package aeon: pip install --no-deps aeon")
def test_motions_is_on_a_level_with_dynamic_time_warping(here: Path) -> None:
    run = epochal.train("motions", *PLAIN, quiet=True)
    source = build_source(Component.model_validate({"name": "ucr", "dataset": "BasicMotions"}), "class")
    split = pl.read_csv(run.folder.split)
    train, test = (split.filter(SPLIT=part)["INDEX"].to_numpy() for part in ("train", "test"))
    assert source.array is not None
    nearest = warped_distances(source.array[test], source.array[train], width=10).argmin(axis=1)
    baseline = float((source.manifest.targets[train][nearest] == source.manifest.targets[test]).mean())
    assert baseline >= 0.95  # 0.975 of all 40 that come to train
    assert run.metrics["test/accuracy"] >= baseline - 0.025  # one of the 40 of test


def warped_distances(tests: Array, trains: Array, width: int) -> Array:
    """Dynamic time warping (Sakoe & Chiba 1978) within a band: [M, C, T], [N, C, T] -> [M, N]."""
    steps = tests.shape[2]
    before = np.full((len(tests), len(trains), steps + 1), np.inf)
    before[:, :, 0] = 0
    for row in range(steps):
        costs = ((tests[:, None, :, row, None] - trains[None]) ** 2).sum(axis=2)
        after = np.full_like(before, np.inf)
        for column in range(max(0, row - width), min(steps, row + width + 1)):
            best = np.minimum(np.minimum(before[:, :, column], before[:, :, column + 1]), after[:, :, column])
            after[:, :, column + 1] = costs[:, :, column] + best
        before = after
    return before[:, :, steps]
