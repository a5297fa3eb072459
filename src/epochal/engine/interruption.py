"""Ctrl-C and SIGTERM: the step at hand is finished, then the loop stops."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


class Interrupted(BaseException):
    """Training stopped at a step's boundary because it was asked to; its state is in the checkpoint.

    exit_code: 130 for SIGINT, 143 for SIGTERM.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


@dataclass
class Interruption:
    """Set by a signal; looked at after every optimiser step."""

    signal: int | None = None

    def check(self) -> None:
        """Raise Interrupted when a signal has come."""
        if self.signal is not None:
            raise Interrupted(self.signal)


@contextmanager
def listen() -> Iterator[Interruption]:
    """Turn the first SIGINT or SIGTERM into a request to stop; a second one acts at once, as ever."""
    request = Interruption()
    if threading.current_thread() is not threading.main_thread():
        yield request  # Python delivers signals to the main thread only
        return
    previous = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in previous.items():
            signal.signal(number, handler)

    def handle(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (a handler's signature)
        request.signal = number
        restore()

    for number in previous:
        signal.signal(number, handle)
    try:
        yield request
    finally:
        restore()
