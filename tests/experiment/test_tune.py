from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import epochal
from epochal.experiment import tune as tuning
from epochal.experiment.restore import load_run_config

fast_bfloat16 = pytest.mark.skipif(
    not (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()),
    reason="this CPU has no bfloat16, so nothing but the layout is open",
)


def config_in(folder: Path, **compute: Any) -> dict[str, Any]:
    return {
        "name": "tuned",
        "data": {"source": "digits", "batch_size": 256},
        "model": {"name": "simple_cnn", "channels": [8]},
        "training": {"epochs": 2},
        "compute": {"threads": 1, **compute},
        "tracking": [],
        "paths": {"runs": str(folder / "runs"), "cache": str(folder / "cache")},
    }


def chosen(run: epochal.Run) -> dict[str, Any]:
    derived = load_run_config(run).derived
    assert derived is not None
    return {key: derived[key] for key in ("precision", "channels_last")}


@pytest.fixture
def long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "_WORTH", 0.0)


def test_a_short_training_is_not_tuned(tmp_path: Path) -> None:
    run = epochal.train(config_in(tmp_path), quiet=True)
    assert chosen(run) == {"precision": "float32", "channels_last": True}
    assert not (tmp_path / "cache" / "tuning").exists()


@pytest.mark.usefixtures("long_enough")
def test_the_choice_is_kept_and_made_again(tmp_path: Path) -> None:
    run = epochal.train(config_in(tmp_path), quiet=True)
    (file,) = (tmp_path / "cache" / "tuning").iterdir()
    kept = json.loads(file.read_text())
    assert kept["chosen"] == chosen(run)
    usual = kept["timings"][0]
    assert (usual["precision"], usual["channels_last"]) == ("float32", True)
    assert all(timing["loss"] == pytest.approx(usual["loss"], rel=0.05) for timing in kept["timings"])
    # whatever is written there is what the next run of the same model on this machine uses
    kept["chosen"] = {"precision": "float32", "channels_last": False}
    file.write_text(json.dumps(kept))
    again = epochal.train(config_in(tmp_path), quiet=True, again=True)
    assert chosen(again) == kept["chosen"]
    # and the run says it for good: repeated from its own config, and predicting, it computes the same way
    file.unlink()
    repeated = epochal.train(again.folder.config, "training.epochs=2", quiet=True, again=True)
    assert repeated.id == again.id
    assert chosen(repeated) == kept["chosen"]
    assert epochal.load(again).channels_last is False


@pytest.mark.usefixtures("long_enough")
def test_what_the_config_says_is_not_tuned(tmp_path: Path) -> None:
    run = epochal.train(config_in(tmp_path, tune=False), quiet=True)
    assert chosen(run) == {"precision": "float32", "channels_last": True}
    assert not (tmp_path / "cache" / "tuning").exists()


@fast_bfloat16
@pytest.mark.usefixtures("long_enough")
def test_tuning_changes_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Timing trains copies: weights and generators are those of a run that was not tuned."""
    monkeypatch.setattr(tuning, "_MARGIN", 0.0)  # nothing is that fast: the usual setting stays
    tuned = epochal.train(config_in(tmp_path / "a"), quiet=True)
    plain = epochal.train(config_in(tmp_path / "b", tune=False), quiet=True)
    for name in ("train/loss", "val/loss"):
        assert tuned.epochs[name].to_list() == plain.epochs[name].to_list()
