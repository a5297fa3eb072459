"""fastai: its own data block, with flip and normalisation as batch transforms; the progress bar is off."""

from __future__ import annotations

import sys

from benchmarks.fashion_mnist.task import BATCH_SIZE, EPOCHS, LEARNING_RATE, MEAN, STD, Clock, Net, load
from epochal.data.foreign import import_torchvision

import_torchvision()  # which imports beside a CPU-only torch so

import numpy as np  # noqa: E402
from fastai.vision.all import (  # noqa: E402
    Callback,
    CategoryBlock,
    CrossEntropyLossFlat,
    DataBlock,
    Flip,
    ImageBlock,
    IndexSplitter,
    Learner,
    Normalize,
    PILImageBW,
    accuracy,
    set_seed,
)


class Times(Callback):
    """An epoch ends after its validation."""

    def __init__(self) -> None:
        self.clock = Clock()

    def before_fit(self) -> None:
        """The first epoch begins."""
        self.clock.start()

    def after_epoch(self) -> None:
        """Validation has run."""
        self.clock.epoch()


def main(workers: int) -> None:
    """Train and report; workers: processes of each DataLoader."""
    set_seed(0)
    train, test = load("train"), load("t10k")
    images, labels = (np.concatenate(pair) for pair in zip(train, test, strict=True))
    block = DataBlock(
        blocks=(ImageBlock(cls=PILImageBW), CategoryBlock(vocab=list(range(10)))),
        get_x=lambda row: images[row],
        get_y=lambda row: int(labels[row]),
        splitter=IndexSplitter(range(len(train[1]), len(labels))),
        batch_tfms=[Flip(), Normalize.from_stats([MEAN], [STD], cuda=False)],
    )
    loaders = block.dataloaders(range(len(labels)), bs=BATCH_SIZE, val_bs=BATCH_SIZE, num_workers=workers)
    times = Times()
    learner = Learner(loaders, Net(), loss_func=CrossEntropyLossFlat(), metrics=accuracy, cbs=times)
    with learner.no_bar(), learner.no_logging():
        learner.fit(EPOCHS, LEARNING_RATE, wd=0.0)
    times.clock.report(learner.recorder.values[-1][-1])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
