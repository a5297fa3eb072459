"""One family of user errors: what is wrong, where, and how to mend it."""

from __future__ import annotations

import difflib
import signal
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One mistake.

    what: the fact, in a sentence without a full stop.
    where: ``file:line``, a dotted key, a row or a path; empty where there is no place.
    mend: what to do about it; empty where the fact says it.
    """

    what: str
    where: str = ""
    mend: str = ""

    def __str__(self) -> str:
        text = f"{shown(self.where)}: {self.what}" if self.where else self.what
        return f"{text}; {self.mend}" if self.mend else text


class EpochalError(Exception):
    """The base of every error that a user is meant to read; it never shows a traceback.

    ``exit_code`` is what the command line ends with: 1 for a run that failed, 2 for a wrong request.
    """

    exit_code = 1

    def __init__(self, *problems: Problem | str) -> None:
        self.problems = tuple(Problem(p) if isinstance(p, str) else p for p in problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class RequestError(EpochalError):
    """What was asked cannot be done: arguments, paths, names."""

    exit_code = 2


class ConfigError(RequestError):
    """A mistake in the configuration."""


class DataError(RequestError):
    """A mistake in the data."""


class RunError(EpochalError):
    """A run that started and could not go on."""


class Interrupted(BaseException):
    """Training stopped at a step's boundary because it was asked to; its state is in the checkpoint.

    exit_code: 130 for SIGINT, 143 for SIGTERM.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number
        self.exit_code = 128 + number


def shown(name: str) -> str:
    """A name or path as it is; in quotes where it holds what is not seen: blanks at an end, control codes."""
    hidden = not name.isprintable() or any(part != part.strip() for part in name.split("/"))
    return repr(name) if hidden else name


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """A mend that names the nearest candidates, or lists them where none is near and they are few."""
    known = sorted({str(candidate) for candidate in candidates})
    by_lower = {name.lower(): name for name in known}
    near = [name for name in known if name.endswith(f".{word}")][:3]  # the end of a dotted key
    near = near or [
        by_lower[match] for match in difflib.get_close_matches(word.lower(), by_lower, n=3, cutoff=0.6)
    ]
    if near:
        return "did you mean " + _join([f"'{name}'" for name in near]) + "?"
    if known and len(known) <= 20:
        return "known: " + ", ".join(known)
    return ""


def _join(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " or " + words[-1]
