"""Signals: the step at hand is finished, then the loop stops, or writes a checkpoint and goes on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TypeVar

ItemT = TypeVar("ItemT")


class Interrupted(BaseException):
    """Training stopped at a step's boundary because it was asked to; its state is in the checkpoint.

    exit_code: 130 for SIGINT, 143 for SIGTERM.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number
        self.exit_code = 128 + number


@dataclass
class Interruption:
    """Set by signals; looked at after every optimiser step.

    signal: the one that asks to stop. checkpoint: whether one is asked for (SIGUSR1).
    """

    signal: int | None = None
    checkpoint: bool = False

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
def listen() -> Iterator[Interruption]:
    """Turn the first SIGINT or SIGTERM into a request to stop; a second one acts at once, as ever.

    SIGUSR1, by which Slurm warns a job before its time is up, asks for a checkpoint.
    """
    request = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield request  # Python delivers signals to the main thread only
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (a handler's signature)
        request.signal = number
        restore()

    def save(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (a handler's signature)
        request.checkpoint = True

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
