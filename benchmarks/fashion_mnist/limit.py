"""The limit loop: all images as one uint8 tensor; gather, flip and normalise whole batches; channels-last."""

from __future__ import annotations

import sys

import torch
from torch import nn

from benchmarks.fashion_mnist import task
from benchmarks.fashion_mnist.task import BATCH_SIZE, EPOCHS, MEAN, STD, Clock, Net
from epochal.engine.compute import keep_freed_memory


def main(precision: str) -> None:
    """Train and report; precision: float32 or bfloat16."""
    keep_freed_memory()
    torch.manual_seed(0)
    images, labels = (torch.from_numpy(array) for array in task.load("train"))
    test_images, test_labels = (torch.from_numpy(array) for array in task.load("t10k"))
    images = images[:, None]
    test_images = test_images[:, None].float().div(255).sub(MEAN).div(STD)
    model = Net().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=task.LEARNING_RATE, fused=True)
    loss_of = nn.CrossEntropyLoss()
    clock = Clock()
    for _ in range(EPOCHS):
        for index in torch.randperm(len(images)).split(BATCH_SIZE):
            batch = images[index].float().mul_(1 / 255 / STD).sub_(MEAN / STD)
            flipped = torch.rand(len(batch)) < 0.5
            batch = torch.where(flipped[:, None, None, None], batch.flip(3), batch)
            batch = batch.contiguous(memory_format=torch.channels_last)
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
                outputs = model(batch)
            loss_of(outputs.float(), labels[index]).backward()
            optimizer.step()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            score = task.accuracy(model, test_images, test_labels)
        clock.epoch()
    clock.report(score)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "float32")
