from __future__ import annotations

from typing import Any

import pytest
import torch
from plain_loop import train
from torch import nn
from torch.nn import functional as F

from epochal.config.component import Component
from epochal.models import build_model
from epochal.models.columns import Columns, embedding_width


def build(name: str, cardinalities: tuple[int, ...], outputs: int = 2, **arguments: Any) -> nn.Module:
    component = Component.model_validate({"name": name, **arguments})
    shape = (len(cardinalities),)
    return build_model(component, shape, outputs, seed=0, facts={"cardinalities": cardinalities})


def test_columns_keep_numbers_and_look_up_codes() -> None:
    columns = Columns("mlp", (0, 3, 0, 5), embedding=2)
    rows = torch.tensor([[1.5, 2.0, -1.0, 0.0], [0.0, 0.0, 3.0, 4.0]])
    first, second = columns.embeddings
    assert isinstance(first, nn.Embedding)
    assert isinstance(second, nn.Embedding)
    expected = torch.cat([rows[:, [0, 2]], first.weight[[2, 0]], second.weight[[0, 4]]], dim=1)
    assert columns.width == 6
    torch.testing.assert_close(columns(rows), expected)


def test_the_width_of_an_embedding_follows_the_number_of_codes() -> None:
    # fastai's emb_sz_rule: min(600, round(1.6 n^0.56))
    assert [embedding_width(codes) for codes in (2, 10, 1000, 10**6)] == [2, 6, 77, 600]
    assert build("mlp", (0, 10), hidden=[])(torch.zeros(1, 2)).shape == (1, 2)


def test_an_mlp_on_numbers_alone_is_the_plain_one() -> None:
    plain = build_model(Component(name="mlp"), (4,), 2, seed=1).state_dict()
    told = build_model(Component(name="mlp"), (4,), 2, seed=1, facts={"cardinalities": (0, 0, 0, 0)})
    assert list(plain) == list(told.state_dict())
    assert all(torch.equal(plain[name], tensor) for name, tensor in told.state_dict().items())


def test_the_blocks_of_tabular_resnet_stand_beside_a_shortcut() -> None:
    model = build("tabular_resnet", (0, 0, 0), width=8, layers=2, expansion=1.5)
    assert [m.out_features for m in model.modules() if isinstance(m, nn.Linear)] == [8, 12, 8, 12, 8, 2]
    for name, parameter in model.named_parameters():
        if "residual.4" in name:  # the last layer of each block: what is left is the shortcut
            nn.init.zeros_(parameter)
    model.eval()
    rows = torch.randn(5, 3)
    linear, norm, head = (model.get_submodule(name) for name in ("linear", "norm", "classifier"))
    torch.testing.assert_close(model(rows), head(F.relu(norm(linear(rows)))))


def test_the_ft_transformer_has_the_papers_parts() -> None:
    model = build("ft_transformer", (0, 4, 0), width=16, layers=2, heads=2)
    names = {name for name, _ in model.named_parameters()}
    assert model.get_parameter("tokens.bias").shape == (3, 16)
    assert model.get_parameter("tokens.weight").shape == (2, 16)
    assert model.get_parameter("tokens.embedding.weight").shape == (4, 16)
    # the first norm is left out, the others are there
    assert "encoder.blocks.0.norm1.weight" not in names
    assert "encoder.blocks.1.norm1.weight" in names
    assert model.get_parameter("encoder.blocks.0.linear1.weight").shape == (2 * 21, 16)  # ReGLU, 4/3


@pytest.mark.parametrize("name", ["mlp", "tabular_resnet", "ft_transformer"])
def test_codes_are_names_and_not_amounts(name: str) -> None:
    """Whether two categories go together, by a table drawn at random: no line through the codes tells."""
    generator = torch.Generator().manual_seed(0)
    together = torch.randint(2, (5, 6), generator=generator)
    codes = torch.stack([torch.randint(n, (600,), generator=generator) for n in (5, 6)], dim=1)
    targets = together[codes[:, 0], codes[:, 1]]
    arguments: dict[str, Any] = {"dropout": 0.0, "layers": 1} if name == "ft_transformer" else {}
    model = build(name, (5, 6), **arguments)
    train(model, codes[:400].float(), targets[:400], epochs=25, lr=5e-3)
    accuracy = (model(codes[400:].float()).argmax(1) == targets[400:]).float().mean().item()
    assert accuracy > 0.9
