"""Doctor: what this machine and installation can do, and what stands in the way."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One line of the examination. state: ``ok``, ``note`` (something optional is absent) or ``problem``."""

    subject: str
    state: Literal["ok", "note", "problem"]
    text: str


def doctor() -> list[Finding]:
    """Examine Python, packages, the device, threads, memory and disk."""
    return [*_packages(), *_extras(), *_device(), *_resources()]


def _packages() -> list[Finding]:
    """Every package that epochal needs, in a version that it takes."""
    from packaging.requirements import (
        Requirement,
    )  # torch and matplotlib depend on it; only this verb needs it

    findings = [Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}")]
    for text in importlib.metadata.requires("epochal") or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            findings.append(Finding(requirement.name, "problem", f"absent; pip install '{requirement}'"))
            continue
        fits = requirement.specifier.contains(version, prereleases=True)
        text = version if fits else f"{version} is too old; pip install '{requirement}'"
        findings.append(Finding(requirement.name, "ok" if fits else "problem", text))
    return findings


def _extras() -> list[Finding]:
    findings = []
    for name in ("torchvision", "timm"):
        try:
            findings.append(Finding(name, "ok", importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            findings.append(Finding(name, "note", "absent; its models need pip install 'epochal[vision]'"))
    return findings


def _device() -> list[Finding]:
    import torch  # late: `epochal --help` must not wait for it

    capability = torch.backends.cpu.get_cpu_capability()
    cores, threads = os.cpu_count() or 1, torch.get_num_threads()
    text = f"{cores} core{'s' * (cores != 1)}, {threads} thread{'s' * (threads != 1)}, {capability}"
    findings = [Finding("cpu", "ok", text)]
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            properties = torch.cuda.get_device_properties(index)
            memory = properties.total_memory / 2**30
            findings.append(Finding(f"cuda:{index}", "ok", f"{properties.name}, {memory:.0f} GiB"))
    elif torch.version.cuda and Path("/dev/nvidiactl").exists():
        findings.append(
            Finding("cuda", "problem", f"torch is built for CUDA {torch.version.cuda} and finds no driver")
        )
    elif torch.backends.mps.is_available():
        findings.append(Finding("mps", "ok", "Apple GPU"))
    else:
        findings.append(Finding("gpu", "note", "none; training runs on the CPU"))
    return findings


def _resources() -> list[Finding]:
    memory = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    findings = [Finding("memory", "ok" if memory > 1 else "problem", f"{memory:.1f} GiB free")]
    folder = Path.cwd()
    free = shutil.disk_usage(folder).free / 2**30
    findings.append(Finding("disk", "ok" if free > 1 else "problem", f"{free:.1f} GiB free in {folder}"))
    if not os.access(folder, os.W_OK):
        findings.append(Finding("disk", "problem", f"{folder} can't be written to; run folders go there"))
    if Path("/dev/shm").exists():  # noqa: S108 (looked at, not written)
        shared = shutil.disk_usage("/dev/shm").free / 2**30  # noqa: S108
        text = f"{shared:.1f} GiB of shared memory for DataLoader workers"
        findings.append(Finding("shm", "ok" if shared > 0.5 else "note", text))
    return findings
