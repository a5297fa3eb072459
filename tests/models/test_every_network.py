"""What holds for every network, whatever it takes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from epochal.config.component import Component
from epochal.errors import ConfigError
from epochal.models import build_model, check_model

CODES = {"cardinalities": (0, 4, 0, 9, 0)}
WORDS = {"vocabulary": 30}


@dataclass(frozen=True)
class Case:
    """A network with what it is built for."""

    name: str
    shape: Any
    facts: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def build(self, outputs: int = 3, seed: int = 3) -> nn.Module:
        component = Component.model_validate({"name": self.name, **self.arguments})
        assert not check_model(component)
        return build_model(component, self.shape, outputs, seed=seed, facts=self.facts)

    def inputs(self, batch: int = 5) -> dict[str, Tensor]:
        """By the name of the parameter of ``forward``."""
        if isinstance(self.shape, dict):
            return {
                name: sample(shape, self.facts if name == "columns" else {}, batch)
                for name, shape in self.shape.items()
            }
        if "input_shapes" in self.facts:
            words, columns = WORDS if "text" in self.facts["input_shapes"] else {}, CODES
            first, *_ = self.facts["input_shapes"]
            return {first: sample(self.shape, words, batch), "columns": sample((5,), columns, batch)}
        return {"": sample(self.shape, self.facts, batch)}

    def __str__(self) -> str:
        return "-".join(map(str, (self.name, *self.arguments.values())))


def sample(shape: tuple[int, ...], facts: Mapping[str, Any], batch: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    if "vocabulary" in facts:
        tokens = torch.randint(1, facts["vocabulary"], (batch, *shape), generator=generator)
        tokens[1, 4:] = 0
        return tokens
    values = torch.randn(batch, *shape, generator=generator)
    for column, codes in enumerate(facts.get("cardinalities", ())):
        if codes:
            values[:, column] = torch.randint(codes, (batch,), generator=generator).float()
    return values


def call(model: nn.Module, inputs: Mapping[str, Tensor]) -> Tensor:
    outputs: Tensor = model(inputs[""]) if "" in inputs else model(**inputs)
    return outputs


CASES = [
    Case("mlp", (5,), CODES, {"embedding": 3}),
    Case("tabular_resnet", (5,)),
    Case("tabular_resnet", (5,), CODES, {"layers": 1}),
    Case("ft_transformer", (5,), arguments={"layers": 1}),
    Case("ft_transformer", (5,), CODES),
    Case("ft_transformer", (2,), {"cardinalities": (3, 7)}, {"layers": 2}),
    Case("embedding_bag", (8,), WORDS),
    Case("text_rnn", (8,), WORDS),
    Case("text_rnn", (8,), WORDS, {"kind": "gru", "layers": 2, "pooling": "last"}),
    Case("text_transformer", (8,), WORDS),
    Case("rnn", (3, 12)),
    Case("rnn", (3, 12), {}, {"kind": "gru", "bidirectional": False, "pooling": "mean"}),
    Case("tcn", (3, 12)),
    Case("tcn", (1, 1), {}, {"kernel": 2}),
    Case("series_transformer", (3, 130)),
    Case("series_transformer", (2, 7), {}, {"patch": 3}),
    Case("wave_cnn", (1, 4000)),
    Case("wave_cnn", (2, 3), {}, {"channels": [8, 8]}),
    Case("mel_cnn", (1, 24, 30)),
    Case("mel_cnn", (1, 3, 1), {}, {"channels": [8, 8, 8]}),
    Case("mel_gru", (1, 24, 11)),
    Case("unet", (3, 37, 21), {}, {"channels": 4}),
    Case("unet", (1, 16, 16), {}, {"channels": 4, "depth": 2}),
    Case("fusion", {"image": (3, 10, 12), "columns": (5,)}, CODES),
    Case("fusion", (8,), {**CODES, **WORDS, "input_shapes": {"text": (8,), "columns": (5,)}}),
    Case("fusion", (2, 9), {**CODES, "input_shapes": {"series": (2, 9), "columns": (5,)}}),
    Case("fusion", {"left": (1, 8, 8), "right": (1, 8, 8)}),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_outputs_have_their_shape_and_every_parameter_learns(case: Case) -> None:
    model, inputs = case.build(), case.inputs()
    outputs = call(model, inputs)
    expected = (5, 3, *case.shape[1:]) if case.name == "unet" else (5, 3)
    assert outputs.shape == expected
    # the first outputs are near zero, so that the first loss is that of knowing nothing
    assert outputs.abs().mean() < 0.5
    torch.autograd.backward(outputs.square().sum())
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any() or parameter.numel() < 64, name  # a few ReLUs may all be shut


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_seed_decides_the_weights(case: Case) -> None:
    torch.manual_seed(5)
    first = case.build(seed=1).state_dict()
    torch.rand(3)
    second, other = case.build(seed=1).state_dict(), case.build(seed=2).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@pytest.mark.parametrize("case", [case for case in CASES if case.name != "mel_gru"][::2], ids=str)
def test_networks_export(case: Case) -> None:
    model, inputs = case.build().eval(), case.inputs()
    positional, named = ((inputs[""],), {}) if "" in inputs else ((), inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        exported = torch.export.export(model, positional, named)
    torch.testing.assert_close(exported.module()(*positional, **named), model(*positional, **named))


@pytest.mark.parametrize(
    ("case", "message"),
    [
        (Case("unet", (30,)), r"unet takes images C×H×W, .*\(30,\); use mlp or linear"),
        (Case("mel_gru", (1, 300)), r"mel_gru takes images .*; use rnn, tcn, series_transformer or wave_cnn"),
        (Case("rnn", (3, 8, 8)), r"rnn takes series and waves C×T, .*; use simple_cnn or resnet"),
        (Case("wave_cnn", (30,)), "wave_cnn takes series and waves"),
        (Case("ft_transformer", (3, 8, 8)), "ft_transformer takes rows of a table"),
        (Case("text_rnn", (30,)), "text_rnn takes text, these samples are none"),
        (Case("mlp", (8,), WORDS), "mlp takes no text; use embedding_bag, text_rnn"),
        (Case("resnet18", (8,), WORDS), "resnet18 takes no text"),
        (
            Case("linear", (5,), CODES),
            "linear takes no columns that are categories; use mlp, tabular_resnet or",
        ),
        (Case("simple_cnn", {"a": (1, 8, 8), "b": (4,)}), "takes one input, .* several: a, b; use fusion"),
        (Case("fusion", (1, 8, 8)), "fusion takes several inputs by name, these samples are one"),
        (Case("fusion", {"a": (1, 8, 8), "b": (2, 9, 9, 9)}), r"the input 'b' has shape \(2, 9, 9, 9\)"),
        (Case("tcn", (1, 8), {}, {"kernel": 1}), "'kernel' of tcn can't be 1"),
        (Case("text_transformer", (8,), WORDS, {"width": 30}), "30, can't be shared by 4 heads"),
        (Case("mlp", (5,), CODES, {"embedding": 0}), r"'embedding' of mlp can't be \[0\]"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_a_network_does_not_take_is_an_error_of_the_config(case: Case, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        case.build()


def test_what_the_data_has_reaches_a_users_model_by_name() -> None:
    component = Component.model_validate(f"{__name__}:own")
    assert not check_model(component)
    facts = {"cardinalities": (0, 3), "vocabulary": 9}
    model = build_model(component, {"image": (1, 4, 4), "columns": (2,)}, 2, seed=0, facts=facts)
    assert model(torch.ones(1, 9 + 3 + 2)).shape == (1, 2)


def own(outputs: int, vocabulary: int, cardinalities: Any, input_shapes: Any) -> nn.Module:
    return nn.Linear(vocabulary + sum(cardinalities) + input_shapes["columns"][0], outputs)
