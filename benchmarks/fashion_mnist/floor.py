"""The floor: the network on one repeated batch, channels-last, fused Adam; nothing is loaded or reported."""

from __future__ import annotations

import sys

import torch
from torch import nn

from benchmarks.fashion_mnist.task import BATCH_SIZE, EPOCHS, LEARNING_RATE, Clock, Net, accuracy, load
from epochal.engine.compute import keep_freed_memory


def main(precision: str) -> None:
    """Train and report; precision: float32 or bfloat16."""
    keep_freed_memory()
    torch.manual_seed(0)
    images, labels = (torch.from_numpy(array) for array in load("train"))
    images = images[:, None].float().div(255).contiguous(memory_format=torch.channels_last)
    model = Net().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    batch, targets, loss_of = images[:BATCH_SIZE], labels[:BATCH_SIZE], nn.CrossEntropyLoss()
    clock = Clock()
    for _ in range(EPOCHS):
        for _ in range(-(-len(images) // BATCH_SIZE)):
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                outputs = model(batch)
            loss_of(outputs.float(), targets).backward()
            optimizer.step()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            score = accuracy(model, images[:10000], labels[:10000])
        clock.epoch()
    clock.report(score)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "float32")
