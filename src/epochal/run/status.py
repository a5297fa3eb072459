"""How a run stands: the flag file it ended with, or whether its process still lives."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from typing import Literal

from epochal.run.durable import is_locked, write_text
from epochal.run.folder import RunFolder

Ending = Literal["finished", "interrupted", "failed"]
Status = Literal["finished", "interrupted", "failed", "running", "crashed"]

_ENDINGS: tuple[Ending, ...] = ("finished", "interrupted", "failed")


def status_of(folder: RunFolder) -> Status:
    """The flag where there is one; else ``running`` while a process holds the lock, else ``crashed``."""
    for ending in _ENDINGS:
        if folder.flag(ending).exists():
            return ending
    return "running" if is_locked(folder.lock) else "crashed"


def reason_of(folder: RunFolder) -> str:
    """What the flag file says; empty for a run without one."""
    for ending in _ENDINGS:
        if folder.flag(ending).exists():
            return folder.flag(ending).read_text().strip()
    return ""


def set_flag(folder: RunFolder, ending: Ending, reason: str) -> None:
    """Say how the run ended; the flag of an earlier attempt goes.

    A full disk, which may be why it failed, must not hide the reason: without a flag the run is ``crashed``.
    """
    with suppress(OSError) if ending != "finished" else nullcontext():
        write_text(folder.flag(ending), reason.rstrip() + "\n")
    for other in _ENDINGS:
        if other != ending:
            folder.flag(other).unlink(missing_ok=True)


def clear_flags(folder: RunFolder) -> None:
    """A run that works again has no flag."""
    for ending in _ENDINGS:
        folder.flag(ending).unlink(missing_ok=True)
