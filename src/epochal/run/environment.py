"""What a run ran with: command, code, packages, hardware."""

from __future__ import annotations

import getpass
import importlib.metadata
import os
import platform
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from epochal.secrets import redacted, redacted_values


def describe_environment(seed: int, data_digest: str, hardware: dict[str, Any]) -> dict[str, Any]:
    """The content of ``environment.json``; ``***`` stands for secrets.

    hardware: what only the engine knows (device, threads, precision).
    """
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": shlex.join(map(redacted, sys.argv)),
        "folder": redacted(str(Path.cwd())),
        "user": _user(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "seed": seed,
        "data_digest": data_digest,
        "git": redacted_values(git_state(Path.cwd())),
        "hardware": {"platform": platform.platform(), "cpus": os.cpu_count(), **hardware},
        "python": platform.python_version(),
        "packages": (packages := installed_packages()),
        "loaded": _loaded(packages),
    }


def installed_packages() -> dict[str, str]:
    """Name -> version of every installed distribution."""
    found = {
        str(distribution.metadata["Name"]): distribution.version
        for distribution in importlib.metadata.distributions()
        if distribution.metadata["Name"]
    }
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _loaded(packages: Iterable[str]) -> list[str]:
    """Those that this process has imported, as far as their modules have their names."""
    modules = {name.lower() for name in sys.modules}
    return [name for name in packages if name.lower().replace("-", "_") in modules]


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit, branch and uncommitted changes of the repository around ``folder``, or None."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    # as git writes it, so that `git apply` reads it
    diff = _git(folder, "diff", "HEAD", "--no-color", "--no-ext-diff") or ""
    limit = 200_000
    return {
        "commit": commit.strip(),
        "branch": (_git(folder, "rev-parse", "--abbrev-ref", "HEAD") or "").strip(),
        "diff": diff if len(diff) <= limit else diff[:limit] + f"\n... cut at {limit} characters",
        "untracked": (_git(folder, "ls-files", "--others", "--exclude-standard") or "").splitlines()[:200],
    }


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            errors="replace",
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user id has no name
        return str(os.getuid())
