"""Amounts in the config: probabilities, ranges, pairs; ConfigError where one can't be."""

from __future__ import annotations

from epochal.errors import ConfigError, Problem

Amount = float | tuple[float, float]


def check_probability(name: str, p: float) -> None:
    """ConfigError unless ``p`` is a probability."""
    if not 0 <= p <= 1:
        raise ConfigError(Problem(f"p of {name} can't be {p}", mend="a probability lies between 0 and 1"))


def check_positive(name: str, argument: str, value: float) -> None:
    """ConfigError unless ``value`` is greater than zero."""
    if not value > 0:
        raise ConfigError(Problem(f"{argument} of {name} can't be {value}", mend="give a positive number"))


def check_range(name: str, argument: str, limits: tuple[float, float], upper: float = float("inf")) -> None:
    """ConfigError unless ``limits`` are positive, in order, and at most ``upper``."""
    if not 0 < limits[0] <= limits[1] <= upper:
        bound = "" if upper == float("inf") else f" <= {upper:g}"
        mend = f"give [low, high] with 0 < low <= high{bound}"
        raise ConfigError(Problem(f"{argument} of {name} can't be {list(limits)}", mend=mend))


def symmetric(name: str, argument: str, amount: Amount) -> tuple[float, float]:
    """A number as the range from minus it to plus it; a range as it is."""
    low, high = (-amount, amount) if isinstance(amount, int | float) else amount
    if not low <= high:
        mend = "give a number >= 0, or [low, high]"
        raise ConfigError(Problem(f"{argument} of {name} can't be {amount}", mend=mend))
    return low, high


def both(name: str, argument: str, amount: Amount) -> tuple[float, float]:
    """The largest amounts along x and y: one number stands for both."""
    x, y = (amount, amount) if isinstance(amount, int | float) else amount
    if x < 0 or y < 0:
        mend = "give a number >= 0, or [x, y]"
        raise ConfigError(Problem(f"{argument} of {name} can't be {amount}", mend=mend))
    return x, y


def factors(name: str, argument: str, amount: float) -> tuple[float, float]:
    """The factors that ``amount`` allows: [1 - amount, 1 + amount], none negative."""
    if amount < 0:
        mend = "give a number >= 0"
        raise ConfigError(Problem(f"{argument} of {name} can't be {amount}", mend=mend))
    return max(0.0, 1.0 - amount), 1.0 + amount
