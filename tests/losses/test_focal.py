from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from epochal.data.foreign import import_torchvision
from epochal.losses import FocalLoss, SigmoidFocalLoss


def logits(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1)) * 3


def test_focal_without_focus_is_cross_entropy() -> None:
    outputs, targets = logits(40, 5), torch.arange(40) % 5
    torch.testing.assert_close(FocalLoss(gamma=0.0)(outputs, targets), F.cross_entropy(outputs, targets))


def test_focal_is_the_papers_formula() -> None:
    outputs, targets = logits(6, 3), torch.tensor([0, 1, 2, 2, 1, 0])
    alpha = [0.2, 0.5, 1.5]
    p = outputs.double().softmax(1)[torch.arange(6), targets]
    weights = torch.tensor(alpha).double()[targets]
    expected = (-weights * (1 - p) ** 1.5 * p.log()).mean().float()
    torch.testing.assert_close(FocalLoss(gamma=1.5, alpha=alpha)(outputs, targets), expected)


def test_focal_takes_probabilities_and_maps() -> None:
    outputs, targets = logits(8, 4, 3, 3), torch.arange(72).reshape(8, 3, 3) % 4
    loss = FocalLoss(alpha=[1.0, 2.0, 3.0, 4.0])
    one_hot = F.one_hot(targets, 4).permute(0, 3, 1, 2).float()
    flat = loss(outputs.permute(0, 2, 3, 1).reshape(-1, 4), targets.flatten())
    torch.testing.assert_close(loss(outputs, targets), flat)
    torch.testing.assert_close(loss(outputs, one_hot), flat)
    mixed = 0.3 * one_hot + 0.7 * one_hot.roll(1, 0)
    expected = 0.3 * loss(outputs, one_hot) + 0.7 * loss(outputs, one_hot.roll(1, 0))
    torch.testing.assert_close(loss(outputs, mixed), expected)


def test_one_alpha_weighs_the_second_of_two_classes() -> None:
    outputs, targets = logits(20, 2), torch.arange(20) % 2
    one = FocalLoss(alpha=0.25)(outputs, targets)
    torch.testing.assert_close(one, FocalLoss(alpha=[0.75, 0.25])(outputs, targets))
    # two classes by softmax are one by sigmoid of the difference, which is the paper's own case
    sigmoid = SigmoidFocalLoss(alpha=0.25)(outputs[:, 1] - outputs[:, 0], targets)
    torch.testing.assert_close(one, sigmoid)
    three, third = logits(9, 3), torch.arange(9) % 3
    torch.testing.assert_close(FocalLoss(alpha=0.25)(three, third), 0.25 * FocalLoss()(three, third))


@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("alpha", [0.25, 0.9, -1.0])
def test_sigmoid_focal_is_torchvisions(gamma: float, alpha: float) -> None:
    import_torchvision()
    from torchvision.ops import sigmoid_focal_loss

    outputs, targets = logits(30, 4), (logits(30, 4) * 7 % 2 < 1).float()
    expected = sigmoid_focal_loss(outputs, targets, alpha=alpha, gamma=gamma, reduction="mean")
    ours = SigmoidFocalLoss(gamma=gamma, alpha=None if alpha < 0 else alpha)
    torch.testing.assert_close(ours(outputs, targets), expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_certain_outputs_have_finite_gradients(gamma: float) -> None:
    outputs = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    for value in (
        FocalLoss(gamma)(outputs, torch.tensor([0, 0])),
        SigmoidFocalLoss(gamma)(outputs, torch.tensor([[1, 0], [1, 0]])),
    ):
        (gradient,) = torch.autograd.grad(value, outputs)
        assert value.isfinite()
        assert gradient.isfinite().all()


def test_alpha_moves_with_the_loss() -> None:
    assert FocalLoss(alpha=[1.0, 2.0]).to("meta").get_buffer("alpha").device.type == "meta"
    assert SigmoidFocalLoss(alpha=[0.1, 0.2]).to("meta").get_buffer("alpha").device.type == "meta"
