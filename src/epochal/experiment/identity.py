"""What makes two experiments the same one: settings, data, split, and users' own modules."""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

import epochal
from epochal.data.manifest import Source
from epochal.data.split import Split
from epochal.experiment.config import ExperimentConfig
from epochal.experiment.data import Data

_Module = tuple[str, Path]
"""A module's dotted name and its source file."""

_NOT_THE_EXPERIMENT = {
    "": {"name", "tracking", "paths", "derived"},
    "data": {
        *("source", "split", "checks", "exclude", "classes", "target_range"),
        *("cache", "workers", "evaluation_batch_size"),
    },
    "training": {"checkpoint", "log_every"},
    "evaluation": {"intervals", "subgroups"},
    "compute": {"device", "threads", "processes", "strategy", "tune"},
}
"""Settings that change a result by no more than rounding; source and split count by what they give."""


def experiment_id(config: ExperimentConfig, data: Data) -> str:
    """Eight hexadecimal digits of what decides the result: settings, data, split, and users' own modules.

    What the data holds counts, not where it lies: the same experiment has one id on every machine, whatever
    it computes on.
    """
    return id_of_splits(config, data.source, [data.split])


def id_of_splits(config: ExperimentConfig, source: Source, splits: Iterable[Split]) -> str:
    """The same of several splits of the data: those of a cross-validation."""
    settings = deciding_settings(config.to_plain(), with_source=source.item is not None)
    digest = hashlib.blake2b(json.dumps(settings, sort_keys=True).encode())
    for part in (source.digest, *map(split_digest, splits), *sorted(own_files(config).values())):
        digest.update(part.encode() + b"|")
    return digest.hexdigest()[:8]


def deciding_settings(plain: Mapping[str, Any], *, with_source: bool) -> dict[str, Any]:
    """The plain settings of a configuration without those that do not decide the result.

    with_source: keep ``data.source``: the samples of a random Dataset are not in the digest of the data.
    """
    settings = {key: value for key, value in plain.items() if key not in _NOT_THE_EXPERIMENT[""]}
    for section, keys in _NOT_THE_EXPERIMENT.items():
        if section:
            left_out = keys - {"source"} if with_source else keys
            part = settings.get(section) or {}
            settings[section] = {key: value for key, value in part.items() if key not in left_out}
    return settings


def split_digest(split: Split) -> str:
    """16 hexadecimal digits of which rows train, validate and test."""
    digest = hashlib.blake2b(digest_size=8)
    for rows in (split.train, split.val, split.test):
        digest.update(np.ascontiguousarray(rows).tobytes() + b"|")
    return digest.hexdigest()


def own_files(config: ExperimentConfig) -> dict[str, str]:
    """Each source file of the user's that decides the result -> 16 hexadecimal digits of its content.

    These are the modules that the settings name as ``package.module:Name``, which are loaded by now, and what
    they import that is neither installed nor Python's own. A file below the working folder is named by its
    path from there, another one by its module's.
    """
    settings = deciding_settings(config.to_plain(), with_source=True)
    pending = list(_named_modules(settings))
    found: dict[str, str] = {}
    while pending:
        module, file = pending.pop()
        name = str(file.relative_to(_root(module, file)))
        with suppress(ValueError):
            name = str(file.relative_to(Path.cwd()))
        if name not in found:
            content = file.read_bytes()
            found[name] = hashlib.blake2b(content, digest_size=8).hexdigest()
            if not _is_foreign(file):
                pending += _imported_modules(module, file, content)
    return dict(sorted(found.items()))


def _named_modules(value: Any) -> Iterator[_Module]:
    if isinstance(value, dict | list):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from _named_modules(entry)
    elif isinstance(value, str) and re.fullmatch(r"[\w.]+:[\w.]+", value):
        name = value.partition(":")[0]
        file = getattr(sys.modules.get(name), "__file__", None) or ""
        if file.endswith(".py"):
            yield name, Path(file)


def _imported_modules(module: str, file: Path, content: bytes) -> Iterator[_Module]:
    """The user's own modules among those that a file imports, wherever in it; none of them is loaded here."""
    package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    names: set[str] = set()
    with suppress(SyntaxError, ValueError):  # a file that can't be loaded, imported where it is not run
        for node in ast.walk(ast.parse(content)):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else []
                base = [*above, *([node.module] if node.module else [])]
                names.update(".".join([*base, alias.name]) for alias in node.names)
    roots = dict.fromkeys([_root(module, file), Path.cwd(), Path.cwd() / "src"])
    for parts in sorted(name.split(".") for name in names):
        for length in range(1, len(parts) + 1):  # importing a.b.c runs a and a.b first
            path = Path(*parts[:length])
            places = (root / each for root in roots for each in (path / "__init__.py", f"{path}.py"))
            found = next((place for place in places if place.is_file()), None)
            if found is not None and not _is_foreign(found):
                yield ".".join(parts[:length]), found


def _root(module: str, file: Path) -> Path:
    """The folder that a module was imported from: the entry of ``sys.path``."""
    return file.parents[module.count(".") + (file.name == "__init__.py")]


def _is_foreign(file: Path) -> bool:
    """Whether a file is Python's, epochal's or an installed package's."""
    libraries = [Path(sysconfig.get_path(kind)) for kind in ("stdlib", "purelib", "platlib")]
    return any(file.is_relative_to(folder) for folder in (Path(epochal.__file__).parent, *libraries))
