"""Checkpoints written in a thread, while training goes on."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import final

from epochal.engine.checkpoint import Snapshot
from epochal.errors import RunError
from epochal.run.durable import LineFile
from epochal.run.folder import RunFolder


@dataclass(frozen=True)
class _Order:
    """What is to be written. best: None where the best epoch is as it was."""

    last: Snapshot
    best: Snapshot | None


@final
class CheckpointWriter:
    """Writes ``best`` and ``last`` of a run, never two of them at once.

    What is ordered while one is being written waits, and a later order takes its place: training never
    waits for the disk, and what is on the disk is always one whole state.
    """

    def __init__(self, folder: RunFolder, lines: LineFile) -> None:
        self._folder = folder
        self.lines = lines
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._waiting: _Order | None = None
        self._error: BaseException | None = None

    def order(self, last: Snapshot, best: Snapshot | None = None) -> None:
        """Have a state written, and the best weights with it; raises what an earlier write failed with."""
        self.check()
        with self._lock:
            if best is None and self._waiting is not None:
                best = self._waiting.best
            self._waiting = _Order(last, best)
            if self._thread is None:
                # a daemon, for a second Ctrl-C ends the process without waiting for a slow disk
                self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)
                self._thread.start()

    def check(self) -> None:
        """Raise what a write failed with: a run without checkpoints is not what was asked for."""
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def wait(self) -> None:
        """Until everything that was ordered is on the disk; raises what a write failed with."""
        thread = self._thread
        if thread is not None:
            thread.join()
        self.check()

    def _work(self) -> None:
        while True:
            with self._lock:
                order, self._waiting = self._waiting, None
                if order is None:
                    self._thread = None
                    return
            try:
                self._write(order)
            except BaseException as error:
                self._error = error

    def _write(self, order: _Order) -> None:
        """The best first: a crash between the two repeats the epoch and writes it again."""
        self.lines.flush()
        try:
            if order.best is not None:
                order.best.write(self._folder.best)
            order.last.write(self._folder.last, self._folder.previous)
        except RunError as error:
            intact = self._folder.last.exists() or self._folder.previous.exists()
            then = "the checkpoint before it is intact, and --resume continues from there"
            then = then if intact else "it is the first one, and --resume starts from the beginning"
            problems = [replace(each, mend=f"{each.mend}; {then}") for each in error.problems]
            raise RunError(*problems) from error
