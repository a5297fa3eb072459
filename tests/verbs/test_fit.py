"""``epochal.fit``: plain PyTorch objects, the same training as from a config."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import (
    DataLoader,
    Dataset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
)

import epochal

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))


def network(outputs: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, outputs))


def blobs(count: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    targets = torch.arange(count) % 3
    return torch.randn(count, 4, generator=generator) + 2 * targets[:, None], targets


QUICK: dict[str, Any] = {"settings": ["tracking=[]"], "preflight": False, "quiet": True}
TRAIN, VAL = blobs(200, 0), blobs(60, 1)


class Cut(BaseException):
    """The program ends in the middle of training."""


class CutAt:
    def __init__(self, step: int) -> None:
        self.step = step

    def after_step(self, state: Any, loss: Tensor) -> None:
        if state.counters.step == self.step:
            raise Cut


def lower(outputs: Tensor, targets: Tensor) -> Tensor:
    return nn.functional.cross_entropy(outputs, targets) / 2


def error_rate(predictions: np.ndarray[Any, Any], targets: np.ndarray[Any, Any]) -> float:
    return float((predictions.argmax(1) != targets).mean())


def test_the_model_ends_with_the_best_weights_and_the_run_has_everything() -> None:
    model, test = network(), blobs(90, 2)
    run = epochal.fit(
        model, TRAIN, VAL, test, loss=lower, optimizer=torch.optim.SGD, lr=0.1, metrics=[error_rate],
        epochs=4, **QUICK,
    )  # fmt: skip
    chosen = model.eval()(test[0]).argmax(1)
    accuracy = float((chosen == test[1]).float().mean())
    assert accuracy > 0.5
    assert run.metrics["test/accuracy"] == pytest.approx(accuracy)
    assert run.metrics["test/error_rate"] == pytest.approx(1 - accuracy)
    assert "error_rate" in json.loads(run.folder.scores("test").read_text())["intervals"]
    assert run.predictions()["PREDICTION"].cast(int).to_list() == chosen.tolist()
    assert (run.path / "plots" / "confusion_test.png").exists()
    again = epochal.predict(run, test[0].numpy(), model=network(), quiet=True)
    assert again["PREDICTION"].cast(int).to_list() == chosen.tolist()
    with pytest.raises(epochal.ConfigError, match=r"pass it: epochal\.load"):
        epochal.load(run)
    with pytest.raises(epochal.RequestError, match="of another model"):
        epochal.load(run, model=network(5))


@pytest.mark.parametrize("step", [2, 6])
def test_a_cut_call_goes_on_as_if_it_had_not_been_and_a_finished_one_is_returned(step: int) -> None:
    def call(model: nn.Module, folder: str, *hooks: Any) -> Any:
        return epochal.fit(
            model, TRAIN, VAL, epochs=3, batch_size=50, hooks=hooks, folder=folder,
            optimizer=torch.optim.AdamW(model.parameters(), lr=0.01), **QUICK,
        )  # fmt: skip

    whole = call(network(), "whole", CutAt(99))
    model = network()
    with pytest.raises(Cut):
        call(model, "cut", CutAt(step))
    restarted = network()  # a program that starts anew, with other weights to begin with
    nn.init.zeros_(restarted.get_parameter("0.weight"))
    call(restarted, "cut", CutAt(99))
    files = [Path(folder) / "checkpoints" / "best.safetensors" for folder in ("whole", "cut")]
    assert files[0].read_bytes() == files[1].read_bytes()
    last = network()
    finished = call(last, "cut", CutAt(99))
    assert finished.metrics == whole.metrics
    assert all(torch.equal(*pair) for pair in zip(last.parameters(), restarted.parameters(), strict=True))


def test_another_model_in_the_folder_is_refused() -> None:
    epochal.fit(network(), TRAIN, VAL, epochs=1, folder="run", **QUICK)
    wider = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 3))
    with pytest.raises(epochal.RequestError, match="of another experiment"):
        epochal.fit(wider, TRAIN, VAL, epochs=1, folder="run", **QUICK)


class Products(Dataset[tuple[Tensor, float]]):
    def __len__(self) -> int:
        return 80

    def __getitem__(self, row: int) -> tuple[Tensor, float]:
        inputs = torch.cos(torch.arange(1, 5) * (row + 1.0))
        return inputs, float(inputs[0] * inputs[1])


LABELS = (torch.rand(80, 4), (torch.rand(80, 3) > 0.5).float())


@pytest.mark.parametrize(
    ("data", "outputs", "loss", "score"),
    [
        (Products(), 1, None, "val/r2"),
        (DataLoader(Products(), batch_size=20), 1, nn.HuberLoss(), "val/r2"),
        (LABELS, 3, nn.BCEWithLogitsLoss(), "val/exact_match"),
        (TensorDataset(*TRAIN), 3, "cross_entropy", "val/accuracy"),
        ((TRAIN[0].numpy(), TRAIN[1].numpy()), 5, None, "val/accuracy"),
    ],
    ids=["dataset", "loader", "labels", "tensors", "arrays"],
)
def test_the_task_is_what_targets_and_loss_look_like(data: Any, outputs: int, loss: Any, score: str) -> None:
    if outputs == 5:  # indices stay indices, whichever classes occur
        data = (data[0], np.where(data[1] == 2, 4, data[1]))
    run = epochal.fit(network(outputs), data, loss=loss, epochs=1, **QUICK)
    assert score in run.metrics
    assert len(run.predictions("val")) == (20 if score == "val/accuracy" else 8)  # a tenth


def test_token_numbers_reach_the_model_as_they_are() -> None:
    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.head = nn.EmbeddingBag(10, 8), nn.Linear(8, 2)

        def forward(self, tokens: Tensor) -> Tensor:
            out: Tensor = self.head(self.embed(tokens))
            return out

    tokens = torch.randint(10, (100, 6), generator=torch.Generator().manual_seed(0))
    run = epochal.fit(Bag(), (tokens, (tokens[:, 0] > 4).long()), epochs=1, **QUICK)
    assert run.status == "finished"


def _two_rates(model: nn.Sequential) -> torch.optim.Optimizer:
    parts: list[dict[str, Any]] = [
        {"params": model[0].parameters(), "lr": 0.0},
        {"params": model[3].parameters()},
    ]
    return torch.optim.SGD(parts, lr=0.1, momentum=0.9)


def test_the_groups_of_an_optimizer_are_kept() -> None:
    model, before = network(), network()
    epochal.fit(model, TRAIN, VAL, epochs=1, optimizer=_two_rates(model), **QUICK)
    assert torch.equal(model.get_parameter("0.weight"), before.get_parameter("0.weight"))
    assert not torch.equal(model.get_parameter("3.weight"), before.get_parameter("3.weight"))


def _stepped(model: nn.Module) -> torch.optim.Optimizer:
    optimizer = torch.optim.Adam(model.parameters())
    model(TRAIN[0]).sum().backward()
    optimizer.step()
    return optimizer


@pytest.mark.parametrize(
    ("optimizer", "what"),
    [
        (_stepped, "has taken steps already"),
        (lambda _: torch.optim.SGD(network().parameters(), lr=0.1), "are not the model's"),
        (lambda model: torch.optim.SGD(model[3].parameters(), lr=0.1), "lacks some"),
    ],
)
def test_an_optimizer_that_can_not_be_meant(optimizer: Callable[[nn.Module], Any], what: str) -> None:
    model = network()
    with pytest.raises(epochal.ConfigError, match=what):
        epochal.fit(model, TRAIN, VAL, optimizer=optimizer(model), **QUICK)


def test_targets_that_the_network_can_not_give() -> None:
    values = (TRAIN[0], TRAIN[1].float())
    with pytest.raises(epochal.ConfigError, match=r"Sequential gives 3 outputs .* integers are classes"):
        epochal.fit(network(), values, values, **QUICK)


def test_data_that_has_no_length() -> None:
    with pytest.raises(epochal.DataError, match="no samples by number"):
        epochal.fit(network(), iter(TRAIN), **QUICK)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"sampler": WeightedRandomSampler([1.0] * 200, 200)}, r"by a WeightedRandomSampler.*'balanced'"),
        ({"sampler": SubsetRandomSampler(range(50))}, "a Subset of its Dataset"),
        ({"batch_sampler": [[0, 1], [2, 3]]}, "makes batches of its own"),
        ({"collate_fn": lambda items: default_collate(items)}, "collate_fn of its own"),
    ],
)
def test_what_a_loader_does_beside_batching_is_not_dropped_in_silence(
    options: dict[str, Any], what: str
) -> None:
    with pytest.raises(epochal.DataError, match=what):
        epochal.fit(network(), DataLoader(TensorDataset(*TRAIN), **options), **QUICK)


def test_the_notebook_runs(tmp_path: Path) -> None:
    cells = json.loads((ROOT / "docs" / "fit.ipynb").read_text())["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    space: dict[str, Any] = {"__name__": "__main__"}
    for cell in code:
        exec(compile(cell, "fit.ipynb", "exec"), space)  # noqa: S102 (our own notebook)
    assert space["run"].metrics["test/accuracy"] > 0.9
    assert space["same"].path == space["run"].path
