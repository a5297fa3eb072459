from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch import Tensor, nn

from epochal.tracking.tensorboard import TensorBoard


def _read(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def _points(folder: Path, tag: str) -> list[tuple[int, float]]:
    return [(event.step, event.value) for event in _read(folder).Scalars(tag)]


def _model() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(), nn.Flatten(), nn.LazyLinear(2)
    )


class _TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(3, 2), nn.Linear(4, 2)

    def forward(self, *, image: Tensor, columns: Tensor) -> Tensor:
        both: Tensor = self.left(image) + self.right(columns)
        return both


def test_a_model_of_several_inputs_has_a_graph(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path)
    board.graph(_TwoInputs(), {"image": torch.zeros(1, 3), "columns": torch.zeros(1, 4)})
    board.close()
    operations = [node.op for node in _read(tmp_path).Graph().node]
    assert len([each for each in operations if "linear" in each or "addmm" in each]) == 2


def test_scalars_are_there_before_the_run_ends(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path)
    board.scalars({"train/loss": 0.5, "val/accuracy": 0.75}, step=10)
    board.scalars({"train/loss": 0.25}, step=20)
    assert _points(tmp_path, "train/loss") == [(10, 0.5), (20, 0.25)]
    assert _points(tmp_path, "val/accuracy") == [(10, 0.75)]
    board.close()


def test_a_board_without_use_writes_no_file(tmp_path: Path) -> None:
    TensorBoard(tmp_path / "tensorboard").close()
    assert not (tmp_path / "tensorboard").exists()


def test_a_resumed_run_replaces_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    first = TensorBoard(tmp_path)
    for step in (1, 2, 3, 4):
        first.scalars({"loss": float(step)}, step)
    first.close()
    resumed = TensorBoard(tmp_path, purge_step=2)
    resumed.scalars({"loss": 30.0}, 3)
    resumed.close()
    # TensorBoard reads the files in the order of their names, which begin with the second they were made in
    events = sorted(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)
    for place, path in enumerate(events):
        path.rename(tmp_path / f"events.out.tfevents.{place}")
    assert _points(tmp_path, "loss") == [(1, 1.0), (2, 2.0), (3, 30.0)]


def test_images_come_back_pixel_by_pixel(tmp_path: Path) -> None:
    import io

    rgb = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    board = TensorBoard(tmp_path)
    board.image("val/confusion", rgb, 7)
    board.close()
    (event,) = _read(tmp_path).Images("val/confusion")
    assert event.step == 7
    with Image.open(io.BytesIO(event.encoded_image_string)) as image:
        assert (np.asarray(image) == rgb).all()


def test_the_graph_shows_the_model_and_leaves_it_alone(tmp_path: Path) -> None:
    model = _model()
    inputs = torch.rand(3, 1, 8, 8)
    model(inputs).sum().backward()
    model[3].eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    gradients = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    modes = [module.training for module in model.modules()]
    generator = torch.get_rng_state()

    board = TensorBoard(tmp_path)
    board.graph(model, inputs[:1])
    board.close()

    assert torch.equal(torch.get_rng_state(), generator)
    assert modes == [module.training for module in model.modules()]
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        assert parameter.grad is not None
        assert gradient is not None
        assert torch.equal(parameter.grad, gradient)
    nodes = {node.op for node in _read(tmp_path).Graph().node}
    assert "aten::batch_norm" in nodes


class _Noisy(nn.Module):
    """Draws random numbers, also in evaluation, and counts its calls in a buffer."""

    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, inputs: Tensor) -> Tensor:
        self.calls += 1
        return inputs + torch.rand_like(inputs)


def test_a_model_that_changes_itself_is_left_alone_too(tmp_path: Path) -> None:
    model = _Noisy()
    generator = torch.get_rng_state()
    board = TensorBoard(tmp_path)
    board.graph(model, torch.zeros(2))
    board.close()
    assert model.calls == 0
    assert torch.equal(torch.get_rng_state(), generator)
    assert "aten::rand_like" in {node.op for node in _read(tmp_path).Graph().node}


class _Untraceable(nn.Module):
    def forward(self, inputs: Tensor) -> Tensor:
        raise ValueError("no forward here")


def test_a_model_without_a_graph_is_a_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    board = TensorBoard(tmp_path)
    with caplog.at_level(logging.INFO):
        board.graph(_Untraceable(), torch.zeros(2))
    board.scalars({"loss": 1.0}, 1)
    board.close()
    assert "no graph of this model: ValueError: no forward here" in caplog.text
    assert capsys.readouterr() == ("", "")
    assert _points(tmp_path, "loss") == [(1, 1.0)]


def test_hyperparameters_stand_in_the_same_run(tmp_path: Path) -> None:
    board = TensorBoard(tmp_path)
    board.scalars({"val/accuracy": 0.5}, 10)
    settings = {"optimizer.lr": 1e-3, "model.name": "mlp", "compute.compile": False, "training.ema": None}
    board.hyperparameters(settings, {"val/accuracy": 0.75, "test/accuracy": 0.5})
    board.close()
    assert [path.is_file() for path in tmp_path.iterdir()] == [True]
    assert _points(tmp_path, "final/val/accuracy") == [(0, 0.75)]
    assert _points(tmp_path, "final/test/accuracy") == [(0, 0.5)]
    assert _points(tmp_path, "val/accuracy") == [(10, 0.5)]
    content = _read(tmp_path).summary_metadata["_hparams_/session_start_info"].plugin_data.content
    written = HParamsPluginData.FromString(content).session_start_info.hparams
    assert written["optimizer.lr"].number_value == 1e-3
    assert written["model.name"].string_value == "mlp"
    assert written["compute.compile"].string_value == "false"
    assert written["training.ema"].string_value == "null"
