"""Tables of what went in: data, configuration, environment."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from epochal.reporting.pictures import Pictures, embed_samples
from epochal.reporting.record import Json, Record
from epochal.reporting.splits import SPLITS, class_counts, side_by_side
from epochal.reporting.words import component

_MOST_CLASSES = 60
_MOST_FILENAMES = 12
_NOT_SETTINGS = ("derived", "name")


def data(record: Record, pictures: Pictures) -> dict[str, Any]:
    """Counts of each split and class, samples, the splits side by side, findings of the checks."""
    facts = record.derived
    settings: Json = record.config.get("data") or {}
    samples: Json = facts.get("samples") or {}
    names = [str(name) for name in facts.get("names") or ()]
    counts = class_counts(record)
    splits = [split for split in SPLITS if samples.get(split) or split in counts]
    biggest = max((value for by_class in counts.values() for value in by_class.values()), default=0)
    return {
        "splits": [(split, samples.get(split)) for split in splits],
        "total": sum(samples.values()),
        "classes": names[:_MOST_CLASSES] if counts else [],
        "left_out": max(0, len(names) - _MOST_CLASSES) if counts else 0,
        "counted": [split for split in splits if split in counts],
        "counts": counts,
        "biggest": biggest,
        "facts": _data_facts(record),
        "samples": [(name, embed_samples(found)) for name, found in pictures.classes.items()],
        "note": pictures.note,
        "statistics": side_by_side(record),
        "checked": bool(record.inspection) and settings.get("checks") != "off",
        "unchecked": settings.get("checks") == "off",
        "findings": [
            {
                **finding,
                "filenames": finding.get("filenames", [])[:_MOST_FILENAMES],
                "more": max(0, int(finding.get("count") or 0) - _MOST_FILENAMES)
                if finding.get("filenames")
                else 0,
                "samples": embed_samples(pictures.findings.get(place, [])),
            }
            for place, finding in enumerate(record.inspection.get("findings") or [])
        ],
    }


def _data_facts(record: Record) -> list[tuple[str, str]]:
    settings: Json = record.config.get("data") or {}
    facts = record.derived
    shape = " × ".join(str(size) for size in facts.get("input_shape") or ())
    found = [
        ("source", component(settings.get("source"))),
        ("split", component(settings["split"]) if settings.get("split") else ""),
        ("prepared", component(settings.get("prepare"))),
        ("encoded", component(settings.get("encode") or _encoded(record))),
        ("augmented", component(settings.get("augment"))),
        ("normalised", component(settings.get("normalize"))),
        ("transformed", component(settings.get("transform")) if settings.get("transform") else ""),
        ("shape of a sample", shape),
        *_durations(record),
        ("excluded", component(settings.get("exclude")) if settings.get("exclude") else ""),
    ]
    return [(name, value) for name, value in found if value]


def _encoded(record: Record) -> str | None:
    """What a config that leaves it open has encoded samples by."""
    kinds = {"columns": "columns", "vocabulary": "words", "tokenizer": "bpe"}
    found = record.encoding.get("sample") or record.encoding.get("beside") or {}
    return kinds.get(found.get("kind", ""))


def _durations(record: Record) -> list[tuple[str, str]]:
    """How long sounds are, and their rate, of each split."""
    found = []
    for name, split in (record.inspection.get("splits") or {}).items():
        if split.get("seconds"):
            low, middle, high = split["seconds"]
            rates = ", ".join(f"{count:,} at {int(rate):,}/s" for rate, count in split["rates"].items())
            found.append((f"sounds of {name}", f"{low:.3g} to {high:.3g} s, median {middle:.3g} s; {rates}"))
    return found


def configuration(record: Record) -> dict[str, Any]:
    """The settings by section, readable; and the whole file."""
    sections: dict[str, list[tuple[str, str]]] = {"general": []}
    for key, value in record.config.items():
        if key in _NOT_SETTINGS or value is None:
            continue
        if isinstance(value, dict) and "name" not in value:
            sections[key] = [
                (name.replace("_", " "), component(entry))
                for name, entry in value.items()
                if entry not in (None, [])
            ]
        else:
            sections["general"].append((key, component(value)))
    return {"sections": list(sections.items()), "text": record.config_text}


def flat_settings(config: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """``optimizer.lr`` -> ``0.001``: the settings one by one, what was derived left out."""
    found: dict[str, str] = {}
    for key, value in config.items():
        if not prefix and key in (*_NOT_SETTINGS, "paths"):
            continue
        if isinstance(value, Mapping):
            found |= flat_settings(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = component(value)
    return found


def environment(record: Record) -> dict[str, Any]:
    """How to do it again, and on what it was done. No environment variable, and no diff, is shown."""
    found = record.environment
    git: Json = found.get("git") or {}
    hardware: Json = found.get("hardware") or {}
    changed = sum(line.startswith("diff --git") for line in str(git.get("diff") or "").splitlines())
    facts = record.derived
    rows = [
        ("seed", found.get("seed", record.config.get("seed"))),
        ("data digest", found.get("data_digest") or facts.get("data_digest")),
        ("split digest", facts.get("split_digest")),
        ("git commit", git.get("commit")),
        ("git branch", git.get("branch")),
        ("uncommitted changes", _changes(changed, len(git.get("untracked") or [])) if git else None),
        ("Python", found.get("python")),
        ("PyTorch", (found.get("packages") or {}).get("torch")),
        ("epochal", (found.get("packages") or {}).get("epochal")),
        *(
            (name.replace("_", " "), component(value))
            for name, value in hardware.items()
            if value is not None
        ),
        ("working folder", found.get("folder")),
        ("run folder", str(record.run.path)),
    ]
    return {
        "command": found.get("command"),
        "again": shlex.join(
            ["epochal", "crossval" if record.is_parent else "train", str(record.run.folder.config)]
        ),
        "rows": [(name, str(value)) for name, value in rows if value not in (None, "")],
        "packages": list((found.get("packages") or {}).items()),
        "log": record.log,
    }


def _changes(files: int, untracked: int) -> str:
    if not (files or untracked):
        return "none"
    return f"{files} file{'s' * (files != 1)} changed, {untracked} untracked; the diff is in environment.json"
