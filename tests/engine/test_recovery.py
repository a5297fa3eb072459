"""What happens to a batch whose loss is NaN or infinite."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from small_training import CPU, Checkpoints, Training, blobs, make_training
from torch import Tensor, nn

from epochal.engine.checkpoint import read_newest
from epochal.engine.recovery import Recovery
from epochal.errors import RunError
from epochal.run.durable import LineFile
from epochal.run.folder import RunFolder


def norm_net() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def with_bad_sample(**training: object) -> Training:
    """One of 60 samples has a NaN: one batch of 8 in each epoch."""
    inputs, targets = blobs(60)
    inputs[33, 2] = np.nan
    return make_training(norm_net, data=(inputs, targets), **training)  # type: ignore[arg-type]


def bad_steps(training: Training) -> list[int]:
    return [step for step, loss in enumerate(training.recorder.losses, 1) if not math.isfinite(loss)]


def test_a_run_stops_within_the_step_and_names_the_sample() -> None:
    training = with_bad_sample()
    with pytest.raises(
        RunError, match=r"the loss became nan at step \d \(epoch 1\): the inputs of 33 .*on_nan=skip"
    ):
        training.run()
    assert training.state.counters.step == len(training.recorder.losses)
    assert all(torch.isfinite(each).all() for each in training.state.model.parameters())


def test_skipping_leaves_weights_statistics_and_means_finite() -> None:
    training = with_bad_sample(on_nan="skip")
    training.run()
    assert len(bad_steps(training)) == 3
    assert training.state.counters.step == 24
    assert all(torch.isfinite(each.float()).all() for each in training.state.model.state_dict().values())
    assert all(math.isfinite(row["train/loss"]) for row in training.recorder.rows)


def test_a_skipped_batch_of_an_accumulated_step_adds_nothing_to_it() -> None:
    training = with_bad_sample(on_nan="skip", accumulate=4)
    training.run()
    assert training.state.counters.step == 6
    assert all(torch.isfinite(each.float()).all() for each in training.state.model.state_dict().values())


def test_skipping_ends_where_nothing_but_bad_batches_come() -> None:
    inputs, targets = blobs(200)
    training = make_training(norm_net, data=(inputs * np.float32(np.nan), targets), on_nan="skip")
    with pytest.raises(RunError, match="after 10 batches that were left out"):
        training.run()
    assert training.state.counters.step == 10


def test_restoring_goes_back_to_the_checkpoint_and_leaves_the_batch_out(tmp_path: Path) -> None:
    training = with_bad_sample(on_nan="restore")
    folder = RunFolder(tmp_path)
    lines = LineFile(folder.history)
    checkpoints = Checkpoints(folder, lines, training.monitor, every="2 steps")
    back_at: list[int] = []

    def restore() -> None:
        checkpoints.writer.wait()
        newest = read_newest(folder.last, folder.previous)
        assert newest is not None
        training.state.restore(*newest)
        back_at.append(training.state.counters.step)

    checkpoints.after_epoch(training.state, {training.monitor.name: 0.0}, is_best=False)
    recovery = Recovery("restore", training.task, CPU.autocast, str, restore)
    training.run(checkpoints, recovery=recovery)
    lines.close()
    assert len(back_at) == 3
    assert all(step % 2 == 0 or step % 8 == 0 for step in back_at)
    assert training.state.counters.step == 24
    assert len(training.state.counters.left_out) == 3
    assert all(torch.isfinite(each).all() for each in training.state.model.parameters())


def test_going_back_forgets_the_gradients_of_the_step_that_was_cut(tmp_path: Path) -> None:
    """What is left is what skipping leaves: each other batch once."""
    skipping, restoring = (with_bad_sample(on_nan=how, accumulate=4) for how in ("skip", "restore"))
    skipping.run()
    folder = RunFolder(tmp_path)
    lines = LineFile(folder.history)
    checkpoints = Checkpoints(folder, lines, restoring.monitor, every="1 steps")

    def restore() -> None:
        checkpoints.writer.wait()
        newest = read_newest(folder.last, folder.previous)
        assert newest is not None
        restoring.state.restore(*newest)

    checkpoints.after_epoch(restoring.state, {restoring.monitor.name: 0.0}, is_best=False)
    restoring.run(checkpoints, recovery=Recovery("restore", restoring.task, CPU.autocast, str, restore))
    lines.close()
    assert len(restoring.state.counters.left_out) == 3
    expected = skipping.state.model.state_dict()
    for name, tensor in restoring.state.model.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


def test_a_scaler_is_not_asked_for_a_step_without_gradients() -> None:
    training = with_bad_sample(on_nan="skip", gradient_clip=1.0)
    training.state.scaler = torch.amp.GradScaler("cpu", init_scale=8.0, enabled=True)
    training.run()
    assert training.state.counters.step == 24
    assert all(torch.isfinite(each).all() for each in training.state.model.parameters())


class _Tripped(nn.Module):
    """Its weights become infinite in the third training step."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 3)
        self.steps = 0

    def forward(self, inputs: Tensor) -> Tensor:
        self.steps += self.training
        if self.steps == 3:
            with torch.no_grad():
                self.layer.weight[0, 0] = math.inf
        return self.layer(inputs)  # type: ignore[no-any-return]


def test_weights_that_are_not_finite_are_said() -> None:
    training = make_training(_Tripped)
    with pytest.raises(RunError, match=r"layer \(Linear\).*weights \(weight\) are not finite"):
        training.run()
    assert training.state.counters.step == 2
