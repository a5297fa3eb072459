"""Environments that hold what a user has installed, and nothing of the checkout."""

from __future__ import annotations

import os
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


@dataclass(frozen=True)
class Installation:
    """A virtual environment in ``folder``; commands see nothing else of Python's, and a home of their own."""

    folder: Path

    @classmethod
    def make(cls, folder: Path, *requirements: str, on: Installation | None = None) -> Installation:
        """An environment with these and what they require.

        on: one whose packages it sees, and which stays as it is.
        """
        venv.create(folder, with_pip=True, symlinks=True)
        made = cls(folder)
        if on is not None:
            (made._packages / "below.pth").write_text(f"{on._packages}\n")
        made.install(*requirements)
        return made

    def install(self, *requirements: str) -> None:
        """Add packages with pip, configured as the user has it."""
        self.run("python", "-m", "pip", "install", "--quiet", "--no-compile", *requirements)

    def run(self, program: str, *arguments: str, cwd: Path | None = None, code: int = 0) -> str:
        """What a program of the environment prints, errors behind the rest; it ends with ``code``."""
        done = subprocess.run(
            [program, *arguments],
            cwd=cwd or self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, f"{program} {' '.join(arguments)}: {done.returncode}\n{said}"
        return said

    def size(self) -> int:
        """Bytes of its own packages on the disk."""
        return sum(path.lstat().st_size for path in self._packages.rglob("*") if not path.is_dir())

    @property
    def _packages(self) -> Path:
        (found,) = self.folder.glob("lib/python3.*/site-packages")
        return found

    def _environment(self) -> dict[str, str]:
        left_out = ("PYTHON", "EPOCHAL", "VIRTUAL_ENV")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
        return kept | {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "VIRTUAL_ENV": str(self.folder),
            "HOME": str(self.folder),
            "OMP_NUM_THREADS": "1",
            "NO_COLOR": "1",
        }


def build(folder: Path) -> Path:
    """The source distribution of the checkout and the wheel made from it, in ``folder/dist``; the wheel."""
    tools = Installation.make(folder / "tools", "build", "twine")
    tools.run("python", "-m", "build", "--outdir", str(folder / "dist"), str(REPOSITORY))
    (wheel,) = (folder / "dist").glob("*.whl")
    files = map(str, (folder / "dist").iterdir())
    said = tools.run("python", "-m", "twine", "check", "--strict", *files)
    assert said.count("PASSED") == 2, said
    return wheel
