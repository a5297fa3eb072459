from __future__ import annotations

import urllib.error
from pathlib import Path
from typing import Any

import pytest
import torch

from epochal.config.component import Component
from epochal.data.foreign import import_torchvision
from epochal.errors import ConfigError, RequestError
from epochal.models import build_model, check_model, classifier_parameters

import_torchvision()
timm = pytest.importorskip("timm")


def component(name: str, **arguments: Any) -> Component:
    return Component.model_validate({"name": name, **arguments})


def problems(name: str, **arguments: Any) -> dict[str, str]:
    return {key: str(problem) for key, problem in check_model(component(name, **arguments))}


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("torchvision/resnet18", {"fc.weight", "fc.bias"}),
        ("timm/resnet18", {"fc.weight", "fc.bias"}),
        ("mobilenet_v3_small", {"classifier.3.weight", "classifier.3.bias"}),
        ("squeezenet1_1", {"classifier.1.weight", "classifier.1.bias"}),
        ("vit_tiny_patch16_224", {"head.weight", "head.bias"}),
        ("inception_v3", {"fc.weight", "fc.bias"}),
    ],
)
@pytest.mark.parametrize("channels", [1, 3])
def test_models_fit_channels_size_and_classes(name: str, head: set[str], channels: int) -> None:
    side = 96 if name == "inception_v3" else 64  # Inception shrinks smaller images to nothing
    model = build_model(component(name), (channels, side, side), 3, seed=0)
    outputs = model.train()(torch.randn(2, channels, side, side))
    assert isinstance(outputs, torch.Tensor)
    assert outputs.shape == (2, 3)
    assert classifier_parameters(model) == head


def test_a_prefix_decides_between_the_packages() -> None:
    def origin(name: str) -> str:
        return type(build_model(component(name), (3, 32, 32), 2, seed=0)).__module__.split(".")[0]

    assert origin("resnet18") == origin("torchvision/resnet18") == "torchvision"
    assert origin("timm/resnet18") == origin("resnet18.a1_in1k") == "timm"


def test_arguments_reach_the_model() -> None:
    model = build_model(component("timm/resnet18", drop_rate=0.3), (3, 32, 32), 2, seed=0)
    assert model.drop_rate == 0.3
    assert problems("timm/efficientnet_b0", bn_momentum=0.1, drop_rate=0.2) == {}


@pytest.mark.parametrize("name", ["resnet18", "timm/resnet18", "timm/efficientnet_b0"])
def test_unknown_arguments_are_seen_before_building(name: str) -> None:
    assert "takes no 'droprate'" in problems(name, droprate=0.1)["droprate"]
    with pytest.raises(ConfigError, match="droprate"):
        build_model(component(name, droprate=0.1), (3, 32, 32), 2, seed=0)


def test_arguments_that_are_ours_to_fill_in() -> None:
    assert "filled in" in problems("timm/resnet18", in_chans=1)["in_chans"]
    assert "filled in" in problems("resnet18", num_classes=4)["num_classes"]
    assert "'pretrained'" in problems("resnet18", weights="DEFAULT")["weights"]
    assert "did you mean 'drop_rate'" in problems("timm/resnet18", drop_rat=0.1)["drop_rat"]
    assert "can't be 'high'" in problems("timm/resnet18", drop_rate="high")["drop_rate"]


@pytest.mark.parametrize("name", ["resnet19", "timm/resnet18.no_such_tag", "elsewhere/resnet18", "hf-hub/x"])
def test_unknown_names_are_errors_of_the_config(name: str) -> None:
    with pytest.raises(ConfigError, match=f"no model is called '{name}'"):
        check_model(component(name))


def test_without_a_network_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def offline(*arguments: object, **options: object) -> None:
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.urlopen", offline)
    monkeypatch.setattr("timm.create_model", offline)
    for name in ("resnet18", "timm/resnet18"):
        with pytest.raises(RequestError, match=r"could not download .* not known.*pretrained: PATH"):
            build_model(component(name, pretrained=True), (3, 32, 32), 2, seed=0)


def test_downloaded_weights_are_fitted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import torchvision

    source = torchvision.models.squeezenet1_1()
    file = tmp_path / "hub" / "checkpoints" / "squeezenet1_1-b8a52dc0.pth"
    file.parent.mkdir(parents=True)
    torch.save(source.state_dict(), file)  # where torch.hub looks before it downloads
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    model = build_model(component("squeezenet1_1", pretrained=True), (1, 64, 64), 3, seed=0)
    assert torch.equal(
        model.get_parameter("features.3.squeeze.weight"), source.get_parameter("features.3.squeeze.weight")
    )
    torch.testing.assert_close(
        model.get_parameter("features.0.weight"),
        source.get_parameter("features.0.weight").sum(1, keepdim=True),
    )
    assert model.get_parameter("classifier.1.weight").shape[0] == 3
