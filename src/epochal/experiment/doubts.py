"""What is said once of scores that can hardly be judged: too few samples, or too few groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from epochal.console import log
from epochal.run.folder import RunFolder


def warn_of_doubts(folder: RunFolder, contents: Mapping[str, Mapping[str, Any]]) -> None:
    """A warning for intervals, and one for each column of subgroups, of all splits together.

    contents: label of a split -> what was written down of it. Of a fold of a cross-validation they go into
    its log only: the whole has its own.
    """
    said: dict[str, list[str]] = {}
    for label, content in contents.items():
        if not content.get("intervals", True):
            said.setdefault(f"scores have no intervals, {content['interval_method']}", []).append(label)
        if warning := content.get("interval_warning"):
            said.setdefault(f"95 % intervals are {warning}", []).append(label)
    for text, labels in said.items():
        _warn(folder, f"{', '.join(labels)}: {text}")
    for name in dict.fromkeys(name for content in contents.values() for name in content.get("subgroups", {})):
        small = [
            f"{label} {', '.join(values)}"
            for label, content in contents.items()
            if (values := _too_small(content.get("subgroups", {}).get(name, {})))
        ]
        if small:
            what = f"too few samples, groups or samples of a class to judge '{name}'"
            _warn(folder, f"{what}: {'; '.join(small)}")


def _too_small(values: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [f"{value} ({each['samples']})" for value, each in values.items() if each["too_small"]]


def _warn(folder: RunFolder, text: str) -> None:
    log.warning(text, extra={"file_only": folder.is_fold})
