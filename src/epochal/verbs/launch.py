"""A training in several processes on this machine: starting them, and ending all of them together."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from epochal import errors
from epochal.errors import EpochalError, Interrupted, Problem, RunError
from epochal.run.run import Run

_GRACE = 8.0
"""Seconds in which processes end by themselves when one has ended, and again after SIGTERM."""
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


def launch(
    config: str | Path | Mapping[str, Any], overrides: tuple[str, ...], options: dict[str, Any], count: int
) -> Run:
    """What ``train`` gives, done by ``count`` processes; each calls ``train`` with these arguments.

    When one of them ends with an error, the others are ended too, within half a minute. Signals to stop or
    to save are passed on. If this process dies, they stop as after SIGTERM.
    """
    with tempfile.TemporaryDirectory(prefix="epochal-") as scratch:
        folder = Path(scratch)
        order = {
            "config": dict(config) if isinstance(config, Mapping) else str(config),
            "overrides": list(overrides),
            "options": options,
        }
        (folder / "order.json").write_text(json.dumps(order, default=str))
        processes = _start(folder, count)
        try:
            with _forwarding(processes):
                _wait(processes)
        finally:
            _end(processes)
        return _result(folder, processes)


def _start(folder: Path, count: int) -> list[subprocess.Popen[bytes]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        **os.environ,
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    shared.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // count)))
    shared.setdefault("GLOO_SOCKET_IFNAME", "lo")
    processes = []
    for rank in range(count):
        # the others have nothing to say but how they failed
        with (folder / f"{rank}.log").open("wb") as said:
            processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "epochal.verbs.worker", str(folder), str(os.getpid())],
                    env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                    stdin=subprocess.DEVNULL,
                    stdout=None if rank == 0 else said,
                    stderr=None if rank == 0 else said,
                    start_new_session=True,  # Ctrl-C comes here, and is passed on once
                )
            )
    return processes


@contextmanager
def _forwarding(processes: list[subprocess.Popen[bytes]]) -> Iterator[None]:
    """Pass signals on to the first process, which tells the others; a second Ctrl-C ends them all at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    stopped = False

    def forward(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (a handler's signature)
        nonlocal stopped
        if stopped and number != signal.SIGUSR1:
            for process in processes:
                process.kill()
            return
        stopped = stopped or number != signal.SIGUSR1
        processes[0].send_signal(number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(processes: list[subprocess.Popen[bytes]]) -> None:
    """Until all have ended, or one has ended otherwise than well and the others had time to."""
    deadline = None
    while any(process.poll() is None for process in processes):
        if deadline is None and any(process.poll() for process in processes):
            deadline = time.monotonic() + _GRACE
        if deadline is not None and time.monotonic() > deadline:
            return
        time.sleep(0.05)


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + _GRACE
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _result(folder: Path, processes: list[subprocess.Popen[bytes]]) -> Run:
    """What the first process wrote, or who died."""
    killed = [rank for rank, process in enumerate(processes) if (process.returncode or 0) < 0]
    path = folder / "result.json"
    result: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if "run" in result:
        return Run(Path(result["run"]))
    if "interrupted" in result:
        raise Interrupted(result["interrupted"])
    if result.get("lost") or not result:
        who = killed or [rank for rank, process in enumerate(processes) if process.returncode]
        raise RunError(*(_ended(folder, rank, processes[rank].returncode) for rank in who[:1]))
    kind: type[EpochalError] = getattr(errors, result["kind"], RunError)
    raise kind(*(Problem(*each) for each in result["problems"]))


def _ended(folder: Path, rank: int, code: int) -> Problem:
    """How a process ended, with the last line that it said."""
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"failed with exit code {code}"
    said = (folder / f"{rank}.log").read_text(errors="replace").strip().splitlines()
    last = f": {said[-1]}" if said and code > 0 else ""
    mend = "the others were stopped; --resume continues from the last checkpoint"
    return Problem(f"process {rank} of {len(list(folder.glob('*.log')))} {how}{last}", mend=mend)
