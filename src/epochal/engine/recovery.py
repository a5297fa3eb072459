"""What to do about a batch whose loss is NaN or infinite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, final

import torch
from torch import Tensor

from epochal.console import log
from epochal.data.batch import Batch
from epochal.engine.not_finite import explain, explain_data, sample_list
from epochal.engine.state import TrainState
from epochal.errors import Problem, RunError
from epochal.inference.evaluate import Autocast
from epochal.tasks.task import Task

CALMER = "lower optimizer.lr, set training.gradient_clip, or use compute.precision=float32"
_PATIENCE = 10
"""Batches in a row that may be skipped, or in all that may be gone back for; more of them are no accident."""


_DROP = "mend these samples or take them out of the data; training.on_nan=skip leaves their batches out"


class RewoundError(Exception):
    """The state is that of the last checkpoint again."""


@final
class Recovery:
    """Follows ``training.on_nan``.

    restore: makes the state that of the last checkpoint. names: a sample's name from its row.
    """

    def __init__(
        self,
        on_nan: Literal["stop", "skip", "restore"],
        task: Task,
        autocast: Autocast,
        names: Callable[[int], str],
        restore: Callable[[], object],
    ) -> None:
        self._on_nan = on_nan
        self._task = task
        self._autocast = autocast
        self._names = names
        self._restore = restore
        self._buffers: list[Tensor] = []
        self._in_a_row = 0

    @property
    def can_wait(self) -> bool:
        """Whether a GPU may begin with gradients before it is known that the loss is finite."""
        return self._on_nan != "skip"

    @property
    def takes_all(self) -> bool:
        """Whether no batch is ever left out."""
        return self._on_nan == "stop"

    def leaves_out(self, state: TrainState) -> bool:
        """Whether the batch at hand is one that training went back for."""
        counters = state.counters
        return bool(counters.left_out) and [counters.epoch, counters.batch] in counters.left_out

    def before(self, state: TrainState) -> None:
        """Keep what the forward pass of a bad batch would spoil: statistics of batch normalisation."""
        if self._on_nan == "skip":
            self._buffers = [buffer.clone() for buffer in state.model.buffers()]

    def handle(self, state: TrainState, batch: Batch, loss: Tensor) -> None:
        """Returns where the batch is left out; every one of several processes calls it.

        RunError where training stops, RewoundError where it goes back.
        """
        counters, gather = state.counters, state.processes.gather
        bad = not bool(torch.isfinite(loss))
        own = explain_data(batch, self._names) if bad else ""
        everyone = gather((bad, float(loss), own, batch.samples.tolist()))
        value = next(number for found, number, _, _ in everyone if found)
        what = f"the loss became {value:g} at step {counters.step + 1} (epoch {counters.epoch + 1})"
        in_data = next((text for _, _, text, _ in everyone if text), "")
        reason = in_data
        if not in_data:  # in every process: norms, and a model in parts, compute together
            own = explain(state.model, self._task, batch, self._autocast, self._names)
            reason = next(text for found, text in gather((bad, own)) if found)
        rows = [row for _, _, _, samples in everyone for row in samples]
        log.error(f"{what}: {reason}; {sample_list(rows, self._names)}", extra={"file_only": True})
        self._in_a_row += 1
        if self._on_nan == "stop" or max(self._in_a_row, len(counters.left_out)) > _PATIENCE:
            times = "" if self._on_nan == "stop" else f", after {_PATIENCE} batches that were left out"
            raise RunError(Problem(f"{what}{times}: {reason}", mend=_DROP if in_data else CALMER))
        if self._on_nan == "restore":
            self._go_back(state, f"{what}: {reason}")
        log.warning(f"{what}: {reason}; the batch is left out")
        for buffer, kept in zip(state.model.buffers(), self._buffers, strict=True):
            buffer.copy_(kept)

    def well(self) -> None:
        """A batch was as it should be."""
        self._in_a_row = 0

    def _go_back(self, state: TrainState, what: str) -> None:
        counters = state.counters
        left_out = [*counters.left_out, [counters.epoch, counters.batch]]
        spoiled = not all(bool(torch.isfinite(each).all()) for each in state.model.parameters())
        if spoiled and counters.batch > 0:  # the gradients of the batch before it were the reason
            left_out.append([counters.epoch, counters.batch - 1])
        self._restore()
        state.counters.left_out = left_out
        log.warning(f"{what}; back to step {state.counters.step}, the batch is left out")
        raise RewoundError
