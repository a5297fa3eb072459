"""Many mistakes at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from epochal.errors import DataError, Problem, did_you_mean

SHOWN = 20
"""Problems of one kind that a message lists before it counts the rest."""


def missing_path(path: Path, kind: str) -> Problem:
    """No such file or folder (the kind); the mend names what is called nearly so beside the place."""
    beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = did_you_mean(path.name, beside)
    if not near.startswith("did you mean"):
        near = f"relative paths count from {Path.cwd()}"
    return Problem(f"there is no such {kind}", where=str(path), mend=near)


def raise_problems(problems: Sequence[Problem]) -> None:
    """Raise all problems together as one DataError, the first 20 in full; nothing where there are none."""
    if not problems:
        return
    more = len(problems) - SHOWN
    rest = [Problem(f"and {more:,} more of such problems")] if more > 0 else []
    raise DataError(*problems[:SHOWN], *rest)


def counted(count: int, word: str) -> str:
    """``1 file``, ``1,200 files``."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"
