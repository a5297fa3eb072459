"""A user's shell and a user's data, for tests from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

EPOCHAL = str(Path(sys.executable).with_name("epochal"))


@dataclass(frozen=True)
class Shell:
    """A working folder, and a home of its own so that no test touches the real cache."""

    folder: Path

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """``epochal ARGUMENTS`` to its end; its exit code is ``code``."""
        done = subprocess.run(
            [EPOCHAL, *arguments],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """``epochal ARGUMENTS``, running."""
        return subprocess.Popen(
            [EPOCHAL, *arguments],
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def environment(self) -> dict[str, str]:
        """The environment of every command."""
        return {**os.environ, "HOME": str(self.folder), "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}

    def only_run(self, name: str) -> Path:
        """The folder of the one run of an experiment."""
        (found,) = (self.folder / "runs" / name).iterdir()
        return found

    def write(self, name: str, text: str) -> Path:
        """A text file in the working folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


def stop_after_lines(process: subprocess.Popen[str], history: Path, lines: int, number: int) -> str:
    """Signal a process once ``metrics.jsonl`` below ``history`` has so many lines; its standard error."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = list(history.glob("*/metrics.jsonl"))
        if found and found[-1].read_text().count("\n") >= lines:
            process.send_signal(signal.Signals(number))
            break
        time.sleep(0.01)
    return process.communicate(timeout=60)[1]


def forget_modules(before: set[str], folder: Path) -> None:
    """Modules and namespace packages below a folder, imported since ``before``, can be imported anew."""
    new = {name: sys.modules[name] for name in set(sys.modules) - before}
    # listed before any goes: a namespace package asks its parent where it is
    places = {
        name: [getattr(module, "__file__", None), *vars(module).get("__path__", ())]
        for name, module in new.items()
    }
    for name, found in places.items():
        if any(place and Path(place).is_relative_to(folder) for place in found):
            del sys.modules[name]


def make_images(root: Path, count: int, size: int, seed: int = 0) -> None:
    """``count`` noisy PNGs in each of the folders ``cat`` (dark), ``dog`` (bright) and ``owl`` (red)."""
    generator = np.random.default_rng(seed)
    for name, color in (("cat", (60, 60, 60)), ("dog", (180, 180, 180)), ("owl", (200, 40, 40))):
        (root / name).mkdir(parents=True)
        for number in range(count):
            pixels = np.clip(generator.normal(color, 40, (size, size, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number:03}.png")
