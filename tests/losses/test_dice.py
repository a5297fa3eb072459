from __future__ import annotations

import pytest
import torch

from epochal.config.component import Component
from epochal.losses import DiceLoss, FocalLoss, build_loss, check_loss
from epochal.losses.weighted_sum import WeightedSum


def logits() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(3, 4, 5, 6, generator=generator)
    return outputs, torch.randint(0, 3, (3, 5, 6), generator=generator)  # no pixel is of the last class


def test_it_is_the_formula_over_the_classes_that_an_image_has() -> None:
    outputs, targets = logits()
    expected = []
    for image, mask in zip(outputs.softmax(dim=1), targets, strict=True):
        each = []
        for k in mask.unique().tolist():
            true = (mask == k).float()
            each.append(1 - (2 * (image[k] * true).sum() + 1) / (image[k].sum() + true.sum() + 1))
        expected.append(torch.stack(each).mean())
    torch.testing.assert_close(DiceLoss()(outputs, targets), torch.stack(expected).mean())


def test_the_mean_over_images_does_not_depend_on_the_batch() -> None:
    outputs, targets = logits()
    loss = DiceLoss(background=False)
    each = [loss(outputs[row : row + 1], targets[row : row + 1]) for row in range(3)]
    torch.testing.assert_close(loss(outputs, targets), torch.stack(each).mean())


@pytest.mark.parametrize("loss", [DiceLoss(ignore_index=255), FocalLoss(ignore_index=255)])
def test_pixels_that_are_left_out_count_in_nothing(loss: torch.nn.Module) -> None:
    outputs, targets = logits()
    targets[:, 2:] = 255
    outputs.requires_grad_()
    value = loss(outputs, targets)
    torch.testing.assert_close(value, loss(outputs[:, :, :2], targets[:, :2]))
    value.backward()
    assert outputs.grad is not None
    assert (outputs.grad[:, :, 2:] == 0).all()
    assert (outputs.grad[:, :, :2] != 0).any()


def test_a_perfect_prediction_has_a_loss_near_0_and_a_wrong_one_near_1() -> None:
    _, targets = logits()
    perfect = torch.nn.functional.one_hot(targets, 4).movedim(-1, 1) * 100.0
    assert DiceLoss()(perfect, targets) < 1e-4
    assert DiceLoss()(perfect, (targets + 1) % 3) > 0.8


def test_a_sum_weighs_its_losses_and_tells_all_of_them_what_is_left_out() -> None:
    settings = {
        "name": "sum",
        "losses": ["cross_entropy", {"name": "dice", "smooth": 0}],
        "weights": [1, 0.5],
    }
    component = Component.model_validate(settings)
    assert check_loss(component) == []
    found = build_loss(component, torch.tensor([[10, 10, 10, 10]]).numpy(), "mask", 4)
    assert isinstance(found, WeightedSum)
    outputs, targets = logits()
    targets[:, :2] = 255
    expected = torch.nn.CrossEntropyLoss(ignore_index=255)(outputs, targets)
    expected += 0.5 * DiceLoss(smooth=0, ignore_index=255)(outputs, targets)
    torch.testing.assert_close(found(outputs, targets), expected)


@pytest.mark.parametrize(
    ("settings", "key", "what"),
    [
        ({"losses": []}, "losses", "needs losses"),
        ({"losses": ["cross_entropy"], "weights": [1, 2]}, "weights", "don't fit"),
        ({"losses": ["cross_entropy", {"name": "dice", "smoth": 1}]}, "losses.1.smoth", "takes no 'smoth'"),
        ({"losses": ["cross_entropi"]}, "losses.0", "cross_entropi"),
    ],
)
def test_what_is_wrong_with_a_sum_is_told_at_its_place(
    settings: dict[str, object], key: str, what: str
) -> None:
    found = check_loss(Component.model_validate({"name": "sum", **settings}))
    assert [place for place, _ in found] == [key]
    assert what in found[0][1].what


def test_balanced_weights_are_of_pixels() -> None:
    loss = build_loss(
        Component.model_validate({"name": "cross_entropy", "weight": "balanced"}),
        torch.tensor([[30, 10]]).numpy(),
        "mask",
        2,
    )
    assert loss.get_buffer("weight").tolist() == pytest.approx([40 / 60, 2.0])
