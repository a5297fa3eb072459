"""What fails in the preflight, as an error of the configuration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from epochal.engine.memory import out_of_memory
from epochal.errors import ConfigError, DataError, EpochalError, Problem, RunError
from epochal.experiment.own_code import describe

_SECTIONS = {"state/optimizer": "optimizer", "state/schedule": "scheduler"}


@contextmanager
def phase(what: str, where: str, mend: str) -> Iterator[None]:
    """What users' code raises inside the block is a ConfigError that says what would fail.

    where: the key of the configuration, unless a state that a checkpoint can't hold names another part.
    """
    try:
        yield
    except EpochalError as error:
        if isinstance(error, ConfigError | DataError) or isinstance(error.__cause__, OSError):
            raise
        calm = isinstance(error, RunError)  # its mend is of use before the run too
        problems = [
            Problem(f"{what}: {each.what}", section_of(each.what, where), each.mend if calm else mend)
            for each in error.problems
        ]
        raise ConfigError(*problems) from error
    except Exception as error:
        if out_of_memory(error):
            raise
        raise ConfigError(Problem(f"{what}: {describe(error)}", where, mend)) from error


def section_of(text: str, where: str) -> str:
    """The key of the configuration whose state a text names; ``where`` where it names none of them."""
    return next((key for name, key in _SECTIONS.items() if name in text), where)
