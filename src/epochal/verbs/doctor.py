"""Doctor: what this machine and installation can do, and what stands in the way; of a run, or of any."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from epochal.reporting.pdf import find_browser

if TYPE_CHECKING:
    from epochal.run.run import Run

_GIB = 2**30
_ABSENT = "absent"
_USES = {
    "vision": "networks of torchvision and timm, and fast JPEG",
    "segmentation": "networks of segmentation-models-pytorch",
    "audio": "sounds",
    "text": "sub-word tokenizers and encoders of transformers",
    "transfer": "ImageNet's weights without a download",
}
"""What an extra is for; those that no user needs are not in it."""


@dataclass(frozen=True)
class Finding:
    """One line of the examination.

    state: ``ok``; ``note``, something optional is absent or otherwise than in the run; or ``problem``.
    mend: the command or the step that changes it. then, now: where it is compared with a run; None is absent.
    """

    subject: str
    state: Literal["ok", "note", "problem"]
    text: str
    mend: str = ""
    then: str | None = None
    now: str | None = None


def doctor(run: str | Path | Run | None = None, *, runs: str | Path = "runs") -> list[Finding]:
    """Examine Python, packages, the device, threads, memory and disk.

    run: also say what is otherwise than when it ran, and what it needs and is not here.
    Raises RequestError where there is no such run.
    """
    installed = [*_packages(), *_extras(), *_tools()]
    if any(finding.text == _ABSENT for finding in installed):  # without it nothing else can be looked at
        return installed
    of_run = [] if run is None else list(_of_run(run, Path(runs)))
    return [*installed, *_device(), *_resources(Path(runs)), *of_run]


def _packages() -> Iterator[Finding]:
    """Every package that epochal needs, in a version that it takes."""
    # only this verb needs it
    from packaging.requirements import Requirement

    yield Finding("python", "ok", f"{platform.python_version()} on {platform.platform()}")
    for text in importlib.metadata.requires("epochal") or []:
        requirement = Requirement(text)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        version, mend = _version(requirement.name), f"pip install '{requirement}'"
        if version is None:
            yield Finding(requirement.name, "problem", _ABSENT, mend)
        elif not requirement.specifier.contains(version, prereleases=True):
            yield Finding(requirement.name, "problem", f"{version} is too old", mend)
        else:
            yield Finding(requirement.name, "ok", version)


def _extras() -> Iterator[Finding]:
    """What each extra lacks, and the line that installs it."""
    for extra in importlib.metadata.metadata("epochal").get_all("Provides-Extra") or ():
        if extra not in _USES:
            continue
        versions = {name: _version(name) for name in _members(extra)}
        absent = [name for name, version in versions.items() if version is None]
        if absent:
            text = f"for {_USES[extra]}: {', '.join(absent)} absent"
            yield Finding(f"[{extra}]", "note", text, f"pip install 'epochal[{extra}]'")
        else:
            text = ", ".join(f"{name} {version}" for name, version in versions.items())
            yield Finding(f"[{extra}]", "ok", text)


def _members(extra: str) -> list[str]:
    """The packages of an extra, with those of the extras that it includes."""
    from packaging.requirements import Requirement  # as above

    found: dict[str, None] = {}
    for text in importlib.metadata.requires("epochal") or []:
        requirement = Requirement(text)
        if requirement.marker is None or not requirement.marker.evaluate({"extra": extra}):
            continue
        if requirement.marker.evaluate({"extra": ""}):
            continue
        if requirement.name == "epochal":
            found |= dict.fromkeys(name for part in requirement.extras for name in _members(part))
        else:
            found[requirement.name] = None
    return list(found)


def _tools() -> Iterator[Finding]:
    """Programs that are called where they are there."""
    if shutil.which("git") is None:
        yield Finding("git", "note", "absent: runs don't record commits", "apt install git")
    if (browser := find_browser()) is None:
        yield Finding("report --pdf", "note", "needs Chromium or Chrome", "apt install chromium")
    else:
        yield Finding("report --pdf", "ok", browser)


def _device() -> Iterator[Finding]:
    import torch  # late: `epochal --help` must not wait for it

    cores, usable, threads = os.cpu_count() or 1, len(os.sched_getaffinity(0)), torch.get_num_threads()
    text = f"{usable} of {cores} core{'s' * (cores != 1)}, {torch.backends.cpu.get_cpu_capability()}"
    yield Finding("cpu", "ok", text)
    variable = os.environ.get("OMP_NUM_THREADS")
    yield Finding("threads", "ok", f"{threads}" + (" (OMP_NUM_THREADS)" if variable else ""))
    cuda, driver = torch.version.cuda, _driver()
    if torch.cuda.is_available():
        yield Finding("cuda", "ok", f"{cuda}, driver {driver or 'of unknown version'}")
        for index in range(torch.cuda.device_count()):
            name = torch.cuda.get_device_properties(index).name
            free, total = torch.cuda.mem_get_info(index)
            text = f"{name}, {free / _GIB:.1f} of {total / _GIB:.1f} GiB free"
            yield Finding(f"cuda:{index}", "ok", text)
    elif driver and not cuda:
        text = f"driver {driver}, and torch is built for CPUs only"
        yield Finding("cuda", "note", text, "pip install --force-reinstall torch")
    elif cuda and Path("/dev/nvidiactl").exists():
        text = f"torch is built for CUDA {cuda} and finds no driver that can do it"
        yield Finding("cuda", "problem", text, "install a newer driver, or torch for an older CUDA")
    elif torch.backends.mps.is_available():
        yield Finding("mps", "ok", "Apple GPU")
    else:
        yield Finding("gpu", "note", "none; training runs on the CPU")


def _driver() -> str:
    """The version of NVIDIA's driver; empty where there is none."""
    with suppress(OSError, subprocess.SubprocessError):
        command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return next(iter(done.stdout.split()), "")
    return ""


