from __future__ import annotations

import pytest
import torch
from plain_loop import train
from torch import nn

from epochal.config.component import Component
from epochal.models import build_model, classifier_parameters
from epochal.models.unet import cut_to_size, pad_to_multiple


def build(shape: tuple[int, ...], outputs: int, **arguments: object) -> nn.Module:
    return build_model(Component.model_validate({"name": "unet", **arguments}), shape, outputs, seed=0)


@pytest.mark.parametrize("size", [(1, 1), (5, 8), (31, 33), (32, 16)])
def test_logits_have_the_images_size(size: tuple[int, int]) -> None:
    model = build((3, *size), 4, channels=2, depth=3)
    assert model(torch.randn(2, 3, *size)).shape == (2, 4, *size)
    assert model(torch.randn(2, 3, 20, 22)).shape == (2, 4, 20, 22)  # another size than it was built for


def test_the_papers_network_has_its_layers_and_size() -> None:
    model = build((3, 572, 572), 2, channels=64, depth=4)
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(convolutions) == 23  # Ronneberger et al. 2015, section 2
    # as in implementations with batch norm and without biases before it, Pytorch-UNet's for one
    assert sum(p.numel() for p in model.parameters()) == 31_037_698
    assert classifier_parameters(model) == {"classifier.weight", "classifier.bias"}


def test_padding_is_undone() -> None:
    images = torch.randn(2, 3, 13, 30)
    padded = pad_to_multiple(images, 16)
    assert padded.shape == (2, 3, 16, 32)
    assert torch.equal(cut_to_size(padded, images), images)
    assert padded.sum() == pytest.approx(images.sum().item(), abs=1e-4)
    whole = torch.randn(1, 1, 16, 32)
    assert pad_to_multiple(whole, 16) is whole


def test_a_unet_learns_to_find_discs() -> None:
    generator = torch.Generator().manual_seed(0)
    rows, columns = torch.meshgrid(torch.arange(20), torch.arange(22), indexing="ij")
    centre = 4 + 12 * torch.rand(60, 2, 1, 1, generator=generator)
    masks = ((rows - centre[:, 0]) ** 2 + (columns - centre[:, 1]) ** 2 < 16).long()
    images = masks.unsqueeze(1) + 0.5 * torch.randn(60, 1, 20, 22, generator=generator)
    model = build((1, 20, 22), 2, channels=16, depth=2)
    train(model, images[:40], masks[:40], epochs=8, batch=10)
    found = model(images[40:]).argmax(1)
    dice = 2 * (found * masks[40:]).sum() / (found.sum() + masks[40:].sum())
    assert dice.item() > 0.9
