"""The tutorial's loop under Hugging Face's Accelerator."""

from __future__ import annotations

import torch
from accelerate import Accelerator
from torch import nn

from benchmarks.fashion_mnist.samples import loaders
from benchmarks.fashion_mnist.task import EPOCHS, LEARNING_RATE, Clock, Net


def main() -> None:
    """Train and report."""
    torch.manual_seed(0)
    accelerator = Accelerator(cpu=True)
    model, loss_of = Net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    model, optimizer, train, val = accelerator.prepare(model, optimizer, *loaders())
    clock = Clock()
    for _ in range(EPOCHS):
        model.train()
        for images, labels in train:
            optimizer.zero_grad()
            loss = loss_of(model(images), labels)
            accelerator.backward(loss)
            optimizer.step()
        model.eval()
        right = 0
        for images, labels in val:
            with torch.no_grad():
                outputs = model(images)
            predicted, truth = accelerator.gather_for_metrics((outputs.argmax(1), labels))
            right += (predicted == truth).sum().item()
        clock.epoch()
    clock.report(right / len(val.dataset))


if __name__ == "__main__":
    main()
