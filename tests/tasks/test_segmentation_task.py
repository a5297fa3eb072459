from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, jaccard_score

from epochal.analysis.bootstrap import bootstrap_intervals
from epochal.analysis.losses import sample_losses
from epochal.analysis.resample import Resampler
from epochal.data.masks.coding import IGNORED
from epochal.losses import DiceLoss
from epochal.tasks.segmentation import Segmentation
from epochal.tasks.tables import arrays_of
from epochal.tasks.task import TaskContext

NAMES = ("background", "disc", "box")


def task(background: bool = True) -> Segmentation:
    return Segmentation(TaskContext(NAMES, DiceLoss(ignore_index=IGNORED)), background=background)


def images(count: int = 7) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(count, 3, 8, 9, generator=generator)
    targets = torch.randint(0, 3, (count, 8, 9), generator=generator)
    outputs.scatter_add_(1, targets[:, None], torch.ones(count, 1, 8, 9))
    targets[:, 0] = IGNORED
    targets[1, targets[1] == 2] = 0
    return outputs, targets


def test_scores_are_scikit_learns_of_all_pixels_together() -> None:
    outputs, targets = images()
    kept, truth = task().keep(outputs, targets)
    found = task().scores(task().kept_predictions(kept).numpy(), truth.numpy())
    labelled = (targets != IGNORED).numpy()
    true, predicted = targets.numpy()[labelled], outputs.argmax(dim=1).numpy()[labelled]
    assert found.overall["dice"] == pytest.approx(f1_score(true, predicted, average="macro"))
    assert found.overall["iou"] == pytest.approx(jaccard_score(true, predicted, average="macro"))
    assert found.overall["pixel_accuracy"] == pytest.approx(accuracy_score(true, predicted))
    each = jaccard_score(true, predicted, average=None)
    assert [found.per_class[name]["iou"] for name in NAMES] == pytest.approx(each.tolist())
    without = task(background=False).scores(task().kept_predictions(kept).numpy(), truth.numpy())
    of_classes = f1_score(true, predicted, average=None)
    assert without.overall["dice"] == pytest.approx(of_classes[1:].mean())
    assert without.overall["pixel_accuracy"] == found.overall["pixel_accuracy"]
    curve = task().curves(task().kept_predictions(kept).numpy(), truth.numpy())["confusion"]
    assert np.array_equal(curve[:, 1:].to_numpy(), confusion_matrix(true, predicted))


def test_the_loss_of_a_split_is_that_of_its_images_whatever_the_batches() -> None:
    outputs, targets = images()
    targets[3] = IGNORED  # without a labelled pixel it does not count
    kept, truth = task().keep(outputs, targets)
    parts = [task().keep(outputs[rows], targets[rows]) for rows in (slice(0, 2), slice(2, 7))]
    assert torch.equal(
        torch.cat([part for part, _ in parts]), kept.where(~kept.isnan(), kept)
    ) or torch.allclose(torch.cat([part for part, _ in parts]), kept, equal_nan=True)
    rows = [row for row in range(7) if row != 3]
    each = torch.stack([task().loss(outputs[row : row + 1], targets[row : row + 1]) for row in rows])
    assert float(task().kept_loss(kept, truth)) == pytest.approx(float(each.mean()))
    losses = sample_losses(task(), kept, truth)
    assert losses is not None
    assert losses[1].tolist() == [1, 1, 1, 0, 1, 1, 1]


def test_a_class_that_is_nowhere_has_no_score() -> None:
    outputs = torch.zeros(1, 3, 4, 4)
    outputs[:, 0] = 1
    kept, truth = task().keep(outputs, torch.zeros(1, 4, 4, dtype=torch.int64))
    predictions = task().kept_predictions(kept).numpy()
    assert task().scores(predictions, truth.numpy()).overall["dice"] == 1
    assert list(task().scores(predictions, truth.numpy()).per_class) == ["background"]
    assert task(background=False).scores(predictions, truth.numpy()).overall == {"pixel_accuracy": 1.0}
    table = pl.DataFrame(task(background=False).table(predictions, truth.numpy()))
    assert table["DICE"].to_list() == [None]


def test_a_table_has_what_scores_are_made_of() -> None:
    kept, truth = task().keep(*images())
    predictions = task().kept_predictions(kept).numpy()
    table = pl.DataFrame(task().table(predictions, truth.numpy()))
    found, targets = arrays_of(table, "mask", NAMES)
    assert np.array_equal(found, predictions)
    assert np.array_equal(targets, truth.numpy())
    assert table["DICE_box"][1] == 0  # predicted, but not there


def test_intervals_resample_images() -> None:
    kept, truth = task().keep(*images(40))
    predictions = task().kept_predictions(kept).numpy()
    found = bootstrap_intervals(task(), predictions, truth.numpy(), Resampler(40, None, 0), 200)
    overall = task().scores(predictions, truth.numpy()).overall
    assert found.values.keys() == overall.keys()
    expected = [
        task().scores(predictions[rows], truth.numpy()).overall["dice"]
        for rows in Resampler(40, None, 0).indices(200)
    ]
    low, high = np.quantile(expected, [0.025, 0.975])
    assert found.values["dice"] == pytest.approx((low, high), abs=0.004)
    assert found.values["dice"][0] < overall["dice"] < found.values["dice"][1]


def test_running_accuracy_leaves_out_what_is_left_out() -> None:
    outputs, targets = images()
    labelled = targets != IGNORED
    right = (outputs.argmax(dim=1) == targets) & labelled
    expected = right.sum() / labelled.sum()
    assert float(task().running(outputs, targets)["pixel_accuracy"]) == pytest.approx(float(expected))
