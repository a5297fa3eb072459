"""What a person sees while work goes on: messages and progress, on a terminal or in plain lines."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from epochal.secrets import redacted

log = logging.getLogger("epochal")

Advance = Callable[[int], None]


class Console:
    """Messages of the logger ``epochal`` and progress bars, on the standard error stream.

    quiet: only warnings are shown. said: what was logged, shown or not. Nothing is drawn twice: without a
    terminal a progress bar is a plain line every ten seconds.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.terminal = sys.stderr.isatty() and not quiet
        self.said: deque[logging.LogRecord] = deque(maxlen=1000)
        self._bars: Any = None

    @contextmanager
    def messages(self) -> Iterator[Console]:
        """Show what is logged inside the block; a console around it is silent meanwhile."""
        outer = [handler for handler in log.handlers if isinstance(handler, _Handler)]
        for each in outer:
            log.removeHandler(each)
        handler = _Handler(self)
        level = log.level
        log.setLevel(logging.INFO)
        log.addHandler(handler)
        try:
            yield self
        finally:
            log.removeHandler(handler)
            log.setLevel(level)
            for each in outer:
                log.addHandler(each)

    def show(self, text: str) -> None:
        """Print one line, above a progress bar where there is one; ``***`` for secrets."""
        text = redacted(text)
        if self._bars is not None:
            self._bars.console.print(text, markup=False, highlight=False, soft_wrap=True)
            return
        try:
            print(text, file=sys.stderr, flush=True)  # noqa: T201
        except BrokenPipeError:  # nobody reads any more, as after `| head`: no reason to end a training
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())

    @contextmanager
    def progress(self, label: str, total: int, unit: str = "") -> Iterator[Advance]:
        """A bar of ``total`` pieces of work; call what it yields with the number of pieces done since."""
        if self.quiet:
            yield lambda _: None
        elif self.terminal:
            with self._rich_bar(label, total, unit) as advance:
                yield advance
        else:
            yield _plain_progress(label, total, self.show)

    @contextmanager
    def _rich_bar(self, label: str, total: int, unit: str) -> Iterator[Advance]:
        # rich costs 50 ms that a script without a terminal need not pay
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        outer = self._bars
        if outer is not None:
            task = outer.add_task(label, total=total, unit=unit)
            yield lambda done: outer.advance(task, done)
            outer.remove_task(task)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeRemainingColumn(),
        )
        bars = Progress(*columns, console=RichConsole(stderr=True), transient=True, refresh_per_second=5)
        with bars:
            self._bars = bars
            try:
                task = bars.add_task(label, total=total, unit=unit)
                yield lambda done: bars.advance(task, done)
            finally:
                self._bars = None


@contextmanager
def log_file(path: Path, earlier: Iterable[logging.LogRecord] = ()) -> Iterator[None]:
    """Write what is logged inside the block into a file as well, with times and tracebacks, without secrets.

    earlier: what was said before there was a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(_Redacting("%(asctime)s %(levelname)s %(message)s"))
    for record in earlier:
        handler.handle(record)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()


class _Redacting(logging.Formatter):
    """Lines of a log file, with ``***`` for secrets."""

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record))


class _Handler(logging.Handler):
    """Shows log records on a console, without the tracebacks that belong into the log file."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.said.append(record)
        unwanted = self._console.quiet and record.levelno < logging.WARNING
        if unwanted or getattr(record, "file_only", False):
            return
        prefix = "warning: " if record.levelno == logging.WARNING else ""
        self._console.show(prefix + record.getMessage())


def _plain_progress(label: str, total: int, show: Callable[[str], None], every: float = 10.0) -> Advance:
    started = reported = time.monotonic()
    done = 0

    def advance(count: int) -> None:
        nonlocal done, reported
        done += count
        now = time.monotonic()
        if now - reported >= every and done < total:
            reported = now
            remaining = (now - started) / max(done, 1) * (total - done)
            show(f"{label} {done}/{total}, about {remaining:.0f} s to go")

    return advance
