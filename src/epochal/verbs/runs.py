"""Runs: what was run, how it stands, and how good it was."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epochal.config.yaml import parse_yaml
from epochal.errors import Problem, RequestError, did_you_mean
from epochal.run.index import Entry, read_entries
from epochal.run.run import Run

_CONDITION = re.compile(r"\s*([\w./-]+?)\s*(<=|>=|==|!=|<|>|=)\s*(.*?)\s*")
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
    "=": operator.eq,
    "!=": operator.ne,
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_OWN = ("status", "name", "id", "epoch", "step", "duration", "folds")


def runs(
    name: str | None = None,
    *,
    runs: str | Path = "runs",
    where: str | Sequence[str] = (),
    sort: str = "",
    reverse: bool = False,
    limit: int | None = None,
) -> list[Run]:
    """The runs in a folder of runs, the oldest first; ``name`` keeps those of one experiment.

    where: conditions such as ``"optimizer.lr<1e-3"``, ``"status==finished"``, ``"val/accuracy>=0.9"``,
    ``"duration>10m"``; all of them must hold. sort: a key of the same kinds, the best first for a score, the
    smallest first otherwise. limit: so many; the newest where nothing is sorted.

    Raises RequestError for a condition that can't be read or a key that no run has.
    """
    return [entry.run for entry in entries(name, runs, where, sort, reverse, limit)]


def entries(
    name: str | None = None,
    runs: str | Path = "runs",
    where: str | Sequence[str] = (),
    sort: str = "",
    reverse: bool = False,
    limit: int | None = None,
) -> list[Entry]:
    """What ``runs`` gives, with what a table shows of each."""
    found = read_entries(Path(runs), name)
    conditions = [_parse(text) for text in ([where] if isinstance(where, str) else where)]
    check_keys([condition.key for condition in conditions] + ([sort] if sort else []), found)
    found = [entry for entry in found if all(condition.holds(entry) for condition in conditions)]
    if sort:
        found = _sorted(found, sort)
    if reverse:
        found = found[::-1]
    if limit is None:
        return found
    from_end = not sort and not reverse
    return found[-limit or len(found) :] if from_end else found[:limit]


def value_of(entry: Entry, key: str) -> Any:
    """What a run has under a key; None where it has nothing.

    The key is one of the run's own, a score (``test/f1``; ``f1`` is that of test, else of val), or a dotted
    key of the configuration, where a component may stand for its name.
    """
    if key in _OWN:
        own = {"status": entry.status, "name": entry.run.name, "id": entry.run.id, "duration": entry.seconds}
        return own[key] if key in own else getattr(entry, key)
    if "/" in key:
        return entry.metrics.get(key)
    for found in (key, f"{key}.name"):
        if found in entry.settings:
            return entry.settings[found]
    return entry.metrics.get(f"test/{key}", entry.metrics.get(f"val/{key}"))


@dataclass(frozen=True)
class _Condition:
    key: str
    operator: str
    value: Any

    def holds(self, entry: Entry) -> bool:
        """Nothing is smaller or larger than what is missing, or of another kind."""
        value = value_of(entry, self.key)
        try:
            return _OPERATORS[self.operator](value, self.value)
        except TypeError:
            return False


def _parse(text: str) -> _Condition:
    match = _CONDITION.fullmatch(text)
    if match is None:
        mend = "write a key, one of < <= == != >= >, and a value, as in 'optimizer.lr<1e-3'"
        raise RequestError(Problem(f"'{text}' is no condition", "--where", mend))
    key, sign, written = match.groups()
    span = _DURATION.fullmatch(written)
    if key == "duration" and span:
        return _Condition(key, sign, float(span[1]) * _SECONDS[span[2]])
    value = written if key in ("name", "id", "status") else parse_yaml(written, "--where")[0]
    return _Condition(key, sign, value)


def check_keys(keys: list[str], found: list[Entry]) -> None:
    """RequestError for keys that no run has, unless there are no runs at all."""
    problems = []
    for key in keys:
        if found and key not in _OWN and all(value_of(entry, key) is None for entry in found):
            known = {name for entry in found for name in (*entry.settings, *entry.metrics)}
            if key not in known:
                mend = did_you_mean(key, {*known, *_OWN})
                problems.append(Problem(f"no run has the key '{key}'", mend=mend))
    if problems:
        raise RequestError(*problems)


def _sorted(found: list[Entry], key: str) -> list[Entry]:
    """By a key; runs without it are the last. Numbers come before texts."""
    from epochal.tasks.scores import direction  # it loads numpy, which a plain list does without

    is_score = any(
        key in (name, name.partition("/")[2]) for entry in found for name in entry.metrics
    ) and not any(key in entry.settings for entry in found)
    best_first = is_score and direction(key) == "max"
    have = [entry for entry in found if value_of(entry, key) is not None]
    none = [entry for entry in found if value_of(entry, key) is None]

    def rank(entry: Entry) -> tuple[bool, float, str]:
        value = value_of(entry, key)
        is_number = isinstance(value, int | float)
        return (not is_number, float(value) if is_number else 0.0, "" if is_number else str(value))

    return sorted(have, key=rank, reverse=best_first) + none
