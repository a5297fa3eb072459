"""Signals: the step at hand is finished, then the loop stops, or writes a checkpoint and goes on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TypeVar

import torch
from torch import Tensor

from epochal.engine.processes import ALONE, Processes
from epochal.errors import Interrupted

ItemT = TypeVar("ItemT")


@dataclass
class Interruption:
    """Set by signals; looked at after every optimiser step.

    signal: the one that asks to stop. checkpoint: whether one is asked for (SIGUSR1). Of several processes
    each one acts on what any of them received, after the same step: once they have told each other.
    """

    processes: Processes = ALONE
    signal: int | None = None
    checkpoint: bool = False
    _received: int = 0
    _asked: bool = False

    def stop(self, number: int) -> None:
        """A signal asks this process to stop."""
        if self.processes.count == 1:
            self.signal = number
        self._received = number

    def ask(self) -> None:
        """This process is asked for a checkpoint."""
        if self.processes.count == 1:
            self.checkpoint = True
        self._asked = True

    def agree(self, finite: bool, loss: Tensor, share: float) -> tuple[bool, Tensor]:
        """What all processes say: whether every one's loss is finite, and the mean loss of the whole batch.

        loss: the mean over this process's samples, and share: how many they are, in any unit.
        """
        if self.processes.count == 1:
            return finite, loss
        own = [float(finite), self._received, self._asked, float(loss) if share else 0.0, share]
        self._asked = False
        everyone = self.processes.exchange([float(number) for number in own])
        all_finite, received, asked, losses, shares = zip(*everyone, strict=True)
        self.signal = int(max(received)) or None
        self.checkpoint = self.checkpoint or any(asked)
        total = sum(one * other for one, other in zip(losses, shares, strict=True))
        return all(all_finite), torch.tensor(total / sum(shares))

    def leave(self) -> None:
        """From here on this process is on its own, and acts on what it receives at once."""
        self.processes = ALONE
        self.signal = self.signal or self._received or None

    def check(self) -> None:
        """Raise Interrupted when a signal has come."""
        if self.signal is not None:
            raise Interrupted(self.signal)

    def checked(self, items: Iterable[ItemT]) -> Iterator[ItemT]:
        """The items, as long as no signal has come."""
        for item in items:
            self.check()
            yield item


@contextmanager
def listen(processes: Processes = ALONE) -> Iterator[Interruption]:
    """Turn the first SIGINT or SIGTERM into a request to stop; a second one acts at once, as ever.

    SIGUSR1, by which Slurm warns a job before its time is up, asks for a checkpoint.
    """
    request = Interruption(processes)
    if threading.current_thread() is not threading.main_thread():
        yield request  # Python delivers signals to the main thread only
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (a handler's signature)
        request.stop(number)
        restore()

    def save(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (a handler's signature)
        request.ask()

    before = signal.signal(signal.SIGUSR1, save)
    for number in previous:
        signal.signal(number, stop)
    try:
        yield request
    finally:
        restore()
        signal.signal(signal.SIGUSR1, before)


@contextmanager
def ignoring(number: signal.Signals) -> Iterator[None]:
    """A signal that would end the process does nothing inside the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(number, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(number, before)
