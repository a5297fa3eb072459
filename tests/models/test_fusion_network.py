from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from epochal.config.component import Component
from epochal.models import build_model


def test_each_input_has_its_branch_and_counts() -> None:
    shapes = {"image": (3, 16, 16), "columns": (3,)}
    component = Component.model_validate({"name": "fusion", "width": 8, "channels": [4], "hidden": [6]})
    model = build_model(component, shapes, 2, seed=0, facts={"cardinalities": (0, 5, 0)}).eval()
    image, columns = torch.randn(4, 3, 16, 16), torch.tensor([[0.5, 3.0, -1.0]]).repeat(4, 1)
    outputs = model(image=image, columns=columns)
    assert outputs.shape == (4, 2)
    torch.testing.assert_close(model(columns=columns, image=image), outputs)  # by name, not by place
    other = columns.clone()
    other[:, 1] = 4.0
    assert not torch.allclose(model(image=image, columns=other), outputs)
    assert not torch.allclose(model(image=-image, columns=columns), outputs)
    assert any(isinstance(module, nn.Embedding) for module in model.modules())


def test_it_learns_what_neither_input_tells_alone() -> None:
    """The class is whether the bright half of the image is the one that the column names."""
    generator = torch.Generator().manual_seed(0)
    side = torch.randint(2, (300,), generator=generator)
    named = torch.randint(2, (300,), generator=generator)
    images = 0.3 * torch.randn(300, 1, 8, 8, generator=generator)
    images[side == 0, :, :, :4] += 1
    images[side == 1, :, :, 4:] += 1
    columns, targets = (1.0 + named).unsqueeze(1), (side == named).long()
    component = Component.model_validate({"name": "fusion", "width": 32, "channels": [8]})
    shapes = {"image": (1, 8, 8), "columns": (1,)}
    model = build_model(component, shapes, 2, seed=0, facts={"cardinalities": (3,)})
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for step in range(60):
        batch = torch.arange(50) + 50 * (step % 4)
        loss = F.cross_entropy(model(image=images[batch], columns=columns[batch]), targets[batch])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    model.eval()
    found = model(image=images[200:], columns=columns[200:]).argmax(1)
    assert (found == targets[200:]).float().mean().item() > 0.9
