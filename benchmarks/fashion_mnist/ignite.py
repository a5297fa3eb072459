"""ignite's supervised trainer and evaluator."""

from __future__ import annotations

import torch
from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
from ignite.metrics import Accuracy, Loss
from torch import nn

from benchmarks.fashion_mnist.samples import loaders
from benchmarks.fashion_mnist.task import EPOCHS, LEARNING_RATE, Clock, Net


def main() -> None:
    """Train and report."""
    torch.manual_seed(0)
    train, val = loaders()
    model, loss_of = Net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    trainer = create_supervised_trainer(model, optimizer, loss_of)
    metrics = {"accuracy": Accuracy(), "loss": Loss(loss_of)}
    evaluator = create_supervised_evaluator(model, metrics=metrics)
    clock = Clock()

    @trainer.on(Events.EPOCH_COMPLETED)
    def _validate() -> None:
        evaluator.run(val)
        clock.epoch()

    trainer.run(train, max_epochs=EPOCHS)
    clock.report(evaluator.state.metrics["accuracy"])


if __name__ == "__main__":
    main()
