"""What happens beside training: lines of metrics, checkpoints, progress, TensorBoard."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, final

from torch import Tensor

from epochal.console import log
from epochal.engine.checkpoint import write_checkpoint
from epochal.engine.loop import Hook, Monitor, check_loss
from epochal.engine.state import TrainState
from epochal.run.durable import LineFile
from epochal.run.folder import RunFolder


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
        """Every so many steps, the loss of the step's last batch; RunError where it is not finite."""
        if state.counters.step % self._every == 0:
            check_loss(float(loss), state.counters.epoch + 1)
            row = {"train/batch_loss": float(loss), "train/lr": state.schedule.rate}
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
        shown = dict.fromkeys(["train/loss", "val/loss", *scores[:1], self._monitor.name, "train/lr"])
        numbers = "  ".join(f"{name} {row[name]:.4g}" for name in shown)
        epoch = f"epoch {counters.epoch:>{len(str(self._epochs))}}/{self._epochs}"
        log.info(f"{epoch}  {numbers}  {seconds:.1f} s{'  best' if is_best else ''}")


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
    """Writes ``best`` when an epoch is the best so far, and ``last`` after every epoch."""

    phase = "checkpoint"

    def __init__(self, folder: RunFolder, lines: LineFile, monitor: Monitor) -> None:
        self._folder = folder
        self._lines = lines
        self._monitor = monitor

    def after_epoch(self, state: TrainState, row: dict[str, float], is_best: bool) -> None:
        """The best one goes first: a crash between the two repeats the epoch and writes it again."""
        if is_best:
            score = {
                "epoch": state.counters.epoch,
                "monitor": self._monitor.name,
                "score": row[self._monitor.name],
            }
            write_checkpoint(self._folder.best, state.weights(), score)
        self.save(state)

    def save(self, state: TrainState) -> None:
        """Write the whole state as it stands now."""
        self._lines.flush()
        state.counters.history = self._lines.offset
        write_checkpoint(self._folder.last, *state.to_checkpoint())
