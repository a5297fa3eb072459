from __future__ import annotations

import logging
import math
import random
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from epochal.console import Console
from epochal.errors import ConfigError
from epochal.experiment import batch_size
from epochal.experiment.assemble import Experiment, assemble
from epochal.experiment.batch_size import choose_batch_size, largest
from epochal.experiment.config import load_experiment
from epochal.experiment.dry_run import dry_run


def experiment_in(folder: Path, size: int | str = "auto", **more: Any) -> Experiment:
    config = {
        "name": "sized",
        "data": {"source": "digits", "batch_size": size, "augment": ["mixup"], **more.pop("data", {})},
        "model": {"name": "simple_cnn", "channels": [8]},
        "compute": {"threads": 1, "device": "cpu", "precision": "float32"},
        "paths": {"runs": str(folder / "runs"), "cache": str(folder / "cache")},
        **more,
    }
    experiment = assemble(load_experiment(config), Console(quiet=True))
    dry_run(experiment)
    return experiment


def sizes(experiment: Experiment) -> tuple[int, int, int]:
    return experiment.train.size, experiment.val.size, experiment.test.size


def test_a_wrong_size_is_told_with_what_is_right(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        experiment_in(tmp_path, "auot")
    assert "batch_size: expected 'auto' or an integer, got 'auot'; did you mean 'auto'?" in str(error.value)
    with pytest.raises(ConfigError, match="batch_size: must be at least 1, got 0"):
        experiment_in(tmp_path, 0)


def test_a_size_that_is_set_stays(tmp_path: Path) -> None:
    experiment = experiment_in(tmp_path, 100)
    assert choose_batch_size(experiment, known=8) is experiment
    assert sizes(experiment) == (100, 400, 400)


def test_a_small_model_gets_an_eighth_of_the_samples(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    experiment = experiment_in(tmp_path)
    weights = {key: value.clone() for key, value in experiment.model.state_dict().items()}
    torch.manual_seed(1)
    before = torch.get_rng_state(), random.getstate(), str(np.random.get_state())
    with caplog.at_level(logging.INFO, "epochal"):
        chosen = choose_batch_size(experiment)
    samples = len(experiment.train.rows)
    assert sizes(chosen) == (128, 128, 128)
    assert 128 <= samples / 8 < 256
    (message,) = caplog.messages
    assert message.startswith("batch size 128 (the most that auto takes here): a step takes about ")
    assert torch.equal(torch.get_rng_state(), before[0])
    assert (random.getstate(), str(np.random.get_state())) == before[1:]
    assert all(torch.equal(weights[key], value) for key, value in experiment.model.state_dict().items())
    assert all(weight.grad is None for weight in experiment.model.parameters())
    assert chosen.id == experiment.id


def test_what_a_run_derived_is_used_again(tmp_path: Path) -> None:
    assert sizes(choose_batch_size(experiment_in(tmp_path), known=16)) == (16, 16, 16)
    again = experiment_in(tmp_path, derived={"batch_size": 64, "device": "cpu", "precision": "float32"})
    assert sizes(again) == (64, 64, 64)
    assert sizes(choose_batch_size(again)) == (64, 64, 64)
    own = experiment_in(tmp_path, data={"evaluation_batch_size": 500})
    assert sizes(choose_batch_size(own, known=16)) == (16, 500, 500)


def test_what_is_available_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With less and less memory, the size follows the line: half the room, half the batch."""
    experiment = experiment_in(tmp_path)
    measure, _ = batch_size._elsewhere(batch_size._Trial.of(experiment))
    for size in (64, 16, 2):
        room = (measure(size) + measure(2 * size)) / 2 / 0.8
        monkeypatch.setattr(batch_size, "available_memory", lambda room=room: room)
        assert choose_batch_size(experiment).train.size == size
    monkeypatch.setattr(batch_size, "available_memory", lambda: measure(1))
    with pytest.raises(ConfigError) as error:
        choose_batch_size(experiment)
    assert str(error.value).startswith("data.batch_size: a training step of 2 samples takes ")
    assert "try data.batch_size=1 training.accumulate=2" in str(error.value)


class Wide(nn.Module):
    """Keeps little but its input [B, 64], what a ReLU gave [B, 5000], and ten outputs."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.first = nn.Linear(64, 5000)
        self.second = nn.Linear(5000, num_classes)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.second(self.first(inputs.flatten(1)).relu())
        return outputs


def test_the_estimate_is_what_a_step_of_a_known_model_keeps(tmp_path: Path) -> None:
    model = {"name": f"{__name__}:Wide"}
    experiment = experiment_in(tmp_path, model=model, optimizer={"name": "AdamW", "lr": 1e-3})
    measure, budget = batch_size._elsewhere(batch_size._Trial.of(experiment))
    weights = 4 * (64 * 5000 + 5000 + 5000 * 10 + 10)
    assert measure(0) == pytest.approx(4 * weights, rel=0.01)  # and gradients, and two averages of AdamW's
    hidden = 4 * 5000  # kept once, and its gradient
    assert measure(1000) - measure(0) == pytest.approx(1000 * 2 * hidden, rel=0.03)
    assert budget > 2**26


def test_a_model_that_can_t_be_copied_trains_with_the_usual_size(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    experiment = experiment_in(tmp_path)
    experiment.model.lock = threading.Lock()  # type: ignore[assignment]
    with caplog.at_level(logging.INFO, "epochal"):
        chosen = choose_batch_size(experiment)
    assert chosen is experiment
    assert "batch size 32: none was tried: TypeError: cannot pickle" in caplog.text


@pytest.mark.parametrize(("samples", "limit"), [(3, 2), (31, 2), (32, 4), (1437, 128), (10**6, 4096)])
def test_an_epoch_keeps_eight_steps(samples: int, limit: int) -> None:
    assert batch_size._limit(samples) == limit


def test_sizes_are_doubled_until_memory_runs_out() -> None:
    tried = []

    def measure(size: int) -> float:
        tried.append(size)
        return math.inf if size > 50 else 10.0 * size

    assert largest(measure, 1000.0, 4096) == (32, 320.0)
    assert tried == [2, 4, 8, 16, 32, 64]
    assert largest(measure, 100.0, 4096) == (8, 80.0)
    assert largest(measure, 1000.0, 16) == (16, 160.0)
    assert largest(measure, 10.0, 16) == (0, 0.0)
