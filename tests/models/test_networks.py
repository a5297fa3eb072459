from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

from epochal.config.component import Component
from epochal.errors import ConfigError
from epochal.models import build_model

SHAPES = [(1, 8, 8), (1, 28, 28), (3, 64, 48), (3, 1, 1), (2, 5, 31), (4, 33, 2)]


def build(shape: tuple[int, ...], outputs: int, name: str, **arguments: object) -> nn.Module:
    return build_model(Component.model_validate({"name": name, **arguments}), shape, outputs, seed=3)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["simple_cnn", "tiny_vgg", "resnet", "mlp", "linear"])
def test_every_network_takes_images_of_any_size(name: str, shape: tuple[int, ...]) -> None:
    model = build(shape, 7, name)
    outputs = model(torch.randn(5, *shape))
    assert outputs.shape == (5, 7)
    outputs.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_simple_cnn_is_what_its_arguments_say() -> None:
    model = build((3, 16, 16), 4, "simple_cnn", channels=[8, 12, 20], hidden=0, dropout=0.5, batch_norm=False)
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    assert [module.out_channels for module in convolutions] == [8, 12, 20]
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    (output,) = (module for module in model.modules() if isinstance(module, nn.Linear))
    assert output.in_features == 20 * 2 * 2  # 16 halved three times
    assert [module.p for module in model.modules() if isinstance(module, nn.Dropout)] == [0.5]


def test_simple_cnn_does_not_grow_with_the_image() -> None:
    sizes = {
        side: sum(p.numel() for p in build((3, side, side), 10, "simple_cnn").parameters())
        for side in (32, 64, 224)
    }
    assert len(set(sizes.values())) == 1


def test_relu_after_pooling_gives_what_relu_before_it_gives() -> None:
    model = build((1, 24, 24), 3, "simple_cnn", channels=[6], hidden=0).eval()
    images = torch.randn(4, 1, 24, 24)
    features = model.get_submodule("features")
    conv, norm = features.get_submodule("conv1"), features.get_submodule("norm1")
    expected = F.avg_pool2d(F.max_pool2d(F.relu(norm(conv(images))), 2), 2, ceil_mode=True)
    torch.testing.assert_close(features(images), expected)


def test_resnet_20_has_the_papers_size() -> None:
    model = build((3, 32, 32), 10, "resnet")
    # 0.27 million in table 6 of He et al. 2015; to the unit in implementations with their shortcut
    assert sum(p.numel() for p in model.parameters()) == 269_722
    assert sum(isinstance(m, nn.Conv2d | nn.Linear) for m in model.modules()) == 20


def test_tiny_vgg_has_two_blocks_of_two_convolutions() -> None:
    model = build((3, 64, 64), 10, "tiny_vgg", width=6)
    assert [m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d)] == [6, 6, 6, 6]
    assert sum(p.numel() for p in model.parameters()) == (28 * 6) + 3 * (55 * 6) + (6 * 16 * 16 + 1) * 10


def test_mlp_is_what_its_arguments_say() -> None:
    model = build((30,), 2, "mlp", hidden=[16, 8], dropout=0.25, batch_norm=True, activation="tanh")
    assert [m.out_features for m in model.modules() if isinstance(m, nn.Linear)] == [16, 8, 2]
    kinds = [type(m) for m in model.modules()]
    assert kinds.count(nn.BatchNorm1d) == kinds.count(nn.Tanh) == kinds.count(nn.Dropout) == 2
    assert build((30,), 2, "mlp", hidden=[])(torch.randn(3, 30)).shape == (3, 2)


@pytest.mark.parametrize("name", ["simple_cnn", "tiny_vgg", "resnet", "resnet18"])
def test_an_image_model_on_vectors_says_what_to_use(name: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name} takes images C×H×W, .*\(30,\); use mlp or linear"):
        build((30,), 2, name)


def test_impossible_sizes_are_errors_of_the_config() -> None:
    with pytest.raises(ConfigError, match=r"21 layers.*6n \+ 2"):
        build((1, 8, 8), 2, "resnet", depth=21)
    with pytest.raises(ConfigError, match=r"'channels' of simple_cnn can't be \[8, 0\]"):
        build((1, 8, 8), 2, "simple_cnn", channels=[8, 0])
    with pytest.raises(ConfigError, match="'hidden' of mlp"):
        build((4,), 2, "mlp", hidden=[-1])
    with pytest.raises(ConfigError, match="dropout"):
        build((4,), 2, "mlp", dropout=1.5)


@pytest.mark.parametrize(
    ("name", "epochs", "least"), [("simple_cnn", 6, 0.96), ("tiny_vgg", 10, 0.9), ("mlp", 10, 0.9)]
)
def test_networks_learn_the_digits(name: str, epochs: int, least: float) -> None:
    features, labels = load_digits(return_X_y=True)
    images = torch.from_numpy(((features.reshape(-1, 1, 8, 8) / 16 - 0.3) / 0.37).astype(np.float32))
    targets = torch.from_numpy(labels)
    generator = torch.Generator().manual_seed(0)
    order = torch.randperm(len(images), generator=generator)
    training, test = order[:1400], order[1400:]
    model = build((1, 8, 8), 10, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # making an optimizer imports much that is not under test
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(epochs):
        shuffled = training[torch.randperm(len(training), generator=generator)]
        for batch in torch.split(shuffled, 50):
            loss = F.cross_entropy(model(images[batch]), targets[batch])
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    model.eval()
    accuracy = (model(images[test]).argmax(1) == targets[test]).float().mean().item()
    assert accuracy > least
