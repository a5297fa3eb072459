"""What a config says and where it says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from epochal.config.yaml import KeyPath


@dataclass(frozen=True)
class ConfigText:
    """The merged values of a config, unchecked.

    name: the file's path, or the recipe's name; empty for a mapping given from Python.
    values: plain mappings, lists and scalars, with ``extends`` and overrides worked in.
    origins: where each key and list item was written: ``configs/skin.yaml:12``, ``recipe digits:3``,
        ``command line``, or empty for what a Python mapping gave; the empty path is the whole config's.
    """

    name: str
    values: dict[str, Any]
    origins: Mapping[KeyPath, str]

    def where(self, *path: str | int) -> str:
        """``configs/skin.yaml:12: optimizer.lr``: the line of the key, or of its nearest known ancestor."""
        ends = range(len(path), -1, -1)
        origin = next((self.origins[path[:end]] for end in ends if path[:end] in self.origins), "")
        return ": ".join(part for part in (origin, ".".join(map(str, path))) if part)
