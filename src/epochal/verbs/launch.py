"""A training in several processes on this machine: starting them, and ending all of them together."""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from epochal import errors
from epochal.errors import EpochalError, Interrupted, Problem, RequestError, RunError
from epochal.run.run import Run

Process = subprocess.Popen[bytes]

LOST = 76
"""The exit code of a process that could not reach another one: not the one to blame."""
_GRACE = 8.0
"""Seconds in which processes end by themselves when one has ended, and again after SIGTERM."""
_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)


@dataclass(frozen=True)
class Order:
    """What ``train`` is called with. options: its keywords, plain values."""

    config: str | Path | Mapping[str, Any]
    overrides: tuple[str, ...]
    options: dict[str, Any]


@dataclass(frozen=True)
class Training:
    """One training, done by processes that this one started. folder: where they read and leave word."""

    folder: Path
    processes: list[Process]

    @property
    def running(self) -> bool:
        """Whether any of its processes still works."""
        return any(process.poll() is None for process in self.processes)


def launch(order: Order, count: int) -> Run:
    """What ``train`` gives, done by ``count`` processes, each of which calls it.

    When one of them ends with an error, the others are ended too, within half a minute. Signals to stop or
    to save are passed on. If this process dies, they stop as after SIGTERM.
    """
    with tempfile.TemporaryDirectory(prefix="epochal-") as scratch:
        training = start(order, Path(scratch), count)
        try:
            with forwarding(lambda: [training]) as passed_on:
                _wait(training.processes)
        finally:
            end(training)
        try:
            return result(training)
        except RunError:
            if passed_on:  # before training could be interrupted, or at once by a second signal
                raise Interrupted(passed_on[0]) from None
            raise


def start(order: Order, folder: Path, count: int, threads: int | None = None) -> Training:
    """Start the processes of a training. threads: of each, where the environment does not say."""
    folder.mkdir(parents=True, exist_ok=True)
    config = order.config
    plain = {
        "config": dict(config) if isinstance(config, Mapping) else str(config),
        "overrides": list(order.overrides),
        "options": order.options,
    }
    (folder / "order.json").write_text(json.dumps(plain, default=str))
    shared = {
        **os.environ,
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    shared.setdefault("OMP_NUM_THREADS", str(threads or max(1, (os.cpu_count() or 1) // count)))
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
    return Training(folder, processes)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def forwarding(trainings: Callable[[], list[Training]]) -> Iterator[list[int]]:
    """Pass signals on to the first process of each training, which tells its others; a second one kills all.

    trainings: those that run at the moment. Gives the signals to stop that were passed on.
    """
    passed_on: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield passed_on
        return

    def forward(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 (a handler's signature)
        if passed_on and number != signal.SIGUSR1:
            for process in itertools.chain(*(training.processes for training in trainings())):
                process.kill()
            return
        if number != signal.SIGUSR1:
            passed_on.append(number)
        for training in trainings():
            training.processes[0].send_signal(number)

    before = {number: signal.signal(number, forward) for number in _FORWARDED}
    try:
        yield passed_on
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait(processes: list[Process]) -> None:
    """Until all have ended, or one has ended otherwise than well and the others had time to."""
    deadline = None
    while any(process.poll() is None for process in processes):
        if deadline is None and any(process.poll() for process in processes):
            deadline = time.monotonic() + _GRACE
        if deadline is not None and time.monotonic() > deadline:
            return
        time.sleep(0.05)


def end(training: Training) -> None:
    """Have no process of the training left: those that run are asked, and killed where that does not help."""
    processes = training.processes
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + _GRACE
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def result(training: Training) -> Run:
    """The run of a training that has ended; raises what ``train`` raised, or RunError naming who died."""
    folder, processes = training.folder, training.processes
    path = folder / "result.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    if "run" in found:
        return Run(Path(found["run"]))
    if "interrupted" in found:
        raise Interrupted(found["interrupted"])
    if found.get("lost") or not found:
        codes = {rank: process.returncode for rank, process in enumerate(processes)}
        alone = [rank for rank, code in codes.items() if code not in (0, LOST, -signal.SIGTERM)]
        who = alone or [rank for rank, code in codes.items() if code]
        first = processes[who[0]].returncode if who else 0
        failed = RequestError if first == RequestError.exit_code else RunError  # which each would have found
        raise failed(*(_ended(folder, rank, processes[rank].returncode) for rank in who[:1]))
    kind: type[EpochalError] = getattr(errors, found["kind"], RunError)
    raise kind(*(Problem(*each) for each in found["problems"]))


def _ended(folder: Path, rank: int, code: int) -> Problem:
    """How a process ended, with the last line that it said."""
    how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"failed with exit code {code}"
    said = (folder / f"{rank}.log").read_text(errors="replace").strip().splitlines()
    last = f": {said[-1]}" if said and code > 0 else ""
    mend = "the others were stopped; --resume continues from the last checkpoint"
    return Problem(f"process {rank} of {len(list(folder.glob('*.log')))} {how}{last}", mend=mend)
