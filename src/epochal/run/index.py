"""What ten thousand run folders hold, without opening each of them every time.

The folders are the truth. ``<runs>/.index.json`` keeps what was read from them with the times and sizes of
the files it was read from, and what has changed since is read again. The index can be deleted at any time; it
is replaced whole, so that two processes may write it at once; where it can't be written, it is done without.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from epochal.errors import ConfigError
from epochal.run.folder import RunFolder
from epochal.run.history import epoch_rows, read_history
from epochal.run.parameters import flattened
from epochal.run.run import Run
from epochal.run.sessions import seconds_of
from epochal.run.status import Ending, Status, status_of

INDEX = ".index.json"

_VERSION = 3
_ENDINGS: tuple[Ending, ...] = get_args(Ending)
_RESTS_ON = (
    "config.yaml",
    "metrics.jsonl",
    "metrics/val.json",
    "metrics/test.json",
    "crossval.json",
    "sessions.json",
)
_LEFT_OUT = ("derived", "paths", "tracking", "name")  # they say nothing that runs are told apart by
_TOP_LEVEL = re.compile(r"^(?=[\w'\"])", re.MULTILINE)

Stamp = list[int]
"""Time of change (ns) and size of each file that an entry rests on; zeros where there is none."""


@dataclass(frozen=True)
class Entry:
    """One run as a table of runs shows it.

    settings: the configuration by dotted keys, such as ``optimizer.lr``. metrics: as ``Run.metrics``; the
    means over the folds of a cross-validation. epoch, step: the last that was recorded, 0 before.
    seconds: wall time of all sessions, without the breaks between them; of epochs in a run of an older
    version. folds: of a cross-validation, 0 for a single run.
    """

    run: Run
    status: Status
    settings: Mapping[str, Any]
    metrics: Mapping[str, float]
    epoch: int
    step: int
    seconds: float | None
    folds: int


def read_entries(root: Path, name: str | None = None) -> list[Entry]:
    """The runs under ``root``, or those of one name, the oldest first; the folds of one are none."""
    index = _load(root / INDEX)
    found: dict[str, tuple[Stamp, Entry]] = {}
    changed = False
    for key in _folders(root, name):
        stamp = _stamp(f"{root}{os.sep}{key}")
        if stamp[:2] == [0, 0]:
            continue  # without a configuration it is no run
        folder = RunFolder(root / key)
        status = _status(folder)
        kept = index.runs.get(key)
        if kept is None or kept["stamp"] != stamp:
            kept = {"stamp": stamp, **_read(folder, status, index.blocks)}
            if status != "running":  # that one changes with every epoch
                index.runs[key] = kept
                changed = True
        found[key] = stamp, _entry(folder, status, kept, index.blocks)
    gone = {key for key in index.runs if key not in found and name in (None, key.partition("/")[0])}
    if changed or gone:
        _save(root / INDEX, {key: kept for key, kept in index.runs.items() if key not in gone}, index.blocks)
    return [entry for _, entry in sorted(found.values(), key=_started)]


def _started(found: tuple[Stamp, Entry]) -> tuple[str, int]:
    """The second in the folder's name; of one second, the later written configuration is the later."""
    stamp, entry = found
    return entry.run.path.name.rpartition("_")[0], stamp[0]


def _folders(root: Path, name: str | None) -> Iterator[str]:
    """``name/folder`` of all that may be runs."""
    names = [name] if name is not None else _subfolders(root)
    for each in names:
        for folder in _subfolders(root / each):
            yield f"{each}/{folder}"


def _subfolders(path: Path) -> list[str]:
    with suppress(OSError), os.scandir(path) as inside:
        return [each.name for each in inside if not each.name.startswith(".") and each.is_dir()]
    return []


def _stamp(folder: str) -> Stamp:
    stamp: Stamp = []
    for name in _RESTS_ON:
        try:
            found = os.stat(f"{folder}/{name}")
            stamp += (found.st_mtime_ns, found.st_size)
        except OSError:
            stamp += (0, 0)
    return stamp


def _status(folder: RunFolder) -> Status:
    """The same as ``status_of``, on which it falls back, at a third of the time where there is a flag."""
    path = str(folder.path)
    return next((end for end in _ENDINGS if os.path.exists(f"{path}/{end}.out")), None) or status_of(folder)


