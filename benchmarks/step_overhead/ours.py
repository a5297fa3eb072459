"""epochal with everything on; the seconds are those of the run's own table of epochs."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

import epochal
from benchmarks.step_overhead.task import BATCH_SIZE, EPOCHS, HIDDEN, LEARNING_RATE, data, measure

_VALIDATION = 64  # samples, the least that says anything


def main(tracking: str) -> None:
    """Train and report; tracking: tensorboard or nothing."""

    def train(steps: int) -> list[float]:
        inputs, targets = data(steps + _VALIDATION // BATCH_SIZE)
        split = np.full(len(inputs), "train", dtype="U5")
        split[-_VALIDATION:] = "val"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "data.npz"
            np.savez(path, x=inputs.numpy(), y=targets.numpy(), split=split)
            run = epochal.train(
                {
                    "name": "bench",
                    "data": {
                        "source": {"name": "arrays", "path": str(path), "split": "split"},
                        "normalize": "none",
                        "checks": "warn",  # one feature tells the classes apart
                        "batch_size": BATCH_SIZE,
                    },
                    "model": {"name": "mlp", "hidden": [HIDDEN]},
                    "optimizer": {"name": "Adam", "lr": LEARNING_RATE},
                    "training": {"epochs": EPOCHS},
                    "tracking": [tracking] if tracking else [],
                    "paths": {"runs": folder},
                },
                quiet=True,
            )
            return run.epochs["seconds"].to_list()

    measure(train)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
