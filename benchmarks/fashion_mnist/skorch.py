"""skorch's NeuralNetClassifier with the test images as predefined validation split; it prints nothing."""

from __future__ import annotations

import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback
from skorch.helper import predefined_split
from torch import nn

from benchmarks.fashion_mnist.samples import TEST, TRAIN, Fashion
from benchmarks.fashion_mnist.task import BATCH_SIZE, EPOCHS, LEARNING_RATE, Clock, Net


class Times(Callback):
    """An epoch ends after its validation."""

    def __init__(self) -> None:
        self.clock = Clock()

    def on_train_begin(self, *_: object, **__: object) -> None:
        """The first epoch begins."""
        self.clock.start()

    def on_epoch_end(self, *_: object, **__: object) -> None:
        """Validation has run."""
        self.clock.epoch()


def main() -> None:
    """Train and report."""
    torch.manual_seed(0)
    times = Times()
    train, val = Fashion("train", TRAIN), Fashion("t10k", TEST)
    net = NeuralNetClassifier(
        Net,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=LEARNING_RATE,
        max_epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        iterator_train__shuffle=True,
        train_split=predefined_split(val),
        classes=list(range(10)),
        callbacks=[times],
        verbose=0,
    )
    net.fit(train, y=None)
    times.clock.report(net.history[-1, "valid_acc"])


if __name__ == "__main__":
    main()
