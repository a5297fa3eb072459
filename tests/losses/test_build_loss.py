from __future__ import annotations

import logging
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from epochal.config.component import Component
from epochal.data.manifest import Array, TargetKind
from epochal.errors import ConfigError
from epochal.losses import (
    LOSSES,
    SINGLE_OUTPUT_LOSSES,
    DiceLoss,
    FocalLoss,
    SigmoidFocalLoss,
    WeightedSum,
    accepts_probabilities,
    build_loss,
    check_loss,
)

CLASSES = np.array([0] * 10 + [1] * 5 + [2] * 1)
BINARY = np.array([0] * 12 + [1] * 3)
LABELS = np.array([[1, 0], [1, 1], [0, 0], [1, 0]], dtype=np.uint8)
VALUES = np.array([[0.5], [1.5]], dtype=np.float32)


def component(name: str, **arguments: Any) -> Component:
    return Component.model_validate({"name": name, **arguments})


def build(
    name: str, targets: Array = CLASSES, kind: TargetKind = "class", classes: int = 3, **arguments: Any
) -> nn.Module:
    return build_loss(component(name, **arguments), targets, kind, classes)


def problems(name: str, **arguments: Any) -> dict[str, str]:
    return {key: str(problem) for key, problem in check_loss(component(name, **arguments))}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"losses_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(
        textwrap.dedent("""
        from torch import nn

        def squared(outputs, targets, weight=None, power: float = 2.0):
            difference = (outputs - targets).abs() ** power
            return (difference if weight is None else weight * difference).mean()

        class Weighted(nn.Module):
            def __init__(self, weight):
                super().__init__()
                self.weight = weight

            def forward(self, outputs, targets):
                return (self.weight * (outputs - targets)).mean()

        class Plain:
            def __init__(self, scale: float = 1.0, alpha: list[float] | None = None):
                self.scale, self.alpha = scale, alpha

            def __call__(self, outputs, targets):
                return self.scale * (outputs - targets).mean()
        """)
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("cross_entropy", nn.CrossEntropyLoss),
        ("CrossEntropyLoss", nn.CrossEntropyLoss),
        ("mse", nn.MSELoss),
        ("l1", nn.L1Loss),
        ("smooth_l1", nn.SmoothL1Loss),
        ("huber", nn.HuberLoss),
        ("bce", nn.BCELoss),
        ("bce_with_logits", nn.BCEWithLogitsLoss),
        ("nll", nn.NLLLoss),
        ("kl_div", nn.KLDivLoss),
        ("poisson_nll", nn.PoissonNLLLoss),
        ("multi_label_soft_margin", nn.MultiLabelSoftMarginLoss),
        ("focal", FocalLoss),
        ("sigmoid_focal", SigmoidFocalLoss),
    ],
)
def test_losses_by_name(name: str, loss: type[nn.Module]) -> None:
    assert type(build(name)) is loss
    assert check_loss(component(name)) == []


def test_every_name_is_callable_with_outputs_and_targets() -> None:
    outputs = torch.rand(4, 3, requires_grad=True)
    for name in LOSSES.names:
        arguments: dict[str, Any] = {"losses": ["cross_entropy", "dice"]} if name == "sum" else {}
        loss = build(name, **arguments)
        indices = isinstance(
            loss,
            nn.CrossEntropyLoss | nn.NLLLoss | nn.MultiMarginLoss | FocalLoss | DiceLoss | WeightedSum,
        )
        labels = isinstance(loss, nn.MultiLabelMarginLoss)
        targets = (
            torch.tensor([0, 1, 2, 0]) if indices else torch.ones(4, 3, dtype=torch.int64 if labels else None)
        )
        if isinstance(loss, nn.KLDivLoss):
            continue  # PyTorch itself warns against its mean
        assert loss(outputs, targets).shape == ()
    assert set(LOSSES.names) >= SINGLE_OUTPUT_LOSSES


def test_arguments_reach_the_loss() -> None:
    loss = build("cross_entropy", label_smoothing=0.1, weight=[1, 2, 3])
    outputs, targets = torch.randn(5, 3), torch.tensor([0, 1, 2, 1, 0])
    expected = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0]), label_smoothing=0.1)
    assert torch.equal(loss(outputs, targets), expected(outputs, targets))
    assert loss.to("meta").get_buffer("weight").is_meta


def test_balanced_weights_are_scikit_learns() -> None:
    expected = compute_class_weight("balanced", classes=np.arange(3), y=CLASSES)
    for name, key in (("cross_entropy", "weight"), ("nll", "weight"), ("focal", "alpha")):
        balanced = build_loss(component(name, **{key: "balanced"}), CLASSES, "class", 3)
        weights = balanced.get_buffer(key)
        np.testing.assert_allclose(weights.numpy(), expected, rtol=1e-6)


