"""Sounds from their files to predictions: every verb, on tones of two pitches."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile
from PIL import Image
from safetensors.numpy import load_file

import epochal
from epochal.errors import Interrupted

CONFIG = """
name: tones
data:
  source: {name: folder, root: tones}
  prepare: [trim_silence, {name: fixed_length, seconds: 0.3}]
  transform: [{name: log_mel, bands: 16, hop: 0.02}]
  augment: [{name: gain, db: 3}, {name: time_shift, share: 0.1}, polarity, noise,
            {name: spec_augment, time: 2, frequency: 2, masks: 1}]
  batch_size: 16
model: {name: mel_cnn, channels: [4, 8]}
optimizer: {name: AdamW, lr: 0.02}
training: {epochs: 3, log_every: 1}
compute: {threads: 1, precision: float32}
tracking: []
"""


@pytest.fixture
def tones(here: Path) -> Path:
    write_tones(here / "tones")
    (here / "tones.yaml").write_text(CONFIG)
    return here


def write_tones(root: Path, each: int = 30, seed: int = 5) -> None:
    draws = np.random.default_rng(seed)
    for label, middle in (("high", 1500), ("low", 400)):
        (root / label).mkdir(parents=True)
        for number in range(each):
            time = np.arange(round(draws.uniform(0.2, 0.5) * 8000)) / 8000
            wave = 0.3 * np.sin(2 * np.pi * middle * draws.uniform(0.8, 1.2) * time)
            wave += draws.normal(0, 0.01, len(time))
            soundfile.write(root / label / f"{number:02}.wav", wave, 8000)


def test_a_run_on_sounds_and_what_follows_it(tones: Path) -> None:
    run = epochal.train("tones.yaml", "training.epochs=10", quiet=True)
    assert run.metrics["test/accuracy"] > 0.9
    assert (run.path / "config.yaml").read_text().count("model_shape")
    statistics = json.loads(run.folder.statistics.read_text())
    assert len(statistics["mean"]) == 1
    assert statistics["minimum"][0] < -5  # a logarithm, not a wave
    with Image.open(run.folder.plots / "errors_test.png") as picture:
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 100  # colours

    table = pl.read_csv(run.path / "predictions" / "test.csv")
    paths = [str(tones / "tones" / name) for name in table["FILENAME"]]
    predicted = epochal.predict(run, paths, quiet=True)
    columns = ["PROBABILITY_high", "PROBABILITY_low"]
    np.testing.assert_allclose(predicted[columns].to_numpy(), table[columns].to_numpy(), atol=1e-5)
    of_folder = epochal.predict(run, "tones", quiet=True)
    assert len(of_folder) == 60
    assert "high/00.wav" in of_folder["FILENAME"].to_list()
    wave, _ = soundfile.read(paths[0], dtype="float32")
    of_array = epochal.predict(run, wave[None], quiet=True)
    np.testing.assert_allclose(of_array[columns].to_numpy()[0], table[columns].to_numpy()[0], atol=1e-5)
    stereo = np.repeat(soundfile.read(paths[0])[0], 6)  # a crude 48 kHz
    soundfile.write(tones / "other.flac", np.stack([stereo, stereo], axis=1), 48000)
    of_other = epochal.predict(run, "other.flac", quiet=True)
    assert of_other["PREDICTION"].to_list() == [table["PREDICTION"][0]]

    assert epochal.evaluate(run, quiet=True).metrics["accuracy"] == run.metrics["test/accuracy"]
    write_tones(tones / "others", each=5, seed=9)
    assert epochal.evaluate(run, data="others", quiet=True).metrics["accuracy"] > 0.8
    page = epochal.report(run).read_text()
    assert "sounds of train" in page
    assert page.count("data:image/jpeg") >= 16


def test_a_run_that_is_cut_ends_with_the_same_weights(tones: Path) -> None:
    (tones / "stopping.py").write_text(
        "import os, signal\n"
        "from pathlib import Path\n"
        "calls = 0\n"
        "def stop(inputs):\n"
        "    global calls\n"
        "    calls += 1\n"
        "    if calls == 5 and not Path('stopped').exists():\n"
        "        Path('stopped').touch()\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    return inputs\n"
    )
    augment = "data.augment=[gain, {name: spec_augment, time: 3, frequency: 3}, 'stopping:stop']"
    with pytest.raises(Interrupted):
        epochal.train("tones.yaml", augment, "paths.runs=cut", quiet=True, preflight=False)
    cut = epochal.train("tones.yaml", augment, "paths.runs=cut", resume=True, quiet=True, preflight=False)
    whole = epochal.train("tones.yaml", augment, "paths.runs=whole", quiet=True, preflight=False)
    assert (tones / "stopped").exists()
    weights, others = load_file(cut.folder.best), load_file(whole.folder.best)
    assert all(np.array_equal(weights[name], others[name]) for name in others)
    assert (cut.path / "predictions/test.csv").read_bytes() == (
        whole.path / "predictions/test.csv"
    ).read_bytes()


def test_sounds_that_are_prepared_anew_each_time_give_the_same(tones: Path) -> None:
    kept = epochal.train("tones.yaml", "training.epochs=1", "paths.runs=kept", quiet=True)
    fresh = epochal.train(
        "tones.yaml", "training.epochs=1", "data.cache=none", "paths.runs=fresh", quiet=True
    )
    assert fresh.metrics["val/loss"] == pytest.approx(kept.metrics["val/loss"], rel=1e-4)


def test_inspect_shows_durations_rates_and_pictures(tones: Path) -> None:
    soundfile.write(tones / "tones" / "low" / "still.wav", np.zeros(3000), 8000)
    found = epochal.inspect("tones.yaml", output="seen", quiet=True)
    assert found.kind == "series"
    assert found.shape == (1, 2400)
    assert found.splits["train"].rates == {"8000": found.splits["train"].samples}
    assert [finding.kind for finding in found.findings] == ["silent"]
    for name in ("samples_train", "offending"):
        with Image.open(f"seen/{name}.png") as picture:
            assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 100  # colours
    assert "shortest sound,seconds" in Path("seen/splits.csv").read_text()


def test_folds_are_run_and_their_mistakes_drawn(tones: Path) -> None:
    parent = epochal.crossval(
        "tones.yaml", "data.split={name: kfold, folds: 2}", "training.epochs=2", quiet=True
    )
    assert len(parent.folds) == 2
    assert len(pl.read_csv(next(parent.run.path.glob("predictions/*.csv")))) == 60
    assert next(parent.run.path.glob("plots/errors_*.png")).exists()


def test_the_model_is_chosen_for_what_it_gets(tones: Path) -> None:
    text = CONFIG.replace("model: {name: mel_cnn, channels: [4, 8]}\n", "")
    (tones / "mel.yaml").write_text(text)
    spectra = epochal.train("mel.yaml", "training.epochs=1", quiet=True)
    assert "model: mel_cnn" in (spectra.path / "config.yaml").read_text()
    waves = epochal.train(
        "mel.yaml", "training.epochs=1", "data.transform=[]", "data.augment=[gain]", "name=waves", quiet=True
    )
    assert "model: wave_cnn" in (waves.path / "config.yaml").read_text()
