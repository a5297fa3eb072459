"""What a run ran with, beside what there is here: Python, torch, packages, device, code."""

from __future__ import annotations

import importlib.metadata
import platform
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from epochal.config.given import PREFIX
from epochal.engine.compute import choose_device
from epochal.errors import EpochalError, Problem, RequestError
from epochal.experiment.config import load_experiment
from epochal.experiment.differences import Recorded, changed_code
from epochal.run.environment import git_state, installed_packages
from epochal.run.run import Run

_WHEELS = "https://download.pytorch.org/whl"


@dataclass(frozen=True)
class Difference:
    """Something that is otherwise than it was.

    then, now: None where it was, or is, not there. mend: what brings it back. needed: by the run.
    """

    name: str
    then: str | None
    now: str | None
    mend: str = ""
    needed: bool = False


def differences_from(run: Run) -> list[Difference]:
    """What is otherwise here than when the run started; RequestError where it did not write that down."""
    was = Recorded.of(run.folds[0] if run.folds else run)  # its parent only puts folds together
    then = was.environment
    if not then.get("packages"):
        what = "the run did not write down what it ran with"
        raise RequestError(
            Problem(what, str(run.folder.environment), "name a run that came to its first step")
        )
    return [
        *_python(then),
        *_torch(then),
        *_packages(then),
        *_device(then.get("hardware") or {}, was.settings),
        *_code(then),
        *_own_files(run.folds[0] if run.folds else run),
    ]


def pip_line(differences: list[Difference]) -> str:
    """One line that installs every package as it was; empty where nothing is to be installed."""
    found = [each.mend.removeprefix("pip install ") for each in differences if each.mend.startswith("pip ")]
    plain = [each for each in found if " " not in each]  # torch comes from an index of its own
    return f"pip install {' '.join(plain)}" if len(plain) > 1 else ""


def unusable_parts(run: Run) -> list[Problem]:
    """What the run's config names and can't be had here: components, and the packages behind them."""
    folder = run.folds[0].folder if run.folds else run.folder
    if PREFIX in folder.config.read_text(encoding="utf-8"):  # objects of a program, which only it has
        return []
    try:
        config = load_experiment(folder.config)
        choose_device(config.compute.device)
    except EpochalError as error:
        return list(error.problems)
    return []


def _python(then: Mapping[str, Any]) -> Iterator[Difference]:
    was, now = str(then.get("python", "")), platform.python_version()
    if was and was != now:
        yield Difference("python", was, now, f"make an environment with Python {was}")


def _torch(then: Mapping[str, Any]) -> Iterator[Difference]:
    """The build of torch: for which CUDA, or for CPUs only."""
    hardware = then.get("hardware") or {}
    was, now = hardware.get("cuda"), torch.version.cuda
    if "cuda" in hardware and was != now:
        before, here = (f"CUDA {each}" if each else "CPU only" for each in (was, now))
        index = f"{_WHEELS}/{'cu' + was.replace('.', '') if was else 'cpu'}"
        version = str(then["packages"].get("torch", "")).partition("+")[0]
        yield Difference("torch build", before, here, f"pip install torch=={version} --index-url {index}")


def _packages(then: Mapping[str, Any]) -> Iterator[Difference]:
    """Packages that are gone or of another version; needed are epochal's and what the run loaded."""
    now = {_plain(name): version for name, version in installed_packages().items()}
    loaded = {_plain(name) for name in then.get("loaded", ())} | _required()
    found = []
    for name, version in then["packages"].items():
        here = now.get(_plain(name))
        if here != version:
            mend = f"pip install {name}=={version}"
            if "+" in version:
                mend += f" --index-url {_WHEELS}/{version.partition('+')[2]}"
            needed = here is None and _plain(name) in loaded
            found.append((_plain(name) not in loaded, Difference(name, version, here, mend, needed)))
    yield from (each for _, each in sorted(found, key=lambda pair: pair[0]))


def _device(hardware: Mapping[str, Any], settings: Mapping[str, Any]) -> Iterator[Difference]:
    """What the run would compute on, by its own settings; that it can't is told with its config."""
    asked = settings.get("compute") or {}
    if hardware.get("device"):
        with suppress(EpochalError):
            here = choose_device(asked.get("device", "auto"))
            gpu = torch.cuda.get_device_name(here) if here.type == "cuda" else None
            was = _device_name(hardware["device"], hardware.get("gpu"))
            if was != (now := _device_name(str(here), gpu)):
                yield Difference("device", was, now)
    threads, now_threads = hardware.get("threads"), torch.get_num_threads()
    if asked.get("threads", "auto") == "auto" and threads not in (None, now_threads):
        mend = f"set compute.threads={threads}, or OMP_NUM_THREADS={threads}"
        yield Difference("threads", str(threads), str(now_threads), mend)


def _device_name(device: str, gpu: str | None) -> str:
    return f"{device} ({gpu})" if gpu else device


def _code(then: Mapping[str, Any]) -> Iterator[Difference]:
    """The commit of the user's repository, where the run was started, or else here."""
    was = then.get("git")
    folder = Path(then.get("folder", ""))
    now = git_state(folder if folder.is_dir() else Path.cwd())
    if not was or (now and (now["commit"], now["diff"]) == (was["commit"], was["diff"])):
        return
    commit, changed = was["commit"][:10], " with changes" if was["diff"] else ""
    here = now and now["commit"][:10] + (" with changes" if now["diff"] else "")
    mend = f"git checkout {commit}" + (", then git apply the diff in environment.json" if changed else "")
    yield Difference("git commit", commit + changed, here or None, mend)


def _own_files(run: Run) -> Iterator[Difference]:
    """The user's modules that the run named, whose content is another now."""
    config = None
    with suppress(EpochalError):  # what can't be had is told as such
        config = load_experiment(run.folder.config)
    if config is not None:
        for name, (then, now) in changed_code(run, config).items():
            yield Difference(name, then[:8], now[:8], "bring it back as it was, or train anew")


def _required() -> set[str]:
    """The packages that epochal needs itself."""
    lines = importlib.metadata.requires("epochal") or []
    return {_plain(re.split(r"[^\w.-]", line)[0]) for line in lines if "extra ==" not in line}


def _plain(name: str) -> str:
    """A package's name as pip compares them."""
    return re.sub(r"[-_.]+", "-", name).lower()
