from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from epochal.engine.checkpoint import read_checkpoint, write_checkpoint
from epochal.engine.flat import flatten, unflatten
from epochal.errors import RunError


def round_trip(state: Any, path: Path) -> Any:
    tensors: dict[str, Tensor] = {}
    values = flatten(state, "state", tensors)
    write_checkpoint(path, tensors, {"content": values})
    read_tensors, read_values = read_checkpoint(path)
    return unflatten(read_values["content"], read_tensors)


def same(one: Any, other: Any) -> bool:
    """Equality of type, value and order, tensors bit for bit."""
    if isinstance(one, Tensor):
        return one.dtype == other.dtype and one.shape == other.shape and torch.equal(one, other)
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def test_a_nested_state_comes_back_as_it_was(tmp_path: Path) -> None:
    state = {
        "state": {0: {"step": torch.tensor(3.0)}, 1: {"exp_avg": torch.randn(2, 3), "buffer": None}},
        "groups": [{"lr": 0.1, "betas": (0.9, 0.999), "fused": True, "params": [0, 1]}],
        "best": math.inf,
        "worst": -math.inf,
        "empty": {"mapping": {}, "list": [], "tuple": (), "tensor": torch.zeros(0, 4)},
        "text": "ä\n{}",
        "exact": 0.1 + 0.2,
        "large": 2**63,
        "tensors": [torch.arange(3), (torch.ones((), dtype=torch.bfloat16), torch.tensor([True]))],
    }
    assert same(round_trip(state, tmp_path / "last.safetensors"), state)


def test_nan_comes_back(tmp_path: Path) -> None:
    assert math.isnan(round_trip({"best": math.nan}, tmp_path / "x")["best"])


def test_keys_that_read_alike_do_not_overwrite_each_other(tmp_path: Path) -> None:
    state = {1: torch.tensor(1), "1": torch.tensor(2), "a/b": torch.tensor(3), "a": {"b": torch.tensor(4)}}
    assert same(round_trip(state, tmp_path / "x"), state)


def test_numbers_of_numpy_become_pythons(tmp_path: Path) -> None:
    assert same(
        round_trip({"best": np.float32(0.5), "at": np.int64(3)}, tmp_path / "x"), {"best": 0.5, "at": 3}
    )


def test_what_is_no_data_is_refused_by_its_name() -> None:
    with pytest.raises(RunError, match="can't hold 'state/schedule/2', which is a function"):
        flatten({"schedule": [1, 2, lambda: 3]}, "state", {})


def test_tied_and_strided_weights(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Embedding(4, 3), nn.Linear(3, 4, bias=False))
    model[1].weight = model[0].weight
    image = torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    state = {"model": dict(model.state_dict()), "image": image, "row": torch.arange(6).view(2, 3).t()[1]}
    read = round_trip(state, tmp_path / "x")
    assert same(read, state)
    model.load_state_dict(read["model"])
    assert model[0].weight is model[1].weight


def test_what_is_read_does_not_change_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "last.safetensors"
    write_checkpoint(path, {"weight": torch.ones(1000)}, {})
    tensors, _ = read_checkpoint(path)
    write_checkpoint(path, {"weight": torch.zeros(1000)}, {})
    tensors["weight"].mul_(2)
    assert torch.equal(tensors["weight"], torch.full((1000,), 2.0))
    assert torch.equal(read_checkpoint(path)[0]["weight"], torch.zeros(1000))


@pytest.mark.parametrize("kept", [0, 5, 40, -1])
def test_a_torn_file_is_named(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "last.safetensors"
    write_checkpoint(path, {"weight": torch.ones(1000)}, {"epoch": 3})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(RunError, match=r"last\.safetensors: the checkpoint can't be read.*torn or damaged"):
        read_checkpoint(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"last\.safetensors: there is no such checkpoint"):
        read_checkpoint(tmp_path / "last.safetensors")


class Executes:
    def __reduce__(self) -> tuple[Any, ...]:
        return Path("executed").touch, ()


def test_nothing_in_a_file_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pickle.safetensors").write_bytes(pickle.dumps(Executes()))
    torch.save({"weight": torch.ones(2), "x": Executes()}, tmp_path / "torch.safetensors")
    for name in ("pickle.safetensors", "torch.safetensors"):
        with pytest.raises(RunError, match="can't be read"):
            read_checkpoint(tmp_path / name)
    assert not (tmp_path / "executed").exists()