def _read(folder: RunFolder, status: Status, blocks: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What the files of a run say; what can't be read is left out, so that one run hides no other."""
    content: dict[str, Any] = {
        "settings": [],
        "metrics": {},
        "epoch": 0,
        "step": 0,
        "seconds": None,
        "folds": 0,
    }
    with suppress(OSError, ValueError, ConfigError):
        content["settings"] = _read_settings(folder.config.read_text(encoding="utf-8"), blocks)
    with suppress(OSError, ValueError, KeyError, TypeError):
        rows = read_history(folder.history)
        content["step"] = int(rows[-1]["step"]) if rows else 0
        content["epoch"] = max((int(row["epoch"]) for row in epoch_rows(rows)), default=0)
        content["seconds"] = _seconds(rows)
    with suppress(OSError, ValueError, KeyError, TypeError):
        content["metrics"] = Run(folder.path).metrics
    with suppress(OSError, ValueError, KeyError, TypeError):
        validation = json.loads(folder.crossval.read_text(encoding="utf-8"))
        content["metrics"] = {f"test/{score}": value for score, value in validation["mean"].items()}
        content["folds"] = len(validation["folds"])
        parts = [
            _seconds(read_history(folder.path / fold["run"] / "metrics.jsonl"))
            for fold in validation["folds"]
        ]
        content["seconds"] = sum(part for part in parts if part is not None) or None
    content["seconds"] = seconds_of(folder, running=status == "running") or content["seconds"]
    return content


def _seconds(rows: list[dict[str, Any]]) -> float | None:
    """Spent in epochs, which is all that runs of older versions recorded."""
    times = [float(row["seconds"]) for row in rows if "seconds" in row]
    return round(sum(times), 3) if times else None


def _read_settings(text: str, blocks: dict[str, dict[str, Any]]) -> list[str]:
    """The digest of each top-level key's text, whose settings are put among ``blocks``.

    Parsing a whole configuration takes 20 ms, and those of many runs differ in few lines.
    """
    digests = []
    for part in _TOP_LEVEL.split(text):
        if part.partition(":")[0] in _LEFT_OUT:
            continue
        digest = hashlib.blake2b(part.encode(), digest_size=6).hexdigest()
        if digest not in blocks:
            from epochal.config.yaml import parse_yaml  # 60 ms, of no use where nothing has changed

            blocks[digest] = dict(flattened(parse_yaml(part, "config.yaml")[0] or {}))
        digests.append(digest)
    return digests


def _entry(
    folder: RunFolder, status: Status, kept: dict[str, Any], blocks: dict[str, dict[str, Any]]
) -> Entry:
    settings: dict[str, Any] = {}
    for digest in kept["settings"]:
        settings.update(blocks[digest])
    return Entry(
        Run(folder.path),
        status,
        settings,
        kept["metrics"],
        kept["epoch"],
        kept["step"],
        kept["seconds"],
        kept["folds"],
    )


@dataclass(frozen=True)
class _Index:
    """runs: ``name/folder`` -> what ``_read`` gave, and its stamp. blocks: digest of a text -> settings."""

    runs: dict[str, dict[str, Any]]
    blocks: dict[str, dict[str, Any]]


def _load(path: Path) -> _Index:
    """What the last listing wrote; empty where it is missing, damaged or another version's."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        content = json.loads(path.read_bytes())
        whole = all(
            digest in content["blocks"] for kept in content["runs"].values() for digest in kept["settings"]
        )
        if content["version"] == _VERSION and whole:
            return _Index(content["runs"], content["blocks"])
    return _Index({}, {})


def _save(path: Path, runs: dict[str, dict[str, Any]], blocks: dict[str, dict[str, Any]]) -> None:
    """Replace the index at once. It is not flushed to the disk: what a power cut takes is read again."""
    used = {digest for kept in runs.values() for digest in kept["settings"]}
    content = {"version": _VERSION, "blocks": {key: blocks[key] for key in used}, "runs": runs}
    temporary = path.with_name(f"{INDEX}.{os.getpid()}.tmp")
    with suppress(OSError):
        try:
            temporary.write_text(json.dumps(content), encoding="utf-8")
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def entry_of(run: Run) -> Entry:
    """One run, wherever it lies, read anew."""
    blocks: dict[str, dict[str, Any]] = {}
    status = run.status
    return _entry(run.folder, status, _read(run.folder, status, blocks), blocks)
