"""What happens beside training: lines of metrics, checkpoints, progress, TensorBoard."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, final

from torch import Tensor

from epochal.console import log
from epochal.engine.checkpoint import Snapshot
from epochal.engine.config import CheckpointConfig
from epochal.engine.interruption import Interruption
from epochal.engine.loop import LATEST, Hook, Monitor
from epochal.engine.state import TrainState
from epochal.engine.writer import CheckpointWriter
from epochal.run.durable import LineFile


@final
class LogHook(Hook):
    """Appends to ``metrics.jsonl`` and tells the person an epoch's numbers in a line."""

    def __init__(self, lines: LineFile, epochs: int, every: int, samples: int, monitor: Monitor) -> None:
        self._lines = lines
        self._epochs = epochs
        self._every = every
        self._samples = samples
        self._monitor = monitor
        self._started = time.perf_counter()

    def after_step(self, state: TrainState, loss: Tensor) -> None:
        """Every so many steps, the loss of the step's last batch; null where that was left out."""
        if state.counters.step % self._every == 0:
            row = {"train/batch_loss": _finite(float(loss)), **state.rates}
            self._lines.append({"step": state.counters.step, "epoch": state.counters.epoch + 1, **row})

    def after_epoch(self, state: TrainState, row: dict[str, float], is_best: bool) -> None:
        """The epoch's numbers, ``seconds`` for training and validation included."""
        seconds = time.perf_counter() - self._started
        self._started = time.perf_counter()
        counters = state.counters
        values: dict[str, Any] = {key: _finite(value) for key, value in row.items()}
        speed = {"seconds": round(seconds, 3), "samples_per_second": round(self._samples / seconds, 1)}
        self._lines.append({"step": counters.step, "epoch": counters.epoch, **values, **speed})
        scores = [name for name in row if name.startswith("val/") and name != "val/loss"]
        losses = [name for name in row if name.startswith("train/") and "loss" in name]
        shown = dict.fromkeys(
            ["train/loss", *losses[:3], "val/loss", *scores[:1], self._monitor.name, "train/lr"]
        )
        numbers = "  ".join(f"{name} {row[name]:.4g}" for name in shown if name in row)
        epoch = f"epoch {counters.epoch:>{len(str(self._epochs))}}/{self._epochs}"
        log.info(
            f"{epoch}  {numbers}  {seconds:.1f} s{'  best' if is_best and self._monitor != LATEST else ''}"
        )


def _finite(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if value - value == 0 else None


@final
class ProgressHook(Hook):
    """Moves the progress bar by one optimiser step."""

    def __init__(self, advance: Callable[[int], None]) -> None:
        self._advance = advance

    def after_step(self, state: TrainState, loss: Tensor) -> None:  # noqa: ARG002 (a hook's signature)
        """One step more."""
        self._advance(1)


@final
class CheckpointHook(Hook):
    """Orders ``best`` when an epoch is the best so far, and ``last`` after every epoch and at its interval.

    Training stops for as long as the state is copied; a thread writes it. Of several processes, all give
    their part of the state, and one has a writer.
    """

    phase = "checkpoint"

    def __init__(
        self,
        writer: CheckpointWriter | None,
        monitor: Monitor,
        interval: CheckpointConfig,
        interruption: Interruption,
    ) -> None:
        self._writer = writer
        self._monitor = monitor
        self._steps = interval.steps
        self._seconds = interval.seconds
        self._interruption = interruption
        self._written = time.monotonic()

    def after_step(self, state: TrainState, loss: Tensor) -> None:  # noqa: ARG002 (a hook's signature)
        """Every so many steps or seconds, and when a signal asks for it."""
        if self._writer is not None:
            self._writer.check()
        if self._seconds is not None and time.monotonic() - self._written >= self._seconds:
            self._interruption.ask()
            self._written = time.monotonic()
        due = self._steps is not None and state.counters.step % self._steps == 0
        if due or self._interruption.checkpoint:
            self._interruption.checkpoint = False
            self.order(state)

    def after_epoch(self, state: TrainState, row: dict[str, float], is_best: bool) -> None:  # noqa: ARG002
        """The state after validation, and the weights where they are the best."""
        best = None
        if is_best:
            weights = state.weights()
        if is_best and self._writer is not None:
            score = {
                "epoch": state.counters.epoch,
                "monitor": self._monitor.name,
                "score": state.counters.best,
            }
            best = Snapshot.of(weights, score)
        self.order(state, best)

    def order(self, state: TrainState, best: Snapshot | None = None) -> None:
        """Have the whole state written as it stands now."""
        if self._writer is not None:
            state.counters.history = self._writer.lines.offset
        parts = state.to_checkpoint()
        if self._writer is not None:
            self._writer.order(Snapshot.of(*parts), best)
        self._written = time.monotonic()
