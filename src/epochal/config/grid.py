"""Every combination of the values that overrides give: ``optimizer.lr=1e-3,1e-4 seed=1,2``."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence


def combinations(overrides: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """For each combination its title, which names what varies, and its overrides."""
    each = [(text.partition("=")[0], split_values(text.partition("=")[2])) for text in overrides]
    varying = [key for key, values in each if len(values) > 1]
    keys = [key for key, _ in each]
    grid = []
    for values in itertools.product(*(values for _, values in each)):
        chosen = tuple(f"{key}={value}" for key, value in zip(keys, values, strict=True))
        title = " ".join(text for key, text in zip(keys, chosen, strict=True) if key in varying)
        grid.append((title or " ".join(chosen), chosen))
    return grid


def covering(overrides: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """The overrides of so many combinations that each value is in one: their number grows by sums."""
    seen: set[str] = set()
    for number, (_, chosen) in enumerate(combinations(overrides)):
        if number == 0 or not seen.issuperset(chosen):
            seen.update(chosen)
            yield chosen


def split_values(text: str) -> list[str]:
    """The parts between commas that stand outside brackets and quotes: ``1,[2,3]`` is two."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        elif letter in "([{":
            depth += 1
        elif letter in ")]}":
            depth -= 1
        if letter == "," and depth == 0 and not quote:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
