"""Many mistakes at once."""

from __future__ import annotations

from collections.abc import Sequence

from epochal.errors import DataError, Problem

SHOWN = 20
"""Problems of one kind that a message lists before it counts the rest."""


def raise_problems(problems: Sequence[Problem]) -> None:
    """Raise all problems together as one DataError, the first 20 in full; nothing where there are none."""
    if not problems:
        return
    more = len(problems) - SHOWN
    rest = [Problem(f"and {more:,} more of such problems")] if more > 0 else []
    raise DataError(*problems[:SHOWN], *rest)
