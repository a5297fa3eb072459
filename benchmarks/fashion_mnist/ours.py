"""epochal with everything on: metrics, checkpoints, TensorBoard, keyed augmentation, progress lines."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace

import epochal
from benchmarks.fashion_mnist.task import BATCH_SIZE, EPOCHS, LEARNING_RATE, MEAN, ROOT, STD, Clock


def config(precision: str, runs: str) -> dict[str, object]:
    """The experiment; precision: as ``compute.precision``; runs: where the run folder goes."""
    return {
        "name": "bench",
        "data": {
            # the 10,000 test images validate, as for the others; none are left for a test
            "source": {"name": "benchmarks.fashion_mnist.ours:source"},
            "augment": ["horizontal_flip"],
            "normalize": {"mean": [MEAN], "std": [STD]},
            "batch_size": BATCH_SIZE,
            "evaluation_batch_size": 512,
        },
        "model": "benchmarks.fashion_mnist.task:Net",
        "optimizer": {"name": "Adam", "lr": LEARNING_RATE},
        "training": {"epochs": EPOCHS},
        "compute": {"precision": precision},
        "paths": {"runs": runs},
    }


def main(precision: str) -> None:
    """Train and report; the seconds are those of the run's own table of epochs."""
    with tempfile.TemporaryDirectory() as folder:
        run = epochal.train(config(precision, folder))
        clock = Clock()
        clock.seconds = run.epochs["seconds"].to_list()
        clock.report(run.epochs["val/accuracy"][-1])


def source(target_kind: str) -> epochal.Source:
    """Fashion-MNIST with its 10,000 test images as validation split."""
    from epochal.data.sources.idx import idx

    found = idx(str(ROOT), target_kind=target_kind)
    splits = found.manifest.splits.replace({"test": "val"})
    return replace(found, manifest=replace(found.manifest, splits=splits))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "float32")
