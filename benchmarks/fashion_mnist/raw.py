"""The tutorial's loop: torchvision's transforms a sample, a DataLoader, Adam."""

from __future__ import annotations

import sys

import torch
from torch import nn

from benchmarks.fashion_mnist.samples import loaders
from benchmarks.fashion_mnist.task import EPOCHS, LEARNING_RATE, Clock, Net


def main(workers: int) -> None:
    """Train and report; workers: processes of each DataLoader."""
    torch.manual_seed(0)
    train, val = loaders(workers)
    model, loss_of = Net(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    clock = Clock()
    for _ in range(EPOCHS):
        model.train()
        for images, labels in train:
            optimizer.zero_grad()
            loss = loss_of(model(images), labels)
            loss.backward()
            optimizer.step()
        model.eval()
        right = 0
        with torch.no_grad():
            for images, labels in val:
                right += (model(images).argmax(1) == labels).sum().item()
        clock.epoch()
    clock.report(right / len(val.dataset))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
