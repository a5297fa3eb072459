"""A user's own modules, and the settings that a user reaches for, through a config."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from shell import Shell, make_images

import epochal
from epochal.data.foreign import import_torchvision
from epochal.errors import DataError

MODELS = """
from torch import nn


class Net(nn.Module):
    def __init__(self, in_channels: int, num_classes: int, width: int = 4) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten()
        )
        self.classifier = nn.Linear(4 * width, num_classes)

    def forward(self, x):
        return self.classifier(self.layers(x))
"""

DATA = """
import torch
from torch.utils.data import Dataset


class Blobs(Dataset):
    classes = ["dark", "bright"]

    def __init__(self, count: int = 60) -> None:
        self.count = count
        self.groups = [index // 6 for index in range(count)]

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        noise = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(index)) * 0.1
        return {"image": (noise + 0.3 + 0.4 * (index % 2)).clamp(0, 1), "label": index % 2}
"""

PARTS = """
import torch
from torch.nn import functional as F


def smoothed(outputs, targets, amount: float = 0.1):
    return F.cross_entropy(outputs, targets, label_smoothing=amount)


class Darker:
    def __init__(self, by: float = 0.5) -> None:
        self.by = by

    def __call__(self, images):
        assert images.ndim == 4
        return images * self.by
"""

TASKS = """
from typing import final

import numpy as np
import torch
from torch.nn import functional as F

import epochal


@final
class Counting(epochal.Task):
    target = "value"
    monitor = "val/off_by_one"

    def loss(self, outputs, targets):
        return F.poisson_nll_loss(outputs, targets)

    def running(self, outputs, targets):
        return {"mae": (outputs.exp() - targets).abs().mean()}

    def predict(self, outputs):
        return outputs.exp()

    def scores(self, predictions, targets):
        off = np.abs(predictions.round() - targets)
        return epochal.Scores({"off_by_one": float((off <= 1).mean())})

    def curves(self, predictions, targets):
        return {}

    def table(self, predictions, targets):
        known = {} if targets is None else {"TARGET": targets[:, 0]}
        return known | {"PREDICTION": predictions[:, 0]}
"""

QUICK: dict[str, Any] = {"training": {"epochs": 1}, "tracking": [], "compute": {"threads": 1}}


def test_a_project_of_ones_own(here: Path) -> None:
    shell = Shell(here)
    for name, text in (("models", MODELS), ("data", DATA), ("parts", PARTS), ("__init__", "")):
        shell.write(f"src/my_project/{name}.py", text)
    shell.write(
        "own.yaml",
        """
data:
  source: {name: "my_project.data:Blobs", count: 72}
  split: {name: grouped, val: 0.2, test: 0.2}
  augment: [{name: "my_project.parts:Darker", by: 0.9}]
