"""The shell of a page: commands as a reader types them, one after another, and what they print."""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import forked

HOME = "/home/ada"
"""What the pages call the home folder."""
INTERRUPT = "^C"

_LIMIT = 300.0
_SCRIPT = 'trap \'echo "$PWD" > "{state}/folder"; export -p > "{state}/environment"\' EXIT\n{command}\n'


@dataclass(frozen=True)
class Entry:
    """A command of a console block, and what the page says it prints; line: in the block, from 0."""

    line: int
    command: str
    output: str

    @property
    def is_interrupted(self) -> bool:
        """Whether the reader presses Ctrl-C while it works."""
        return INTERRUPT in self.output.split("\n")

    @property
    def fails(self) -> bool:
        """Whether an error is what the page shows."""
        return self.is_interrupted or re.search(r"^(\S* )?error:", self.output, re.MULTILINE) is not None


def entries(text: str) -> list[Entry]:
    """The commands of a console block."""
    found: list[Entry] = []
    lines = text.rstrip("\n").split("\n")
    assert lines[0].startswith("$ "), f"a console block begins with '$ command', not with '{lines[0]}'"
    position = 0
    while position < len(lines):
        start = position
        command = [lines[position].removeprefix("$ ")]
        while command[-1].endswith("\\"):
            position += 1
            command.append(lines[position].removeprefix("> "))
        position += 1
        output = []
        while position < len(lines) and not lines[position].startswith("$ "):
            output.append(lines[position])
            position += 1
        found.append(Entry(start, "\n".join(command), "\n".join(output)))
    return found


@dataclass
class Terminal:
    """A bash in a folder; the folder and the exported variables last from command to command.

    home: the folder that is HOME. state: a folder for what lasts. tools: where ``epochal`` stands.
    """

    folder: Path
    home: Path
    state: Path
    tools: Path

    def __post_init__(self) -> None:
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST")},
            "HOME": str(self.home),
            "PATH": os.pathsep.join([str(self.tools), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "OMP_NUM_THREADS": "1",
            "NO_COLOR": "1",
            "COLUMNS": "100",
        }

    def run(self, command: str, overrides: Sequence[str] = (), *, interrupt: bool = False) -> tuple[int, str]:
        """The exit code and all that the command printed, with the home folder as pages write it.

        interrupt: press Ctrl-C once the first epoch is over.
        """
        script = _SCRIPT.format(state=self.state, command=command)
        started = time.monotonic()
        output = b""
        with subprocess.Popen(
            ["bash", "-c", script],
            cwd=self.folder,
            env={**self.environment, forked.WITH: json.dumps([*overrides])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            while part := self._read(process, started):
                output += part
                if interrupt and b"\nepoch " in output:
                    os.killpg(process.pid, signal.SIGINT)
                    interrupt = False
            code = process.wait()
        self._remember()
        return code, output.decode().replace(str(self.home), HOME)

    def _read(self, process: subprocess.Popen[bytes], started: float) -> bytes:
        assert process.stdout is not None
        left = _LIMIT - (time.monotonic() - started)
        if left <= 0 or not select.select([process.stdout], [], [], left)[0]:
            os.killpg(process.pid, signal.SIGKILL)
            raise AssertionError(f"not done after {_LIMIT:.0f} s")
        return os.read(process.stdout.fileno(), 1 << 16)

    def _remember(self) -> None:
        self.folder = Path((self.state / "folder").read_text().rstrip("\n"))
        for line in (self.state / "environment").read_text().splitlines():
            words = shlex.split(line)
            name, is_set, value = words[-1].partition("=") if len(words) > 2 else ("", "", "")
            if is_set and name not in (forked.WITH, "PWD", "OLDPWD", "SHLVL"):
                self.environment[name] = value


@contextmanager
def epochal_server(folder: Path) -> Iterator[Path]:
    """A folder with an ``epochal`` whose commands start at once; it works inside the block."""
    script, path = Path(forked.__file__), folder / "socket"
    server = subprocess.Popen(
        [sys.executable, str(script), "serve", str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "HOME": str(folder)},
        cwd=folder,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        assert server.stdout.readline() == b"ready\n"
        tools = folder / "bin"
        tools.mkdir()
        command = tools / "epochal"
        words = [sys.executable, "-I", "-S", str(script), "call", str(path)]
        command.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
        command.chmod(0o755)
        yield tools
    finally:
        server.stdin.close()
        server.stdout.close()
        server.wait()