def _resources(runs: Path) -> Iterator[Finding]:
    from epochal.experiment.config import PathsConfig  # pydantic, which may be absent

    memory, total = _memory()
    text = f"{memory / _GIB:.1f} of {total / _GIB:.1f} GiB available"
    yield Finding("memory", "ok" if memory > _GIB else "note", text)
    for subject, path in (("runs", runs), ("cache", Path(PathsConfig().cache).expanduser())):
        place = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
        free = shutil.disk_usage(place).free
        text = f"{free / _GIB:.1f} GiB free in {place}"
        if not os.access(place, os.W_OK):
            mend = f"make it writable, or name another folder as paths.{subject}"
            yield Finding(subject, "problem", f"{place} can't be written to", mend)
        elif free < _GIB:
            yield Finding(subject, "problem", text, f"make room, or name another folder as paths.{subject}")
        else:
            yield Finding(subject, "ok", text)
    if Path("/dev/shm").exists():  # noqa: S108 (looked at, not written)
        shared = shutil.disk_usage("/dev/shm").free / _GIB  # noqa: S108
        text = f"{shared:.1f} GiB of shared memory for DataLoader workers"
        yield Finding("shm", "ok" if shared > 0.5 else "note", text)


def _memory() -> tuple[int, int]:
    """Bytes that can be had, and of the machine; no more than a container may use."""
    facts = dict(re.findall(r"(\w+):\s+(\d+) kB", Path("/proc/meminfo").read_text()))
    available, total = int(facts["MemAvailable"]) * 1024, int(facts["MemTotal"]) * 1024
    with suppress(OSError, ValueError):  # no container, or one without a limit
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        return min(available, max(0, limit - used)), min(total, limit)
    return available, total


def _of_run(reference: str | Path | Run, runs: Path) -> Iterator[Finding]:
    """What the run needs and is not here, and what is otherwise than it was."""
    # torch and polars, which may be absent
    from epochal.experiment.conditions import differences_from, pip_line, unusable_parts
    from epochal.run.catalog import find_run

    run = find_run(reference, runs)
    differences = differences_from(run)
    for problem in unusable_parts(run):
        yield Finding("config", "problem", str(replace(problem, mend="")), problem.mend)
    for each in differences:
        text = f"{each.then or 'absent'} in the run, {each.now or 'absent'} now"
        state: Literal["note", "problem"] = "problem" if each.needed else "note"
        yield Finding(each.name, state, text, each.mend, each.then, each.now)
    if line := pip_line(differences):
        yield Finding("packages", "note", "all of them as they were", line)
    if not differences:
        yield Finding("run", "ok", f"{run.path} ran with what is here")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
