from __future__ import annotations

import importlib
import random
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch

from epochal.config.component import Component
from epochal.data.foreign import (
    construct,
    forked_generators,
    import_torchvision,
    is_random,
    torchvision_names,
    torchvision_transform,
)
from epochal.errors import ConfigError, RequestError


def test_torchvision_imports_beside_any_torch() -> None:
    """In a fresh interpreter, where a CPU-only torch may lack what the wheel's operators want."""
    code = (
        "from epochal.data.foreign import import_torchvision as i\n"
        "assert i() is i()\n"
        "import torch, torchvision.transforms.v2 as v2\n"
        "print(tuple(v2.Resize(4)(torch.zeros(3, 8, 8)).shape), i().models.resnet18.__name__)"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::ResourceWarning", "-c", code],
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "(3, 4, 4) resnet18", done.stderr
    assert done.stderr == ""


def test_without_torchvision_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(RequestError, match=r"pip install 'epochal\[vision\]'"):
        import_torchvision()


def test_a_misspelt_name_of_ours_does_not_ask_for_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert torchvision_transform("rezise") is None


def test_only_transforms_are_found_by_name() -> None:
    assert torchvision_transform("ColorJitter") is not None
    assert torchvision_transform("InterpolationMode") is None
    assert "ColorJitter" in torchvision_names()


def test_random_transforms_are_told_from_deterministic_ones() -> None:
    import_torchvision()
    v2 = importlib.import_module("torchvision.transforms.v2")
    random_ones = {name for name in torchvision_names() if is_random(getattr(v2, name))}
    deterministic = {"Resize", "CenterCrop", "Pad", "Grayscale", "RGB", "Normalize", "ToDtype", "Identity"}
    assert deterministic | random_ones <= set(torchvision_names())
    assert not deterministic & random_ones
    others = {"AutoAugment", "RandAugment", "TrivialAugmentWide", "AugMix", "ColorJitter", "GaussianNoise"}
    assert others | {"ElasticTransform", "ScaleJitter", "GaussianBlur", "JPEG"} <= random_ones
    assert {name for name in torchvision_names() if name.startswith("Random")} <= random_ones


def test_forked_generators_seed_and_leave_no_trace() -> None:
    def numbers() -> tuple[float, float, float]:
        return random.random(), float(np.random.rand()), float(torch.rand(()))

    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    undisturbed = numbers()
    random.seed(5)
    np.random.seed(5)
    torch.manual_seed(5)
    with forked_generators(torch.device("cpu")) as seed:
        seed(2**62 + 1)
        inside = numbers()
        seed(2**62 + 1)
        again = numbers()
        seed(3)
        other = numbers()
    assert inside == again
    assert not set(inside) & set(other)
    assert numbers() == undisturbed


def test_generators_come_back_after_an_error() -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    with suppress(ZeroDivisionError), forked_generators() as seed:
        seed(1)
        raise ZeroDivisionError
    assert torch.equal(torch.get_rng_state(), state)


def test_a_class_is_constructed_and_a_function_is_called_with_its_arguments() -> None:
    class Scale:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        def __call__(self, x: float) -> float:
            return self.factor * x

    def shift(x: float, by: float) -> float:
        return x + by

    assert construct(Scale, Component.model_validate({"name": "a:Scale", "factor": 3}))(2) == 6
    assert construct(shift, Component.model_validate({"name": "a:shift", "by": 3}))(2) == 5


def test_a_constructor_that_refuses_is_a_mistake_of_the_config(tmp_path: Path) -> None:
    class Never:
        def __init__(self) -> None:
            raise FileNotFoundError("weights.bin")

    class Silent:
        pass

    with pytest.raises(ConfigError, match=r"a:Never.*weights\.bin"):
        construct(Never, Component(name="a:Never"))
    with pytest.raises(ConfigError, match="give it a method __call__"):
        construct(Silent, Component(name="a:Silent"))
