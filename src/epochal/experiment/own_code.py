"""Where in a user's own code an exception arose."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

import epochal


def own_frame(error: BaseException) -> str:
    """``file:line`` of the innermost frame outside installed packages and epochal; empty where none is.

    A file below the working folder is given relative to it.
    """
    libraries = [sysconfig.get_path(kind) for kind in ("stdlib", "purelib", "platlib")]
    foreign = (str(Path(epochal.__file__).parent), *libraries, "<")
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(foreign)]
    if not own:
        return ""
    path = Path(own[-1].filename)
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    return f"{shown}:{own[-1].lineno}"


def describe(error: BaseException) -> str:
    """The error in a line: its type, the first line of what it says, and the user's line that it passed."""
    text = next(iter(str(error).splitlines()), "")
    place = own_frame(error)
    return type(error).__name__ + (f": {text}" if text else "") + (f" ({place})" if place else "")
