"""How a run stands: the flag file it ended with, or whether its process still lives."""

from __future__ import annotations

import shlex
import socket
from contextlib import nullcontext, suppress
from datetime import datetime
from typing import Any, Literal

from epochal.run.durable import boot_id, is_locked, read_holder, write_text
from epochal.run.folder import RunFolder
from epochal.run.history import read_history
from epochal.secrets import redacted

Ending = Literal["finished", "interrupted", "failed"]
Status = Literal["finished", "interrupted", "failed", "running", "crashed"]

_ENDINGS: tuple[Ending, ...] = ("finished", "interrupted", "failed")


def status_of(folder: RunFolder) -> Status:
    """The flag where there is one; else ``running`` while a process holds the lock, else ``crashed``."""
    ending = _ending(folder)
    if ending is None and is_locked(folder.lock):
        return "running"
    return ending or _ending(folder) or "crashed"  # looked for again: it comes before the lock goes


def _ending(folder: RunFolder) -> Ending | None:
    return next((ending for ending in _ENDINGS if folder.flag(ending).exists()), None)


def reason_of(folder: RunFolder) -> str:
    """What the flag file says; without one, who works on the run, or what is known of its end."""
    status = status_of(folder)
    if status == "running":
        return _worker(read_holder(folder.lock))
    if status == "crashed":
        return f"{crash_of(folder)}; continue it with `{command_to_continue(folder)}`"
    with suppress(FileNotFoundError):  # it is being continued at this instant
        return folder.flag(status).read_text().strip()
    return ""


def crash_of(folder: RunFolder) -> str:
    """What is known of a process that left no flag: who it was, what may have ended it, how far it came."""
    holder = _last_to_train(folder)
    who = _worker(holder) if holder else "its process"
    here = holder.get("host") == socket.gethostname()
    restarted = here and holder.get("boot") not in (None, "", boot_id())
    why = "the machine was restarted since" if restarted else "killed, out of memory, or the machine stopped"
    return f"{who} is gone without a word ({why}); last recorded: {_how_far(folder)}"


def _how_far(folder: RunFolder) -> str:
    """The last epoch and step of a run; of a cross-validation, what is finished and what was begun."""
    folds = [RunFolder(path) for path in (folder.path / "folds").glob("*") if path.name.isdecimal()]
    if folds:
        finished = sum(_ending(fold) == "finished" for fold in folds)
        done = f"{finished} fold{'s' * (finished != 1)} finished"
        left = [fold for fold in folds if _ending(fold) != "finished"]
        begun = [
            f"fold {fold.path.name}: {_how_far(fold)}"
            for fold in sorted(left, key=lambda fold: int(fold.path.name))
        ]
        return ", ".join([done, *begun])
    rows = read_history(folder.history)
    return f"epoch {rows[-1]['epoch']}, step {rows[-1]['step']}" if rows else "nothing yet"


def command_to_continue(folder: RunFolder) -> str:
    """The command that continues a run or a cross-validation, to be typed where it was started."""
    if (folder.path / "folds").is_dir():
        return shlex.join(["epochal", "crossval", str(folder.config)])
    return shlex.join(["epochal", "train", "--resume", str(folder.path)])


def _worker(holder: dict[str, Any]) -> str:
    since = str(holder.get("since", "?"))
    with suppress(ValueError):
        since = datetime.fromisoformat(since).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    return f"pid {holder.get('pid', '?')} on {holder.get('host', '?')} since {since}"


def _last_to_train(folder: RunFolder) -> dict[str, Any]:
    """Who trained the run last; empty where the lock file tells of somebody who came later, to evaluate it.

    Training writes to the log as soon as it has the lock, and evaluation does not write there.
    """
    holder = read_holder(folder.lock)
    with suppress(OSError, KeyError, ValueError):
        written = folder.log.stat().st_mtime
        return holder if datetime.fromisoformat(holder["since"]).timestamp() <= written else {}
    return holder


def set_flag(folder: RunFolder, ending: Ending, reason: str) -> None:
    """Say how the run ended; the flag of an earlier attempt goes.

    A full disk, which may be why it failed, must not hide the reason: without a flag the run is ``crashed``.
    """
    with suppress(OSError) if ending != "finished" else nullcontext():
        write_text(folder.flag(ending), redacted(reason.rstrip()) + "\n")
    for other in _ENDINGS:
        if other != ending:
            folder.flag(other).unlink(missing_ok=True)


def clear_flags(folder: RunFolder) -> None:
    """A run that works again has no flag."""
    for ending in _ENDINGS:
        folder.flag(ending).unlink(missing_ok=True)
