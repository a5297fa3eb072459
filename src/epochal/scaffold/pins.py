"""The exact versions that a new project begins with: those that are installed."""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit

_TOOLS = {"pre-commit": "4.7.0", "pytest": "9.2.0", "ruff": "0.17.6"}
"""What a project's `make test` and `make lint` need, with the versions for who has them not."""
_OF_DEVICE = ("nvidia-", "cuda-", "triton")  # which of them torch needs depends on its build


def pins(extras: str) -> list[str]:
    """Lines of a requirements file: epochal with these extras (``"[audio]"``), all it needs, and the tools.

    Each is ``name==version``, or where a package was installed from if that was no index, as of `pip freeze`.
    What epochal needs and is not installed is left out.
    """
    found: dict[str, str] = {}
    for name in (f"epochal{extras}", *_TOOLS):
        _add(name, found)
    tools = {name: f"{name}=={version}" for name, version in _TOOLS.items()}
    found = {**tools, **found}
    return [found[name] for name in sorted(found)]


def tool_version(name: str) -> str:
    """The version of a tool that is pinned."""
    return _version(name) or _TOOLS[name]


def origin(name: str) -> str:
    """Where a package was installed from, as a line of a requirements file; empty if that was an index."""
    try:
        text = importlib.metadata.distribution(name).read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return ""
    return _line(json.loads(text), name) if text else ""


def _line(said: dict[str, Any], name: str) -> str:
    """The line for what pip notes of an origin; the specification is PEP 610."""
    url: str = said["url"]
    if said.get("dir_info", {}).get("editable"):
        return f"-e {unquote(urlsplit(url).path)}"
    if version_control := said.get("vcs_info"):
        url = f"{version_control['vcs']}+{url}@{version_control['commit_id']}"
    if folder := said.get("subdirectory"):
        url += f"#subdirectory={folder}"
    return f"{name} @ {url}"


def _version(name: str) -> str:
    """The version of a package, without what a local build adds to it; empty where it is absent."""
    try:
        return importlib.metadata.version(name).partition("+")[0]
    except importlib.metadata.PackageNotFoundError:
        return ""


def _add(text: str, found: dict[str, str]) -> None:
    # only this needs it
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    requirement = Requirement(text)
    name = str(canonicalize_name(requirement.name))
    version = _version(name)
    if (name in found and not requirement.extras) or not version or name.startswith(_OF_DEVICE):
        return
    # torch is for the device, and the Dockerfile takes it from the index of its builds
    place = "" if name == "torch" else origin(name)
    found[name] = place or f"{name}=={version}"
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
