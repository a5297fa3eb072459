from __future__ import annotations

import json
import logging
import math
import os
import signal
from pathlib import Path
from typing import Any, final

import pytest
import torch
from small_training import Checkpoints, StopAfter, Training, blobs, make_training
from torch import Tensor, nn

from epochal.engine.checkpoint import read_checkpoint
from epochal.engine.hooks import LogHook, ProgressHook
from epochal.engine.interruption import Interruption, listen
from epochal.engine.loop import Hook, Monitor
from epochal.engine.state import TrainState
from epochal.errors import Interrupted, RunError
from epochal.run.durable import LineFile
from epochal.run.folder import RunFolder
from epochal.tasks.scores import Scores


def linear() -> nn.Module:
    return nn.Linear(6, 3)


def two_layers() -> nn.Module:
    return nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 3))


def scripted(training: Training, values: list[float], name: str = "accuracy") -> list[dict[str, float]]:
    """Train with validation scores that were decided before."""
    scores = iter(values)
    return training.run(validate=lambda: Scores({"loss": 1.0, name: next(scores)})).rows


@pytest.mark.parametrize("rows", [48, 54, 50])
def test_accumulated_batches_are_one_larger_batch(rows: int) -> None:
    """Also where the last step has fewer batches, and the last batch fewer samples."""
    options: dict[str, Any] = {"optimizer": {"name": "SGD", "lr": 0.3, "momentum": 0.9}, "data": blobs(rows)}
    small = make_training(linear, size=4, accumulate=3, gradient_clip=0.5, **options)
    large = make_training(linear, size=12, accumulate=1, gradient_clip=0.5, **options)
    small.run()
    large.run()
    assert small.state.counters.step == large.state.counters.step == 3 * math.ceil(rows / 12)
    for one, other in zip(small.state.model.parameters(), large.state.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    for row, expected in zip(small.recorder.rows, large.recorder.rows, strict=True):
        assert row["val/loss"] == pytest.approx(expected["val/loss"], rel=1e-5)


def test_the_training_scores_of_an_epoch_are_means_over_samples() -> None:
    training = make_training(linear, size=8, optimizer={"name": "SGD", "lr": 0.0}, epochs=1)  # 60 = 7 * 8 + 4
    (row,) = training.run().rows
    inputs = (torch.from_numpy(blobs(60)[0]) - 0.25) / 2
    outputs = training.state.model(inputs).detach()
    targets = torch.arange(60) % 3
    assert row["train/loss"] == pytest.approx(float(nn.functional.cross_entropy(outputs, targets)))
    assert row["train/accuracy"] == pytest.approx(float((outputs.argmax(1) == targets).double().mean()))


@pytest.mark.parametrize("clip", [0.01, 1e6])
def test_no_step_follows_a_gradient_longer_than_the_clip(clip: float) -> None:
    data = (100 * blobs(60)[0], blobs(60)[1])
    training = make_training(linear, data=data, optimizer={"name": "SGD", "lr": 1.0}, gradient_clip=clip)
    moves: list[float] = []

    @final
    class Measure(Hook):
        def __init__(self) -> None:
            self.weights = [parameter.detach().clone() for parameter in training.state.model.parameters()]

        def after_step(self, state: TrainState, loss: Tensor) -> None:
            now = [parameter.detach().clone() for parameter in state.model.parameters()]
            squares = [(one - other).square().sum() for one, other in zip(now, self.weights, strict=True)]
            moves.append(float(torch.stack(squares).sum().sqrt()))
            self.weights = now

    training.run(Measure())
    assert len(moves) == 24
    if clip < 1:
        assert moves == pytest.approx([clip] * 24, rel=1e-3)
    else:
        assert 1 < max(moves) < clip


def test_the_average_follows_the_weights() -> None:
    """average = decay * average + (1 - decay) * weight, from the first weights on."""
    training = make_training(linear, ema=0.9)
    first = next(training.state.model.parameters()).detach().clone()
    expected = [first]

    @final
    class Follow(Hook):
        def after_step(self, state: TrainState, loss: Tensor) -> None:
            expected.append(0.9 * expected[-1] + 0.1 * next(state.model.parameters()).detach())

    training.run(Follow())
    assert training.state.ema is not None
    torch.testing.assert_close(next(training.state.ema.model.parameters()).detach(), expected[-1])
    assert training.state.evaluated is training.state.ema.model
    assert not torch.equal(expected[-1], next(training.state.model.parameters()))


@pytest.mark.parametrize(
    ("direction", "scores", "epochs"),
    [
        ("max", [0.1, 0.5, 0.4, 0.4, 0.9], 4),
        ("max", [0.1, 0.2, 0.3, 0.4, 0.5], 5),
        ("max", [0.5, 0.5, 0.5, 0.9, 0.9], 3),
        ("min", [0.5, 0.4, 0.45, 0.41, 0.1], 4),
        ("min", [0.5, 0.6, 0.3, 0.4, 0.5], 5),
        ("max", [0.5, math.nan, math.nan, 0.9, 0.9], 3),
    ],
)
def test_training_stops_after_epochs_without_a_better_score(
    direction: Any, scores: list[float], epochs: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="epochal")
    training = make_training(
        linear, monitor=Monitor("val/accuracy", direction), epochs=5, early_stopping={"patience": 2}
    )
    assert len(scripted(training, scores)) == epochs
    said = f"val/accuracy has not got better for 2 epochs, best epoch {training.state.counters.best_epoch}"
    assert [text for text in caplog.messages if "early" in text] == [f"stopped early: {said}"] * (epochs < 5)
    training.run()  # a run that has stopped early stays so when it is resumed
    assert training.state.counters.epoch == epochs


def test_small_steps_do_not_count_as_better_but_add_up(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="epochal")
    slow = [0.50, 0.54, 0.58, 0.62, 0.66, 0.70]
    stopping = {"patience": 2, "min_delta": 0.1}
    training = make_training(
        linear, monitor=Monitor("val/accuracy", "max"), epochs=6, early_stopping=stopping
    )
    assert len(scripted(training, slow)) == 3
    assert training.state.counters.best == 0.58  # the best is still the best
    assert caplog.messages[-1].endswith("has not got better by more than 0.1 for 2 epochs, best epoch 3")
    stopping = {"patience": 3, "min_delta": 0.1}
    training = make_training(
        linear, monitor=Monitor("val/accuracy", "max"), epochs=6, early_stopping=stopping
    )
    assert len(scripted(training, slow)) == 6


def test_an_unknown_score_is_named_with_those_that_exist() -> None:
    training = make_training(linear, monitor=Monitor("val/dice", "max"))
    message = r"training\.monitor: there is no score 'val/dice' to follow; this run's scores: .*val/accuracy"
    with pytest.raises(RunError, match=message):
        training.run()


def test_a_score_of_the_training_split_can_be_followed() -> None:
    training = make_training(linear, monitor=Monitor("train/loss", "min"))
    rows = training.run().rows
    assert training.state.counters.best == min(row["train/loss"] for row in rows)


def test_a_loss_that_is_not_finite_ends_the_run() -> None:
    training = make_training(two_layers, optimizer={"name": "SGD", "lr": 1e30})
    with pytest.raises(
        RunError, match=r"the loss became (nan|inf) at step \d \(epoch 1\): .*lower optimizer\.lr"
    ):
        training.run()
    assert training.recorder.rows == []
    assert training.state.counters.step == len(training.recorder.losses) < 8
    assert all(map(math.isfinite, training.recorder.losses))


def test_a_monitored_score_that_is_nan_is_never_the_best() -> None:
    training = make_training(linear, monitor=Monitor("val/loss", "min"))
    losses = iter([0.5, math.nan, 0.4])
    training.run(validate=lambda: Scores({"loss": next(losses)}))
    assert training.recorder.best == [1, 3]
    assert (training.state.counters.best, training.state.counters.best_epoch) == (0.4, 3)


def test_a_first_validation_without_a_finite_prediction_ends_the_run_with_the_reason() -> None:
    """Such predictions have a loss, NaN, and no other score."""
    training = make_training(linear, monitor=Monitor("val/accuracy", "max"))
    with pytest.raises(RunError, match=r"val/accuracy is nan in epoch 1.*lower optimizer\.lr"):
        training.run(validate=lambda: Scores({"loss": math.nan}))


def test_the_best_epochs_weights_are_kept(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    training = make_training(linear, monitor=Monitor("val/accuracy", "max"), epochs=4)
    lines = LineFile(folder.history)
    weights: list[Tensor] = []

    @final
    class Keep(Hook):
        def after_epoch(self, state: TrainState, row: dict[str, float], is_best: bool) -> None:
            weights.append(next(state.model.parameters()).detach().clone())

    scores = iter([0.2, 0.6, 0.6, 0.3])
    training.run(
        Keep(),
        LogHook(lines, 4, 3, 60, training.monitor),
        checkpoints := Checkpoints(folder, lines, training.monitor),
        validate=lambda: Scores({"loss": 1.0, "accuracy": next(scores)}),
    )
    checkpoints.writer.wait()
    lines.close()
    best, facts = read_checkpoint(folder.best)
    assert facts == {"epoch": 2, "monitor": "val/accuracy", "score": 0.6}
    assert torch.equal(best["weight"], weights[1])
    linear().load_state_dict(best)
    again = make_training(linear, monitor=Monitor("val/accuracy", "max"), epochs=4)
    again.state.restore(*read_checkpoint(folder.last))
    assert again.state.counters.epoch == 4
    assert again.state.counters.best_epoch == 2
    assert again.state.counters.history == folder.history.stat().st_size


def test_the_best_weights_are_the_averaged_ones(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    training = make_training(linear, ema=0.9, epochs=1)
    lines = LineFile(folder.history)
    training.run(checkpoints := Checkpoints(folder, lines, training.monitor))
    checkpoints.writer.wait()
    lines.close()
    assert training.state.ema is not None
    assert torch.equal(read_checkpoint(folder.best)[0]["weight"], training.state.ema.model.weight)  # type: ignore[arg-type]


def test_the_history_has_a_line_every_so_many_steps_and_one_an_epoch(tmp_path: Path) -> None:
    training = make_training(linear, epochs=2)
    lines = LineFile(tmp_path / "metrics.jsonl")
    done: list[int] = []
    training.run(LogHook(lines, 2, 5, 60, training.monitor), ProgressHook(done.append))
    lines.close()
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(row["step"], row["epoch"]) for row in rows] == [(5, 1), (8, 1), (10, 2), (15, 2), (16, 2)]
    assert [row["train/batch_loss"] for row in (rows[0], rows[2])] == [
        training.recorder.losses[4],
        training.recorder.losses[9],
    ]
    expected = training.recorder.rows[1]
    assert {key: rows[-1][key] for key in expected} == expected
    assert rows[-1]["seconds"] > 0
    assert sum(done) == 16


@pytest.mark.parametrize("step", [2, 3, 4])
def test_an_interruption_stops_at_the_end_of_an_optimiser_step(step: int) -> None:
    training = make_training(linear, accumulate=3)  # 8 batches, 3 steps an epoch
    interruption = Interruption()
    with pytest.raises(Interrupted) as caught:
        training.run(StopAfter(step, interruption), interruption=interruption)
    counters = training.state.counters
    assert caught.value.exit_code == 130
    assert counters.step == step
    assert (counters.epoch, counters.batch) == {2: (0, 6), 3: (1, 0), 4: (1, 3)}[step]
    assert all(parameter.grad is None for parameter in training.state.model.parameters())
    assert len(training.recorder.rows) == counters.epoch


@final
class Kill(Hook):
    """Sends the process a signal after a step, as a scheduler or Ctrl-C does."""

    def __init__(self, step: int, *numbers: signal.Signals) -> None:
        self._step = step
        self._numbers = numbers

    def after_step(self, state: TrainState, loss: Tensor) -> None:
        if state.counters.step == self._step:
            for number in self._numbers:
                os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_stops_training_and_handlers_are_put_back(number: signal.Signals, code: int) -> None:
    before = signal.getsignal(number)
    training = make_training(linear)
    with listen() as interruption, pytest.raises(Interrupted, match=number.name) as caught:
        training.run(Kill(5, number), interruption=interruption)
    assert caught.value.exit_code == code
    assert training.state.counters.step == 5
    assert signal.getsignal(number) is before


def test_a_second_signal_acts_at_once() -> None:
    training = make_training(linear)
    with listen() as interruption, pytest.raises(KeyboardInterrupt):
        training.run(Kill(5, signal.SIGINT, signal.SIGINT), interruption=interruption)
