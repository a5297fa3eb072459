"""The exact versions that a new project begins with: those that are installed."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator

_TOOLS = ("pytest", "ruff", "pre-commit")
_OF_DEVICE = ("nvidia-", "cuda-", "triton")  # which of them torch needs depends on its build


def pins(extras: str) -> list[str]:
    """``name==version`` of epochal with these extras (``"[audio]"``), of all it needs, and of the tools.

    What is not installed, as a tool may be, is left out.
    """
    found: dict[str, str] = {}
    for name in (f"epochal{extras}", *_TOOLS):
        _add(name, found)
    return [found[name] for name in sorted(found)]


def installed(name: str, default: str) -> str:
    """The version of a package, without what a local build adds to it."""
    try:
        return importlib.metadata.version(name).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return default


def _add(text: str, found: dict[str, str]) -> None:
    # only this needs it
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    requirement = Requirement(text)
    name = str(canonicalize_name(requirement.name))
    version = installed(name, "")
    if (name in found and not requirement.extras) or not version or name.startswith(_OF_DEVICE):
        return
    found[name] = f"{name}=={version}"
    for needed in _needs(name, requirement.extras or {""}):
        _add(needed, found)


def _needs(name: str, extras: set[str]) -> Iterator[str]:
    from packaging.requirements import Requirement

    for text in importlib.metadata.requires(name) or []:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield (
                f"{requirement.name}[{','.join(requirement.extras)}]"
                if requirement.extras
                else requirement.name
            )
