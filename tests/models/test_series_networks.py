from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from plain_loop import train
from torch import Tensor, nn

from epochal.config.component import Component
from epochal.models import build_model


def build(name: str, shape: tuple[int, ...], outputs: int = 2, **arguments: Any) -> nn.Module:
    return build_model(Component.model_validate({"name": name, **arguments}), shape, outputs, seed=0)


def sensitive(model: nn.Module, shape: tuple[int, int]) -> Tensor:
    """By step, whether the outputs depend on it."""
    series = torch.randn(2, *shape, requires_grad=True)
    model.eval()(series).sum().backward()
    assert series.grad is not None
    return series.grad.abs().sum(dim=(0, 1)) > 0


@pytest.mark.parametrize("steps", [1, 2, 9, 10, 64, 100])
@pytest.mark.parametrize("kernel", [2, 3, 5])
def test_a_tcns_last_step_sees_the_first(steps: int, kernel: int) -> None:
    model = build("tcn", (1, steps), kernel=kernel, width=16)
    assert sensitive(model, (1, steps)).any()
    blocks = len(list(model.get_submodule("blocks").children()))
    assert 1 + 2 * (kernel - 1) * (2**blocks - 1) >= steps
    assert blocks == 1 or 1 + 2 * (kernel - 1) * (2 ** (blocks - 1) - 1) < steps


def test_a_tcn_looks_back_and_never_ahead() -> None:
    blocks = build("tcn", (2, 30)).eval().get_submodule("blocks")
    series = torch.randn(1, 2, 30)
    changed = series.clone()
    changed[:, :, 20:] += 1
    torch.testing.assert_close(blocks(series)[:, :, :20], blocks(changed)[:, :, :20])
    # two convolutions of 3 steps: the last sees 5 in one level
    seen = sensitive(build("tcn", (1, 30), levels=1), (1, 30))
    assert seen.nonzero().flatten().tolist() == [25, 26, 27, 28, 29]


def test_patches_are_as_few_steps_as_make_64_tokens() -> None:
    for steps, expected in ((64, 1), (65, 2), (1000, 16)):
        tokens = build("series_transformer", (3, steps)).get_submodule("tokens")
        assert isinstance(tokens, nn.Conv1d)
        assert tokens.kernel_size == (expected,)
    assert sensitive(build("series_transformer", (1, 7), patch=3), (1, 7)).all()


def test_the_series_transformer_knows_the_order() -> None:
    model = build("series_transformer", (1, 12)).eval()
    series = torch.randn(1, 1, 12)
    assert not torch.allclose(model(series), model(series.flip(2)), atol=1e-4)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
@pytest.mark.parametrize("bidirectional", [True, False])
def test_an_rnn_is_what_its_arguments_say(kind: str, bidirectional: bool) -> None:
    model = build("rnn", (3, 9), kind=kind, bidirectional=bidirectional, hidden=8, layers=2, dropout=0.2)
    cells = [m for m in model.modules() if isinstance(m, nn.RNNBase)]
    assert {type(cell) for cell in cells} == {nn.LSTM if kind == "lstm" else nn.GRU}
    assert [cell.input_size for cell in cells] == ([3, 3, 16, 16] if bidirectional else [3, 8])


def test_wave_cnn_with_the_papers_channels_has_its_size() -> None:
    model = build("wave_cnn", (1, 32000), 10, channels=[128, 128, 256, 512])
    parameters = sum(p.numel() for p in model.parameters())
    # 0.5 million in table 1 of Dai et al. 2017 (M5): without biases of convolutions, with batch norms
    assert parameters == 80 * 128 + 3 * (128 * 128 + 128 * 256 + 256 * 512) + 2 * 1024 + 512 * 10 + 10


@pytest.mark.parametrize(
    ("name", "shape", "epochs"),
    [
        ("rnn", (2, 40), 8),
        ("tcn", (2, 40), 5),
        ("series_transformer", (2, 40), 10),
        ("wave_cnn", (2, 400), 6),
        ("mel_cnn", (1, 8, 20), 4),
        ("mel_gru", (1, 8, 20), 6),
    ],
)
def test_networks_learn_whether_a_tone_rises(name: str, shape: tuple[int, ...], epochs: int) -> None:
    """A chirp in noise, up or down, of random phase and strength; for mel networks its spectrogram's line."""
    generator = torch.Generator().manual_seed(0)
    rises = torch.randint(2, (500,), generator=generator)
    time = torch.linspace(0, 1, shape[-1])
    if name.startswith("mel"):
        bands = torch.arange(8).view(8, 1)
        line = torch.where(rises.view(-1, 1, 1) == 1, 7 * time, 7 * (1 - time))
        inputs = (1.0 * (bands - line).abs().lt(1)).unsqueeze(1)
    else:
        cycles = torch.where(rises.unsqueeze(1) == 1, 1 + 4 * time, 5 - 4 * time)
        phase = 2 * math.pi * torch.rand(500, 1, generator=generator)
        wave = torch.sin(2 * math.pi * cycles * time + phase)
        inputs = wave.unsqueeze(1) * (0.5 + torch.rand(500, shape[0], 1, generator=generator))
    inputs = inputs + 0.2 * torch.randn(500, *shape, generator=generator)
    arguments = {"wave_cnn": {"kernel": 16}, "series_transformer": {"patch": 4}}
    model = build(name, shape, **arguments.get(name, {}))
    train(model, inputs[:350], rises[:350], epochs, lr=5e-3)
    accuracy = (model(inputs[350:]).argmax(1) == rises[350:]).float().mean().item()
    assert accuracy > 0.9
