from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from epochal.config.component import Component
from epochal.errors import ConfigError, RequestError
from epochal.models import build_model, check_model


def component(name: str, **arguments: Any) -> Component:
    return Component.model_validate({"name": name, **arguments})


def problems(name: str, **arguments: Any) -> dict[str, str]:
    return {key: str(problem) for key, problem in check_model(component(name, **arguments))}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's, importable from the working folder."""
    name = f"project_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(
        textwrap.dedent("""
        from torch import nn

        class Net(nn.Module):
            def __init__(self, in_features: int, num_classes: int = 1000, width: int = 4):
                super().__init__()
                self.body = nn.Linear(in_features, width)
                self.head = nn.Linear(width, num_classes)

            def forward(self, x):
                return self.head(self.body(x.flatten(1)).relu())

        def function(in_channels, outputs):
            return nn.Sequential(nn.Conv2d(in_channels, outputs, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())

        def broken(outputs):
            return nn.Linear(3, "x" * outputs)

        def lazy(outputs):
            return nn.Sequential(nn.Flatten(), nn.LazyLinear(outputs))

        def no_module(outputs):
            return [outputs]
        """)
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def test_a_users_class_gets_its_sizes_by_name(project: str) -> None:
    model = build_model(component(f"{project}:Net", width=6), (2, 3, 3), 5, seed=0)
    assert model.get_parameter("body.weight").shape == (6, 18)
    assert model.get_parameter("head.weight").shape == (5, 6)
    assert not check_model(component(f"{project}:Net", width=6))


def test_what_a_user_writes_wins(project: str) -> None:
    own = component(f"{project}:Net", num_classes=3)
    assert not check_model(own)
    assert build_model(own, (7,), 5, seed=0).get_parameter("head.weight").shape == (3, 4)


def test_a_users_function_and_a_class_of_torch_are_models(project: str) -> None:
    model = build_model(component(f"{project}:function"), (3, 4, 4), 5, seed=0)
    assert model(torch.zeros(2, 3, 4, 4)).shape == (2, 5)
    assert build_model(component("torch.nn:Linear"), (4,), 3, seed=0)(torch.zeros(2, 4)).shape == (2, 3)


def test_a_users_model_starts_as_in_plain_pytorch(project: str) -> None:
    model = build_model(component("torch.nn:Linear"), (4,), 3, seed=11)
    torch.manual_seed(11)
    assert torch.equal(model.get_parameter("weight"), nn.Linear(4, 3).weight)


def test_a_failing_constructor_names_its_line(project: str) -> None:
    with pytest.raises(ConfigError, match=r"building the model .*broken' failed: \w+Error"):
        build_model(component(f"{project}:broken"), (3,), 2, seed=0)
    with pytest.raises(ConfigError, match="gave a list"):
        build_model(component(f"{project}:no_module"), (3,), 2, seed=0)


@pytest.mark.parametrize("name", ["simple_cnn", "mlp", "resnet18"])
def test_the_seed_decides_and_the_global_generator_is_left_alone(name: str) -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = build_model(component(name), (1, 8, 8), 3, seed=1).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    second = build_model(component(name), (1, 8, 8), 3, seed=1).state_dict()
    other = build_model(component(name), (1, 8, 8), 3, seed=2).state_dict()
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_init_chooses_the_scheme_for_any_model() -> None:
    plain = build_model(component("torch.nn:Linear", init="normal"), (500,), 400, seed=0)
    assert plain.get_parameter("weight").std().item() == pytest.approx(0.02, rel=0.05)
    ours = build_model(component("linear", init="none"), (500,), 400, seed=0)
    assert ours.get_parameter("classifier.bias").any()


def test_our_first_loss_is_that_of_knowing_nothing() -> None:
    model = build_model(component("mlp"), (64,), 10, seed=0)
    outputs = model(torch.randn(200, 64))
    loss = nn.functional.cross_entropy(outputs, torch.arange(200) % 10).item()
    assert loss == pytest.approx(2.303, abs=0.05)


def test_misspelt_names_and_arguments() -> None:
    with pytest.raises(ConfigError, match="no model is called 'simple_cn'; did you mean 'simple_cnn'"):
        check_model(component("simple_cn"))
    found = problems("mlp", hiden=[3], activation="rel", outputs=3)
    assert found["hiden"] == "mlp takes no 'hiden'; did you mean 'hidden'?"
    assert "can't be 'rel'" in found["activation"]
    assert "filled in by epochal" in found["outputs"]
    assert problems("simple_cnn", channels="wide").keys() == {"channels"}
    assert problems("simple_cnn", channels=[8, 16], hidden=0, dropout=0.1) == {}


def test_reserved_keys_are_checked(tmp_path: Path) -> None:
    assert "did you mean 'kaiming'" in problems("mlp", init="kaimin")["init"]
    assert "PATH" in problems("mlp", pretrained=True)["pretrained"]
    assert "there is no file" in problems("mlp", pretrained=str(tmp_path / "no.pt"))["pretrained"]
    assert "can't be 3" in problems("mlp", pretrained=3)["pretrained"]
    assert "would overwrite" in problems("resnet18", pretrained=True, init="xavier")["init"]
    (tmp_path / "yes.pt").touch()
    assert problems("mlp", pretrained=str(tmp_path / "yes.pt"), init="orthogonal") == {}
    assert problems("resnet18", pretrained=True) == {}


def test_weights_of_an_earlier_model_are_taken_up(tmp_path: Path) -> None:
    first = build_model(component("simple_cnn"), (1, 8, 8), 10, seed=1)
    torch.save(first.state_dict(), tmp_path / "first.pt")
    second = build_model(component("simple_cnn", pretrained=str(tmp_path / "first.pt")), (1, 8, 8), 4, seed=2)
    conv, head = "features.conv2.weight", "classifier.output.weight"
    assert torch.equal(first.state_dict()[conv], second.state_dict()[conv])
    assert second.state_dict()[head].shape == (4, 128)
    assert not second.state_dict()[head].any(), "an output layer of its own begins at zero"


def test_weights_are_not_read_into_layers_without_a_size(project: str, tmp_path: Path) -> None:
    torch.save({"1.weight": torch.zeros(3, 64), "1.bias": torch.zeros(3)}, tmp_path / "first.pt")
    with pytest.raises(ConfigError, match="sizes are not known before the first batch"):
        build_model(component(f"{project}:lazy", pretrained=str(tmp_path / "first.pt")), (1, 8, 8), 3, seed=1)


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"pip install 'epochal\[vision\]'"):
        check_model(component("resnet18"))
    with pytest.raises(RequestError, match=r"'timm/resnet18' needs timm; pip install"):
        check_model(component("timm/resnet18"))
    with pytest.raises(RequestError, match=r"did you mean 'simple_cnn' .*\? for their models"):
        check_model(component("simple_cn"))
