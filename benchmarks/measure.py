"""Contestants in processes of their own, in turn; their reports, medians and tables.

A contestant is a module that ends by printing one JSON object in a line (see ``report``). This module imports
no torch, so that the measuring process neither computes nor holds memory beside a contestant.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
PACKAGES = (
    "epochal", "torch", "torchvision", "lightning", "fastai", "keras", "transformers", "accelerate",
    "skorch", "pytorch-ignite",
)  # fmt: skip

Report = dict[str, Any]


@dataclass(frozen=True)
class Contestant:
    """``python -m module argument...``; label: what the table calls it."""

    label: str
    module: str
    arguments: tuple[str, ...] = ()

    @property
    def command(self) -> list[str]:
        """What starts it, with the interpreter of this process."""
        return [sys.executable, "-m", self.module, *self.arguments]


def report(**values: Any) -> None:
    """Print what a contestant measured, with the peak of its memory; the last such line counts."""
    print(json.dumps({**values, "peak_mb": peak_megabytes()}), flush=True)


def peak_megabytes() -> float:
    """The most memory this process had resident, in MB of 2^20 bytes.

    Linux' VmHWM and not getrusage's ru_maxrss, which a process inherits from the one that started it.
    """
    status = Path("/proc/self/status").read_text()
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024, 1)


def run(contestant: Contestant, environment: Mapping[str, str]) -> Report:
    """The report of a contestant, or its last words as ``error``; with how its process ran.

    wall: seconds of the whole process. others: the share of the machine's cores that other processes kept
    busy meanwhile; figures taken beside much of that are not worth comparing.
    """
    started, busy, own = time.monotonic(), _busy_seconds(), _child_seconds()
    done = subprocess.run(
        contestant.command,
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    wall = time.monotonic() - started
    foreign = _busy_seconds() - busy - (_child_seconds() - own)
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        return {"error": (done.stderr or done.stdout)[-2000:]}
    share = max(0.0, foreign / wall / (os.cpu_count() or 1))
    return {**json.loads(lines[-1]), "wall": round(wall, 3), "others": round(share, 3)}


def _busy_seconds() -> float:
    """Processor seconds of the machine that were neither idle nor waiting for a disk, since it started."""
    fields = [int(field) for field in Path("/proc/stat").read_text().partition("\n")[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


def _child_seconds() -> float:
    """Processor seconds of the contestants that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def interleave(
    contestants: Mapping[str, Contestant], rounds: int, environment: Mapping[str, str] | None = None
) -> dict[str, list[Report]]:
    """The reports of each contestant: in round 1 all of them run, then all again in round 2, ...

    What the machine does beside falls on all alike so, as far as that is possible.
    """
    reports: dict[str, list[Report]] = {key: [] for key in contestants}
    for number in range(1, rounds + 1):
        for key, contestant in contestants.items():
            found = run(contestant, environment or {})
            reports[key].append(found)
            shown = {name: value for name, value in found.items() if name != "error"}
            said(f"round {number}/{rounds}  {key}: {json.dumps(shown) if shown else found['error']}")
    return reports


def said(text: str) -> None:
    """A line of progress; the tables have the standard output to themselves."""
    print(text, file=sys.stderr, flush=True)


def medians(reports: Iterable[Report], key: str) -> float | None:
    """The median over rounds of one value of the reports; None where no round gave it."""
    values = [found[key] for found in reports if found.get(key) is not None]
    return statistics.median(values) if values else None


def markdown(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [list(header), ["---", *["---:"] * (len(header) - 1)], *[list(map(str, row)) for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def number(value: float | None, digits: int = 2) -> str:
    """For a table; a dash where a contestant failed."""
    return "–" if value is None else f"{value:,.{digits}f}"


def ratio(value: float | None, base: float | None) -> str:
    """How many times the base, for a table."""
    return "–" if value is None or base is None else f"{value / base:.2f} ×"


def parse(
    contestants: Mapping[str, Any], about: str | None, rounds: int = 3, **options: int
) -> argparse.Namespace:
    """``--rounds``, ``--only a,b`` and whole-number options; ``contestants`` holds those that are to run."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--rounds", type=int, default=rounds, help="how often each one runs")
    parser.add_argument("--only", default=",".join(contestants), help="some of " + ", ".join(contestants))
    for name, default in options.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    arguments = parser.parse_args()
    chosen = arguments.only.split(",")
    if unknown := [key for key in chosen if key not in contestants]:
        parser.error(f"no contestant is called {', '.join(unknown)}; there are {', '.join(contestants)}")
    arguments.contestants = {key: contestants[key] for key in chosen}
    return arguments


def finish(name: str, results: Mapping[str, Any], table: str) -> None:
    """Write ``results/NAME.json``, print the table; exit code 1 where a contestant failed."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine(), **results}, indent=1) + "\n"
    (RESULTS / f"{name}.json").write_text(text)
    print(table, flush=True)
    shares = [found["others"] for found in _reports(results) if "others" in found]
    if shares:
        said(f"other processes kept {statistics.median(shares):.0%} of the machine busy (quiet: under 3%)")
    sys.exit(int('"error"' in text))


def _reports(results: Mapping[str, Any]) -> list[Report]:
    return [found for entries in results.get("reports", {}).values() for found in entries]


def machine() -> dict[str, Any]:
    """What the figures depend on beside the code."""
    processor = Path("/proc/cpuinfo").read_text()
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": processor.partition("model name")[2].partition("\n")[0].strip("\t :"),
        "bfloat16": "avx512_bf16" in processor or "amx_bf16" in processor,
        "cores": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS", "as torch chooses"),
        "python": platform.python_version(),
        "packages": {name: found for name in PACKAGES if (found := _version(name))},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
