"""Resuming is exact for items of the state that few trainings have: a scaler's, and batches left out."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from small_training import CPU, StopAfter, Training, blobs, make_training
from torch import nn

from epochal.engine.checkpoint import read_checkpoint, write_checkpoint
from epochal.engine.interruption import Interruption
from epochal.engine.recovery import Recovery
from epochal.errors import Interrupted


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3))


def scaled() -> Training:
    """With a gradient scaler that doubles its factor every fifth step, as float16 has on a GPU."""
    training = make_training(network)
    training.state.scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=5)
    return training


def assert_same_state(one: Training, other: Training) -> None:
    tensors, values = one.state.to_checkpoint()
    others, other_values = other.state.to_checkpoint()
    assert values == other_values
    assert [name for name in tensors if not torch.equal(tensors[name], others[name])] == []


def test_a_gradient_scaler_goes_on_where_it_was(tmp_path: Path) -> None:
    uncut, first, second = scaled(), scaled(), scaled()
    uncut.run()
    assert uncut.state.scaler.get_scale() > 8
    interruption = Interruption()
    with suppress(Interrupted):
        first.run(StopAfter(12, interruption), interruption=interruption)
    write_checkpoint(tmp_path / "last", *first.state.to_checkpoint())
    second.state.restore(*read_checkpoint(tmp_path / "last"))
    second.run()
    assert_same_state(second, uncut)


def with_bad_sample() -> Training:
    """Of each epoch's eight batches, one has a NaN."""
    inputs, targets = blobs(60)
    inputs[33, 2] = np.nan
    return make_training(network, data=(inputs, targets), on_nan="restore")


def test_batches_that_are_left_out_stay_left_out(tmp_path: Path) -> None:
    uncut, first, second = (with_bad_sample() for _ in range(3))
    write_checkpoint(tmp_path / "start", *uncut.state.to_checkpoint())

    def recovery(training: Training) -> Recovery:
        def restore() -> None:
            training.state.restore(*read_checkpoint(tmp_path / "start"))

        return Recovery("restore", training.task, CPU.autocast, str, restore)

    uncut.run(recovery=recovery(uncut))
    interruption = Interruption()
    with suppress(Interrupted):
        first.run(StopAfter(9, interruption), interruption=interruption, recovery=recovery(first))
    assert len(first.state.counters.left_out) == 1, "the one of the first epoch"
    write_checkpoint(tmp_path / "last", *first.state.to_checkpoint())
    second.state.restore(*read_checkpoint(tmp_path / "last"))
    second.run(recovery=recovery(second))
    assert len(second.state.counters.left_out) == 3
    assert_same_state(second, uncut)
