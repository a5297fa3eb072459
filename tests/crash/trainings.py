"""Small trainings of everything that has state, as commands that can be killed, and what they come to."""

from __future__ import annotations

import atexit
import functools
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from configs import TRAININGS

from epochal.engine.checkpoint import read_checkpoint
from epochal.engine.flat import unflatten
from epochal.run.catalog import list_runs
from epochal.run.folder import RunFolder
from epochal.run.status import status_of

HERE = Path(__file__).parent
_LONGEST = 120  # seconds


@dataclass
class Process:
    """A command that was started; the leader of a group of its own. code: once it has ended."""

    pid: int
    output: Path
    answers: IO[bytes]
    code: int | None = None

    def wait(self, seconds: float = _LONGEST) -> int | None:
        """The exit code, negative where a signal was the end; None where it lives on after ``seconds``."""
        if not select.select([self.answers], [], [], max(0.0, seconds))[0]:
            assert seconds < _LONGEST, f"it hangs: {self.output.read_text()}"
            return None
        self.code = int(self.answers.readline())
        return self.code

    def signal(self, number: int, group: bool = False) -> None:
        (os.killpg if group else os.kill)(self.pid, number)


def scratch() -> Path:
    """A folder for as long as this process lives."""
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


class Zygote:
    """The process of ``zygote.py``; one command at a time."""

    def __init__(self) -> None:
        home = str(scratch())
        threads = dict.fromkeys(("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        self.environment = {**os.environ, **threads, "HOME": home, "NO_COLOR": "1"}
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "zygote.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self.environment,
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._commands, self._answers = self._process.stdin, self._process.stdout
        self._latest: Process | None = None
        assert self._answers.readline() == b"ready\n"
        atexit.register(self.close)

    def start(self, folder: Path, *arguments: str, **environment: str) -> Process:
        """``epochal ARGUMENTS`` in a working folder; what it says is added to the folder's ``said.txt``."""
        if self._latest is not None and self._latest.code is None:  # of a test that failed
            with suppress(ProcessLookupError):  # it ended by itself
                self._latest.signal(signal.SIGKILL, group=True)
            self._latest.wait()
        output = folder / "said.txt"
        command = {
            "folder": str(folder),
            "arguments": arguments,
            "environment": environment,
            "output": str(output),
        }
        self._commands.write(json.dumps(command).encode() + b"\n")
        self._latest = Process(int(self._answers.readline()), output, self._answers)
        return self._latest

    def close(self) -> None:
        self._commands.close()
        self._process.wait()
        self._answers.close()


@functools.cache
def zygote() -> Zygote:
    """The one of this process."""
    return Zygote()


def arguments(name: str, folder: Path) -> tuple[str, ...]:
    """The command that starts a training, or continues it."""
    return ("train", f"{name}.yaml", *(["--resume"] if list_runs(folder / "runs") else []))


def start(name: str, folder: Path, *options: str, **environment: str) -> Process:
    """Start or continue a training in a working folder."""
    if not (folder / f"{name}.yaml").exists():
        TRAININGS[name].put(folder)
    return zygote().start(folder, *arguments(name, folder), *options, **environment)


def finish(name: str, folder: Path, *options: str, **environment: str) -> Path:
    """Start or continue a training to its end; its run folder."""
    process = start(name, folder, *options, **environment)
    code = process.wait()
    assert code == 0, process.output.read_text()
    return run_in(folder)


def run_in(folder: Path) -> Path:
    """The one run of a working folder."""
    (run,) = list_runs(folder / "runs")
    return run.path


def is_finished(folder: Path) -> bool:
    return any(run.status == "finished" for run in list_runs(folder / "runs"))


def newest_step(folder: Path) -> int:
    """The optimiser step of the newest checkpoint, 0 without one; all that there are must verify.

    A killed process loses nothing that it wrote: only a power cut could leave a torn one.
    """
    for run in list_runs(folder / "runs"):
        steps = [
            read_state(path)["counters"]["step"]
            for path in (run.folder.last, run.folder.previous)
            if path.exists()
        ]
        if run.folder.best.exists():
            read_checkpoint(run.folder.best)
        return max(steps, default=0)
    return 0


def read_state(path: Path) -> dict[str, Any]:
    """The state that a checkpoint holds, nested as training gave it."""
    tensors, values = read_checkpoint(path)
    state: dict[str, Any] = unflatten(values, tensors)
    return state


def without_clock(line: str) -> dict[str, Any]:
    """A line of metrics.jsonl but for what the clock gave."""
    return {
        key: value for key, value in json.loads(line).items() if key not in ("seconds", "samples_per_second")
    }


def outcome(run: Path) -> dict[str, Any]:
    """Everything that a run came to, by file or by the part of a checkpoint, to be compared bit by bit."""
    folder = RunFolder(run)
    assert status_of(folder) == "finished"
    tensors, values = read_checkpoint(folder.last)
    reached = unflatten(values, tensors)["counters"]
    history = folder.history.read_text()
    assert reached["history"] == len(history), "metrics.jsonl ends with the last checkpoint"
    found: dict[str, Any] = {
        f"line {number}": without_clock(line) for number, line in enumerate(history.splitlines())
    }
    found |= {name: tensor.numpy().tobytes() for name, tensor in tensors.items()}
    found["values"] = {key: part for key, part in values["items"] if key != "counters"}
    found["counters"] = {name: value for name, value in reached.items() if name != "history"}
    found["best"] = folder.best.read_bytes()
    for kind in ("metrics", "predictions", "curves"):
        for path in (run / kind).iterdir():
            found[f"{kind}/{path.name}"] = path.read_bytes()
    return found


@functools.cache
def uncut_run(name: str) -> tuple[Path, float]:
    """The run folder of a training that nobody disturbs, and the seconds that it takes."""
    folder = scratch() / name
    zygote()
    started = time.monotonic()
    return finish(name, folder), time.monotonic() - started


@functools.cache
def uncut(name: str) -> dict[str, Any]:
    """What a training comes to that nobody disturbs."""
    return outcome(uncut_run(name)[0])


def assert_identical(name: str, folder: Path) -> None:
    """The run of a working folder came to what it comes to undisturbed, byte for byte."""
    found, expected = outcome(run_in(folder)), uncut(name)
    assert found.keys() == expected.keys()
    assert [key for key in found if found[key] != expected[key]] == []


def kill(process: Process, group: bool) -> None:
    """SIGKILL, to the process or to it and its workers; one that ends in this instant is left to."""
    with suppress(ProcessLookupError):
        process.signal(signal.SIGKILL, group)
    process.wait()
