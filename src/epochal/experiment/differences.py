"""What is otherwise than in a run that is to go on: what forbids it, and what only has to be said."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from epochal.config.yaml import parse_yaml
from epochal.console import log
from epochal.engine.compute import choose_compute
from epochal.errors import Problem
from epochal.experiment.assemble import Experiment
from epochal.experiment.config import ExperimentConfig
from epochal.experiment.identity import deciding_settings, own_files, split_digest
from epochal.run.environment import git_state, installed_packages
from epochal.run.run import Run
from epochal.secrets import redacted_values

_PACKAGES = ("epochal", "torch", "numpy", "pillow", "torchvision", "timm")
_DEFAULT = "(default)"
_LONGEST = 60  # characters of a value


@dataclass(frozen=True)
class Recorded:
    """What a run wrote down; each is empty, or lacks keys, in a run of an older version.

    settings: the plain settings. derived: their section of what was found out. environment: that of the
    process that started the run.
    """

    settings: dict[str, Any]
    derived: dict[str, Any]
    environment: dict[str, Any]

    @classmethod
    def of(cls, run: Run) -> Recorded:
        """Read config.yaml as it stands, whatever this version thinks of it, and environment.json."""
        path = run.folder.config
        settings = parse_yaml(path.read_text(encoding="utf-8"), str(path))[0] or {}
        environment = {}
        with suppress(OSError, ValueError):
            environment = json.loads(run.folder.environment.read_text(encoding="utf-8"))
        return cls(settings, settings.get("derived") or {}, environment)


def changed_settings(run: Run, experiment: Experiment) -> list[Problem]:
    """Each setting that decides the result and is another than in the run, by its key."""
    with_source = experiment.data.source.item is not None
    before, now = (
        deciding_settings(redacted_values(settings), with_source=with_source)  # as they are written down
        for settings in (Recorded.of(run).settings, experiment.config.to_plain())
    )
    return [
        Problem(f"{_shown(was)} in the run, {_shown(value)} now", key)
        for key, was, value in _changes(before, now)
    ]


def changed_data(run: Run, experiment: Experiment) -> list[Problem]:
    """That the data, or else the split, is another than in the run."""
    was, data = Recorded.of(run).derived, experiment.data
    sizes = {name: len(data.split.rows(name)) for name in data.split.names()}
    sizes_before: dict[str, int] = was.get("samples") or {}
    digest, split = data.source.digest[:16], split_digest(data.split)
    if was.get("data_digest", digest) != digest:
        before = f"{sum(sizes_before.values()):,} samples (digest {was['data_digest'][:8]})"
        now = f"{sum(sizes.values()):,} samples (digest {digest[:8]})"
        mend = "bring it back as it was, or leave --resume out"
        return [Problem(f"{before} in the run, {now} now", "the data", mend)]
    if was.get("split_digest", split) != split:
        before, now = (
            ", ".join(f"{name} {size:,}" for name, size in each.items()) for each in (sizes_before, sizes)
        )
        mend = f"use data.split={{name: file, path: {run.folder.split}}}, or leave --resume out"
        same_sizes = f"other rows than in the run ({now})"
        return [
            Problem(same_sizes if before == now else f"{before} in the run; {now} now", "the split", mend)
        ]
    return []


def differs_by_code_only(run: Run, experiment: Experiment) -> bool:
    """Whether settings, data and split are those of the run, which wrote all of them down."""
    written = Recorded.of(run).derived.keys() >= {"data_digest", "split_digest", "own_files"}
    return written and not changed_settings(run, experiment) and not changed_data(run, experiment)


def differences(run: Run, experiment: Experiment) -> list[str]:
    """What may keep a continued run from ending bit-identical to an uninterrupted one.

    Changed files of the user's, then what it computes on and with, as ``threads: 1 -> 2``. What the run did
    not write down is left out.
    """
    was = Recorded.of(run)
    known = was.derived if {"device", "precision"} <= was.derived.keys() else None
    compute = choose_compute(experiment.config.compute, known)  # as the continued run chooses it
    here = {
        "hardware": compute.describe(),
        "python": platform.python_version(),
        "packages": installed_packages(),
    }
    before, now = _conditions(was.environment), _conditions(here)
    before["processes"] = (was.settings.get("compute") or {}).get("processes")
    now["processes"] = experiment.config.compute.processes
    changed = [
        f"{name}: {before[name]} -> {now[name]}"
        for name in now
        if None not in (before[name], now[name]) and before[name] != now[name]
    ]
    return [*_changed_files(was.derived.get("own_files"), own_files(experiment.config)), *changed]


def changed_code(run: Run, config: ExperimentConfig) -> dict[str, tuple[str, str]]:
    """Each file of the user's whose content is another than in the run -> its digests then and now.

    config: the run's, whose modules are loaded.
    """
    before: Mapping[str, str] = Recorded.of(run).derived.get("own_files") or {}
    now = own_files(config)
    return {name: (before[name], now[name]) for name in now if before.get(name, now[name]) != now[name]}


def warn_of_other_code(run: Run, config: ExperimentConfig) -> None:
    """A warning where the run's weights now go through other code than they were trained with."""
    if changed := ", ".join(changed_code(run, config)):
        what = f"{run.path} was trained with other code than there is now: {changed} changed"
        log.warning(f"{what}; bring it back, or train anew, for results that are the run's")


def commit_change(run: Run) -> str:
    """``git commit: was -> is``; empty where it is the same one, or where a side has none."""
    states = (Recorded.of(run).environment.get("git") or {}, git_state(Path.cwd()) or {})
    before, now = (str(state.get("commit", ""))[:8] for state in states)
    return f"git commit: {before} -> {now}" if before and now and before != now else ""


def _conditions(environment: Mapping[str, Any]) -> dict[str, Any]:
    """What numbers depend on, of ``environment.json``; None for what is not there."""
    hardware = environment.get("hardware") or {}
    packages = {name.lower(): version for name, version in (environment.get("packages") or {}).items()}
    return {
        "device": hardware.get("gpu") or (hardware.get("device") or "").partition(":")[0] or None,
        "precision": hardware.get("precision"),
        "threads": hardware.get("threads"),
        "python": environment.get("python"),
        **{name: packages.get(name) for name in _PACKAGES},
    }


def _changed_files(before: Mapping[str, str] | None, now: Mapping[str, str]) -> list[str]:
    """What is new, gone or changed; a file that another working folder gives another name is neither."""
    if before is None:
        return []
    new = {name: "is new" for name in now if name not in before and now[name] not in before.values()}
    gone = {name: "is gone" for name in before if name not in now and before[name] not in now.values()}
    other = {name: "changed" for name in now if before.get(name, now[name]) != now[name]}
    return [f"{name} {word}" for name, word in sorted({**new, **gone, **other}.items())]


def _changes(before: Any, now: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """(key, before, now) of each plain value that differs.

    A key that only one side has is an argument left to its default in a component, which counts, and
    something that the other version does not know in a section, which doesn't.
    """
    is_component = any(isinstance(side, dict) and "name" in side for side in (before, now))
    if is_component:
        before, now = ({"name": side} if isinstance(side, str) else side for side in (before, now))
    if isinstance(before, dict) and isinstance(now, dict):
        for key in dict.fromkeys([*before, *now]):
            if is_component or (key in before and key in now):
                place = f"{path}.{key}" if path else str(key)
                yield from _changes(before.get(key, _DEFAULT), now.get(key, _DEFAULT), place)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for position, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from _changes(one, other, f"{path}.{position}")
    elif before != now:
        yield path, before, now


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
