"""When a run was worked on: ``sessions.json``, one [start, end] for each process that did."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from epochal.console import log_file
from epochal.run.durable import Lock, write_json
from epochal.run.folder import RunFolder
from epochal.run.status import clear_flags

Session = list[float | None]
"""Start and end in seconds since 1970; no end while it lasts, and where the process was killed."""


@contextmanager
def at_work(folder: RunFolder, since: float, earlier: Iterable[logging.LogRecord] = ()) -> Iterator[None]:
    """Inside the block the folder is this process's to write to: its lock, its log, no flag, its time.

    since: when the work began, in seconds since 1970. earlier: what was said before there was a log.
    RequestError where another process works there.
    """
    with ExitStack() as stack:
        stack.enter_context(Lock(folder.lock))
        sessions = _ended(folder, _last_sign(folder))
        stack.enter_context(log_file(folder.log, earlier))
        clear_flags(folder)
        write_json(folder.sessions, [*sessions, [round(since, 3), None]])
        try:
            yield
        finally:
            with suppress(OSError):  # a full disk, say, which must not hide why the block ended
                write_json(folder.sessions, [*sessions, [round(since, 3), round(time.time(), 3)]])


def seconds_of(folder: RunFolder, *, running: bool) -> float | None:
    """Wall time of all sessions together, without the breaks between them; None where none was recorded."""
    sessions = _ended(folder, time.time() if running else _last_sign(folder))
    return round(sum(end - start for start, end in sessions), 3) if sessions else None


def _ended(folder: RunFolder, last: float) -> list[tuple[float, float]]:
    """The sessions; one without an end, of which there is no more than the last, ended at ``last``."""
    found: list[Session] = []
    with suppress(OSError, ValueError):
        found = json.loads(folder.sessions.read_text(encoding="utf-8"))
    return [(start, max(start, last if end is None else end)) for start, end in found if start is not None]


def _last_sign(folder: RunFolder) -> float:
    """When the run's log, history or checkpoint was written last; 0 where there is none."""
    times = [0.0]
    for path in (folder.log, folder.history, folder.last):
        with suppress(OSError):
            times.append(path.stat().st_mtime)
    return max(times)