model: {name: "my_project.models:Net", width: 6}
loss: {name: "my_project.parts:smoothed", amount: 0.05}
training: {epochs: 2}
tracking: []
""",
    )
    run = epochal.train("own.yaml", quiet=True)
    assert load_file(run.folder.best)["layers.0.weight"].shape == (6, 3, 3, 3)
    split = pl.read_csv(run.folder.split)
    by_group = split.group_by(pl.col("INDEX") // 6).agg(pl.col("SPLIT").n_unique())
    assert by_group["SPLIT"].to_list() == [1] * 12
    assert run.predictions().columns[-2:] == ["PROBABILITY_dark", "PROBABILITY_bright"]
    # the weights are those of a plain module of the user's
    predictor = epochal.load(run)
    assert type(predictor.model).__name__ == "Net"
    images = np.full((2, 3, 8, 8), 0.3, np.float32)
    table = epochal.predict(run, images, quiet=True)
    assert table["FILENAME"].to_list() == ["0", "1"]
    with pytest.raises(DataError, match="1 channels, but the model takes 3"):
        epochal.predict(run, images[:, :1], quiet=True)
    with pytest.raises(DataError, match="holds samples of kind vector"):
        epochal.predict(run, [[1, 2, 3]], quiet=True)
    # another text of the user's module is another experiment
    shell.write("src/my_project/parts.py", PARTS + "\n# another loss, perhaps\n")
    assert f"run folder: runs/own/{run.path.name}" not in shell.run("train", "own.yaml").stdout


def test_a_task_of_ones_own(here: Path) -> None:
    Shell(here).write("my_tasks.py", TASKS)
    generator = np.random.default_rng(0)
    x = generator.uniform(0, 2, 200)
    pl.DataFrame({"x": x, "count": generator.poisson(np.exp(x))}).write_csv("counts.csv")
    config = {
        "task": "my_tasks:Counting",
        "data": {"source": {"name": "table", "path": "counts.csv", "target": "count"}},
        "training": {"epochs": 2, "monitor_direction": "max"},
        "tracking": [],
    }
    run = epochal.train(config, quiet=True)
    assert run.metrics.keys() == {"val/loss", "val/off_by_one", "test/loss", "test/off_by_one"}
    predicted = epochal.predict(run, "counts.csv", quiet=True)
    tested = run.predictions()
    again = predicted["PREDICTION"].gather(tested["INDEX"]).to_numpy()
    np.testing.assert_allclose(again, tested["PREDICTION"].to_numpy(), rtol=1e-5)


def test_pretrained_weights_groups_and_torchvision_transforms(here: Path) -> None:
    import_torchvision()
    from torchvision.models import resnet18

    make_images(here / "pets", 8, 32)
    source = resnet18(num_classes=7)
    with torch.no_grad():
        source.bn1.weight.fill_(0.123)
    torch.save(source.state_dict(), here / "weights.pth")
    config = {
        "data": {
            "source": {"name": "folder", "root": "pets"},
            "augment": ["horizontal_flip", {"name": "RandomGrayscale", "p": 0.5}],
            "batch_size": 8,
        },
        "model": {"name": "resnet18", "pretrained": "weights.pth"},
        "optimizer": {
            "name": "SGD",
            "lr": 1e-2,
            "weight_decay": 0.1,
            "no_decay": True,
            "backbone_lr": 1e-30,
        },
        **QUICK,
    }
    run = epochal.train(config, quiet=True)
    weights = load_file(run.folder.best)
    assert weights["fc.weight"].shape == (3, 512)
    torch.testing.assert_close(weights["bn1.weight"], torch.full((64,), 0.123))
    torch.testing.assert_close(weights["conv1.weight"], source.conv1.weight.detach())
    assert not torch.equal(weights["fc.weight"], source.fc.weight[:3])


def test_average_accumulation_clipping_plateau_and_bfloat16(here: Path) -> None:
    config = {
        "data": {"source": "digits", "batch_size": 100},
        "model": {"name": "mlp", "hidden": [16]},
        "optimizer": {"name": "SGD", "lr": 0.1},
        "scheduler": {"name": "ReduceLROnPlateau", "patience": 0, "threshold": 1e9, "factor": 0.5},
        "training": {
            "epochs": 3,
            "ema": 0.5,
            "accumulate": 4,
            "gradient_clip": 1e-20,
            "log_every": 1,
            "monitor": "val/loss",
        },
        "compute": {"threads": 1, "precision": "bfloat16"},
        "tracking": [],
    }
    run = epochal.train(config, quiet=True)
    epochs = run.epochs
    assert epochs["step"].to_list() == [4, 8, 12]  # 13 batches make 4 steps
    assert epochs["train/lr"].to_list() == pytest.approx([0.1, 0.05, 0.025])
    losses = epochs["val/loss"].to_list()
    assert losses == pytest.approx([losses[0]] * 3, abs=1e-6)  # clipped to nothing, nothing is learnt
    with safe_open(run.folder.last, framework="np") as file:
        assert any("/ema/" in name for name in file.keys())  # noqa: SIM118 (no mapping)
    assert epochal.load(run).autocast is not None
    tested = run.predictions()
    columns = [name for name in tested.columns if name.startswith("PROBABILITY")]
    rows = tested.select(columns).to_numpy().sum(axis=1)
    np.testing.assert_allclose(rows, 1, atol=1e-5)


def test_the_split_of_a_column_and_targets_of_values(here: Path) -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=120)
    columns = {
        "x": x,
        "cost": 3 * x + 2,
        "gain": 1 - x,
        "part": ["train"] * 80 + ["val"] * 20 + ["test"] * 20,
    }
    pl.DataFrame(columns).write_csv("t.csv")
    source = {"name": "table", "path": "t.csv", "target": ["cost", "gain"], "split": "part"}
    config = {
        "task": "regression",
        "data": {"source": source, "normalize_target": "standard"},
        "model": "linear",
        "optimizer": {"name": "SGD", "lr": 0.1},
        "training": {"epochs": 60},
        "tracking": [],
    }
    run = epochal.train(config, quiet=True)
    tested = run.predictions()
    assert tested["INDEX"].to_list() == list(range(100, 120))
    np.testing.assert_allclose(tested["PREDICTION_cost"], 3 * x[100:] + 2, atol=0.01)
    np.testing.assert_allclose(tested["PREDICTION_gain"], 1 - x[100:], atol=0.01)
    assert math.isclose(run.metrics["test/r2"], 1, abs_tol=1e-3)


def test_a_run_whose_network_has_changed_since_is_told(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    (tmp_path / "nets.py").write_text(MODELS)
    shell.write(
        "own.yaml", "extends: digits\nname: own\nmodel: nets:Net\ntraining: {epochs: 1}\ntracking: []\n"
    )
    shell.run("train", "own.yaml", "--quiet")
    np.save(tmp_path / "new.npy", np.zeros((2, 8, 8), np.uint8))
    assert "warning" not in shell.run("predict", "own", "new.npy").stderr
    (tmp_path / "nets.py").write_text(MODELS.replace("ReLU", "Tanh"))
    told = "was trained with other code than there is now: nets.py changed"
    assert told in shell.run("predict", "own", "new.npy").stderr
    assert told in shell.run("evaluate", "own", "--split", "val").stderr
    assert "nets.py" in shell.run("doctor", "own").stdout
    (tmp_path / "nets.py").write_text(MODELS.replace("(4 * width,", "(4 * width, bias=False, out_features="))
    assert "train anew" in shell.run("predict", "own", "new.npy", code=2).stderr


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")  # torch's compiler itself uses it
def test_compiled(here: Path) -> None:
    config = {"data": {"source": "digits"}, "model": {"name": "mlp", "hidden": [16]}, **QUICK}
    run = epochal.train(config, "compute.compile=true", quiet=True)
    eager = epochal.train(config, "name=eager", quiet=True)
    assert run.metrics["test/loss"] == pytest.approx(eager.metrics["test/loss"], rel=1e-3)
    assert epochal.load(run).model.state_dict().keys() == epochal.load(eager).model.state_dict().keys()
