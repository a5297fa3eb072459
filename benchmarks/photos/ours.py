"""epochal's own parts, put together as ``experiment.assemble`` does: a cache of 256×256, then crops of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.photos.clock import BATCH_SIZE, MEAN, SIZE, STD, measure, photos
from epochal.console import Console
from epochal.data.augment.pipeline import build_augment
from epochal.data.batches import Batches, Pool, target_tensor
from epochal.data.cache import prepare_samples
from epochal.data.config import DataConfig
from epochal.data.prepare import build_prepare
from epochal.data.sources import build_source
from epochal.data.statistics import build_normalizer
from epochal.data.statistics import measure as measure_split
from epochal.engine.compute import keep_freed_memory

RECIPE = {
    "prepare": [
        {"name": "resize", "size": 256, "keep_aspect": True},
        {"name": "center_crop", "size": 256},
    ],
    "augment": [{"name": "random_resized_crop", "size": SIZE}, "horizontal_flip"],
    "normalize": {"mean": MEAN, "std": STD},
    "batch_size": BATCH_SIZE,
}


def prepare(cache: Path) -> Callable[[int], Iterable[Any]]:
    """Manifest, digest, prepared samples, statistics of the training split; then its batches."""
    config = DataConfig.model_validate({**RECIPE, "source": {"name": "folder", "root": str(photos())}})
    source = build_source(config.source, "class")
    samples = prepare_samples(source, build_prepare(config.prepare), config.cache, cache, Console(quiet=True))
    rows = np.arange(len(source.manifest))
    statistics = measure_split(samples, source.manifest, rows)
    pool = Pool(
        source=source,
        samples=samples,
        targets=target_tensor(source.manifest),
        normalizer=build_normalizer(config, statistics, samples.shape),
        device=torch.device("cpu"),
        seed=0,
        workers=0,
        channels_last=True,
    )
    augment = build_augment(config.augment, source.kind, len(source.manifest.names))
    batches = Batches(pool, rows, BATCH_SIZE, augment)
    return lambda epoch: ((batch.inputs, batch.targets) for batch in batches.epoch(epoch))


def main() -> None:
    """Measure, from an empty cache on."""
    keep_freed_memory()  # as training does
    with tempfile.TemporaryDirectory() as folder:
        measure(lambda: prepare(Path(folder)))


if __name__ == "__main__":
    main()
