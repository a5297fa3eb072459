from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def train(
    model: nn.Module, inputs: Tensor, targets: Tensor, epochs: int, lr: float = 3e-3, batch: int = 50
) -> None:
    """Train by AdamW, and leave the model in evaluation mode."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # making an optimizer imports much that is not under test
        optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    generator = torch.Generator().manual_seed(0)
    model.train()
    for _ in range(epochs):
        for rows in torch.split(torch.randperm(len(inputs), generator=generator), batch):
            loss = F.cross_entropy(model(inputs[rows]), targets[rows])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    model.eval()
