"""Seconds from the command to the first optimiser step, on the digits: `epochal train digits` and peers.

epochal is started as a user starts it, with a line of the log a step; this process watches the run folder,
and the moment at which ``metrics.jsonl`` has its first line counts: that line is written after the first
step and after nothing else, whatever was tried on the data before. No code is added to it.
A peer says itself when its first step is done, and the clock that all processes share says how long it took.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measure import REPOSITORY, Report, finish, markdown, medians, number, parse, said

_PEERS = "benchmarks.startup.contestants"
_LONGEST = 120.0  # seconds until a contestant counts as failed


@dataclass(frozen=True)
class Start:
    """label: what the table calls it. arguments: of `epochal train`, or the name of a peer's function."""

    label: str
    arguments: tuple[str, ...]
    ours: bool = False


CONTESTANTS = {
    "torch": Start('`python -c "import torch"`', ("torch",)),
    "ours": Start("**`epochal train digits`**", ("digits",), ours=True),
    "ours-mlp": Start("`epochal train digits model=mlp`", ("digits", "model=mlp"), ours=True),
    "raw": Start("raw PyTorch, DataLoader", ("raw",)),
    "ignite": Start("ignite", ("ignite",)),
    "accelerate": Start("accelerate", ("accelerate",)),
    "skorch": Start("skorch", ("skorch",)),
    "hf": Start("HF Trainer", ("hf",)),
    "lightning": Start("Lightning", ("lightning",)),
    "fastai": Start("fastai", ("fastai",)),
    "keras": Start("Keras 3 on torch", ("keras",)),
}


def main() -> None:
    """Run in turn, print the table, write results/startup.json."""
    arguments = parse(CONTESTANTS, "Seconds from the command to the first optimiser step.", rounds=5)
    reports: dict[str, list[Report]] = {key: [] for key in arguments.contestants}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "digits.npz"
        write_digits(data)
        for round_number in range(1, arguments.rounds + 1):
            for key, start in arguments.contestants.items():
                runs = Path(folder) / f"{key}-{round_number}"
                found = our_start(start, runs) if start.ours else peer_start(start, data)
                reports[key].append(found)
                said(f"round {round_number}/{arguments.rounds}  {key}: {json.dumps(found)}")
    base = medians(reports.get("torch", []), "seconds")
    rows = []
    for key, entries in reports.items():
        seconds = medians(entries, "seconds")
        above = None if seconds is None or base is None else seconds - base
        rows.append([CONTESTANTS[key].label, number(seconds), number(above)])
    header = ("from the command to the first step", "s", "above `import torch`, s")
    finish("startup", {"rounds": arguments.rounds, "reports": reports}, markdown(header, rows))


def write_digits(path: Path) -> None:
    """The digits as the peers read them: x float32 [1797, 64] in [0, 1], y int64 [1797]."""
    from sklearn.datasets import load_digits  # a second, which no measured process spends

    inputs, targets = load_digits(return_X_y=True)
    np.savez(path, x=(inputs / 16).astype(np.float32), y=targets.astype(np.int64))


def our_start(start: Start, runs: Path) -> Report:
    """Start ``epochal train``, wait for the first line of metrics.jsonl, stop it."""
    executable = Path(sys.executable).with_name("epochal")
    command = [str(executable), "train", *start.arguments, "training.log_every=1", f"paths.runs={runs}"]
    started = time.monotonic()
    with tempfile.TemporaryFile() as words:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=words, stderr=words)
        try:
            while time.monotonic() < started + _LONGEST and process.poll() is None:
                if any(path.stat().st_size for path in runs.glob("*/*/metrics.jsonl")):
                    return {"seconds": round(time.monotonic() - started, 4)}
                time.sleep(0.002)
        finally:
            process.kill()
            process.wait()
        words.seek(0)
        return {"error": words.read().decode()[-2000:]}


def peer_start(start: Start, data: Path) -> Report:
    """Start a peer and read when it stepped."""
    command = [sys.executable, "-m", _PEERS, *start.arguments, str(data)]
    if start.arguments == ("torch",):  # nothing but the import
        code = "import torch, time; print('{\"stepped\":', time.monotonic(), '}')"
        command = [sys.executable, "-c", code]
    environment = {**os.environ, "TOKENIZERS_PARALLELISM": "false"}
    started = time.monotonic()
    done = subprocess.run(
        command,
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=_LONGEST,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if not lines:
        return {"error": done.stderr[-2000:]}
    return {"seconds": round(json.loads(lines[-1])["stepped"] - started, 4)}


if __name__ == "__main__":
    main()
