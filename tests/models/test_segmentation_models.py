from __future__ import annotations

from typing import Any

import pytest
import torch

from epochal.config.component import Component
from epochal.data.foreign import import_torchvision
from epochal.errors import ConfigError, RequestError
from epochal.models import build_model, check_model


def component(name: str, **arguments: Any) -> Component:
    return Component.model_validate({"name": name, **arguments})


def problems(name: str, **arguments: Any) -> dict[str, str]:
    return {key: str(problem) for key, problem in check_model(component(name, **arguments))}


def test_without_the_package_the_way_to_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"'smp/Unet' needs segmentation-models-pytorch; pip install 'ep"):
        check_model(component("smp/Unet"))


@pytest.fixture
def smp() -> None:
    import_torchvision()
    pytest.importorskip("segmentation_models_pytorch")


@pytest.mark.usefixtures("smp")
@pytest.mark.parametrize("shape", [(1, 32, 64), (4, 50, 37)])
def test_logits_have_the_images_size(shape: tuple[int, int, int]) -> None:
    model = build_model(component("smp/Unet", encoder_name="resnet18"), shape, 3, seed=0)
    assert model(torch.randn(2, *shape)).shape == (2, 3, *shape[1:])


@pytest.mark.usefixtures("smp")
def test_the_seed_decides_the_weights() -> None:
    states = [
        build_model(component("smp/FPN", encoder_name="resnet18"), (3, 32, 32), 2, seed=seed).state_dict()
        for seed in (1, 1, 2)
    ]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert any(not torch.equal(states[0][name], states[2][name]) for name in states[0])


@pytest.mark.usefixtures("smp")
def test_mistakes_are_seen_before_building() -> None:
    with pytest.raises(ConfigError, match="has no 'Unett'; did you mean 'Unet'"):
        check_model(component("smp/Unett"))
    found = problems("smp/Unet", encoder_nam="resnet18", classes=3, encoder_depth="deep")
    assert "did you mean 'encoder_name'" in found["encoder_nam"]
    assert "filled in" in found["classes"]
    assert "expected int" in found["encoder_depth"]
    encoder = problems("smp/Unet", encoder_name="resnet19")["encoder_name"]
    assert "there is no encoder 'resnet19'; did you mean 'resnet18'" in encoder
    assert problems("smp/Unet", encoder_name="tu-resnet18", pretrained=True) == {}
    with pytest.raises(ConfigError, match="smp/FPN takes images"):
        build_model(component("smp/FPN"), (30,), 2, seed=0)


@pytest.mark.usefixtures("smp")
def test_weights_that_cannot_be_had_say_what_to_write(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(RequestError, match=r"'imagenet' .* can't be had.*encoder_weights: null"):
        build_model(component("smp/Unet", encoder_name="resnet18", pretrained=True), (3, 32, 32), 2, seed=0)
