from __future__ import annotations

from typing import Any

import pytest
import torch
from plain_loop import train
from torch import nn

from epochal.config.component import Component
from epochal.models import build_model

VOCABULARY = 20
NETWORKS: list[tuple[str, dict[str, Any]]] = [
    ("embedding_bag", {}),
    ("text_rnn", {}),
    ("text_rnn", {"kind": "gru", "pooling": "last", "layers": 2}),
    ("text_rnn", {"pooling": "mean", "bidirectional": False}),
    ("text_transformer", {}),
]


def build(name: str, outputs: int = 3, **arguments: Any) -> nn.Module:
    component = Component.model_validate({"name": name, **arguments})
    return build_model(component, (12,), outputs, seed=0, facts={"vocabulary": VOCABULARY})


@pytest.mark.parametrize(("name", "arguments"), NETWORKS)
def test_padding_does_not_change_a_rows_result(name: str, arguments: dict[str, Any]) -> None:
    model = build(name, **arguments).eval()
    texts = [torch.randint(1, VOCABULARY, (length,)) for length in (1, 4, 9)]
    batch = nn.utils.rnn.pad_sequence([*texts, torch.ones(15, dtype=torch.long)], batch_first=True)
    together = model(batch)
    for row, text in enumerate(texts):
        torch.testing.assert_close(model(text.unsqueeze(0))[0], together[row])


@pytest.mark.parametrize(("name", "arguments"), NETWORKS)
def test_an_empty_text_and_one_longer_than_any_before_have_a_result(
    name: str, arguments: dict[str, Any]
) -> None:
    model = build(name, **arguments)
    tokens = torch.randint(1, VOCABULARY, (3, 40))
    tokens[1] = 0
    outputs = model(tokens)
    assert outputs.isfinite().all()
    outputs.sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_both_ways_read_as_torchs_own_do() -> None:
    model = build("text_rnn", pooling="last").eval()
    tokens = torch.randint(1, VOCABULARY, (4, 7))
    torchs = nn.LSTM(64, 64, batch_first=True, bidirectional=True)
    for way, suffix in ((0, ""), (1, "_reverse")):
        for name in ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"):
            own = model.get_parameter(f"recurrent.layers.0.{way}.{name}")
            torchs.get_parameter(name + suffix).data.copy_(own)
    vectors = model.get_submodule("embedding")(tokens)
    _, (last, _) = torchs(vectors)
    expected = model.get_submodule("classifier")(torch.cat([last[0], last[1]], dim=1))
    torch.testing.assert_close(model(tokens), expected)


def test_a_bag_does_not_know_the_order_and_the_others_do() -> None:
    forward = torch.tensor([[3, 4, 5, 6]])
    bag = build("embedding_bag").eval()
    torch.testing.assert_close(bag(forward), bag(forward.flip(1)))
    for name in ("text_rnn", "text_transformer"):
        model = build(name).eval()
        assert not torch.allclose(model(forward), model(forward.flip(1)), atol=1e-4)


@pytest.mark.parametrize(("name", "epochs"), [("text_rnn", 6), ("text_transformer", 8)])
def test_networks_learn_which_word_comes_first(name: str, epochs: int) -> None:
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(3, VOCABULARY, (600, 10), generator=generator)
    lengths = torch.randint(5, 11, (600,), generator=generator)
    targets = torch.randint(2, (600,), generator=generator)
    tokens[torch.arange(10) >= lengths.unsqueeze(1)] = 0
    tokens[:, 1], tokens[:, 4] = 1 + targets, 2 - targets  # words 1 and 2, in one order or the other
    model = build(name, outputs=2)
    train(model, tokens[:450], targets[:450], epochs)
    accuracy = (model(tokens[450:]).argmax(1) == targets[450:]).float().mean().item()
    assert accuracy > 0.9