def test_balanced_labels() -> None:
    loss = build("bce_with_logits", LABELS, "labels", 2, pos_weight="balanced")
    assert loss.get_buffer("pos_weight").tolist() == pytest.approx([1 / 3, 3.0])
    focal = build("sigmoid_focal", LABELS, "labels", 2, alpha="balanced")
    assert focal.get_buffer("alpha").tolist() == pytest.approx([0.25, 0.75])


def test_two_classes_of_one_output_have_one_positive_weight() -> None:
    loss = build("bce_with_logits", BINARY, "class", 2, pos_weight="balanced")
    assert loss.get_buffer("pos_weight").tolist() == [4.0]
    # the balanced positives weigh as much as the negatives
    value = loss(torch.zeros(15, 1), torch.from_numpy(BINARY).float()[:, None])
    assert value.item() == pytest.approx(np.log(2) * (12 + 3 * 4) / 15)
    assert build("bce_with_logits", BINARY, "class", 2, pos_weight=3).get_buffer("pos_weight").tolist() == [
        3.0
    ]
    with pytest.raises(ConfigError, match=r"loss.pos_weight: .* length 2; write 1"):
        build("bce_with_logits", BINARY, "class", 2, pos_weight=[1, 2])


def test_a_class_without_training_samples_keeps_the_loss_finite(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="epochal"):
        weights = build("cross_entropy", classes=4, weight="balanced").get_buffer("weight")
    assert weights.tolist() == pytest.approx([16 / 40, 16 / 20, 16 / 4, 16 / 4])
    assert "[3]" in caplog.text


def test_impossible_weights_are_errors_of_the_config() -> None:
    with pytest.raises(ConfigError, match=r"loss.weight: .*has length 2; write 3"):
        build("cross_entropy", weight=[1, 2])
    with pytest.raises(ConfigError, match="needs classes or labels"):
        build("cross_entropy", VALUES, "value", 1, weight="balanced")
    with pytest.raises(ConfigError, match="pos_weight: balanced"):
        build("bce_with_logits", LABELS, "labels", 2, weight="balanced")


def test_checks_before_any_data_is_read() -> None:
    with pytest.raises(ConfigError, match="no loss is called 'cross_entrpy'; did you mean 'cross_entropy'"):
        check_loss(component("cross_entrpy"))
    for name in ("TripletMarginLoss", "ctc", "gaussian_nll"):
        with pytest.raises(ConfigError, match="outputs and targets alone; wrap it"):
            check_loss(component(name))
    assert problems("focal", gama=2)["gama"] == "focal takes no 'gama'; did you mean 'gamma'?"
    assert "can't be 'high'" in problems("focal", gamma="high")["gamma"]
    assert "mean over the batch" in problems("mse", reduction="sum")["reduction"]
    assert "deprecated" in problems("mse", reduce=False)["reduce"]
    assert "write balanced" in problems("cross_entropy", weight="balancd")["weight"]
    assert "write balanced" in problems("focal", alpha=[0.1, "x"])["alpha"]
    assert problems("mse", weight="balanced").keys() == {"weight"}
    assert problems("cross_entropy", weight="balanced", label_smoothing=0.1) == {}
    assert problems("bce_with_logits", pos_weight=2) == {}


def test_a_users_function(project: str) -> None:
    name = f"{project}:squared"
    loss = build(name, power=1.0)
    assert loss(torch.tensor([3.0]), torch.tensor([1.0])).item() == 2.0
    assert problems(name, power="two").keys() == {"power"}
    assert problems(name, powr=1.0)["powr"].endswith("did you mean 'power'?")
    assert problems(name, outputs=1).keys() == {"outputs"}
    weighted = build(name, weight="balanced")
    assert weighted.to("meta").get_buffer("weight").is_meta


def test_a_users_class(project: str) -> None:
    loss = build(f"{project}:Weighted", weight="balanced")
    assert loss(torch.ones(2, 3), torch.zeros(2, 3)).item() == pytest.approx((16 / 30 + 16 / 15 + 16 / 3) / 3)
    assert loss.to("meta").get_buffer("weight").is_meta
    plain = build(f"{project}:Plain", scale=3.0, alpha=[1.0])
    assert plain(torch.tensor([2.0]), torch.tensor([1.0])).item() == 3.0
    with pytest.raises(ConfigError, match=r"building the loss .*Plain' failed: TypeError"):
        build(f"{project}:Plain", colour=1)


def test_which_losses_take_probabilities(project: str) -> None:
    assert all(
        accepts_probabilities(build(name)) for name in ("cross_entropy", "focal", "mse", "bce_with_logits")
    )
    assert accepts_probabilities(build(f"{project}:squared"))
    assert not accepts_probabilities(build("nll"))
    assert not accepts_probabilities(build("multi_margin"))
    assert not accepts_probabilities(build("cross_entropy", ignore_index=0))
