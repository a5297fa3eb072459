"""A training step, a validation and a task of one's own, from modules in a project's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from PIL import Image
from shell import make_images

import epochal
from epochal.engine.checkpoint import read_checkpoint
from epochal.errors import ConfigError, Interrupted, RequestError, RunError

PLAIN = ("tracking=[]", "compute.threads=1")

CLASSES = """
import torch
from torch.nn import functional as F


def step(state, batch, weight: float = 1.0):
    with state.autocast():
        outputs = state.model(batch.inputs)
    loss = weight * F.cross_entropy(outputs, batch.targets)
    state.update("model", loss)
    return {"loss": loss}


def by_hand(state, batch):
    state.optimizer.zero_grad()
    loss = F.cross_entropy(state.model(batch.inputs), batch.targets)
    state.backward(loss)
    state.optimizer.step()
    return {"loss": loss, "twice": 2.0 * loss.item(), **({"late": loss} if state.epoch == 2 else {})}


def nothing(state, batch):
    state.update("model", F.cross_entropy(state.model(batch.inputs), batch.targets))


def vector(state, batch):
    state.update("model", F.cross_entropy(state.model(batch.inputs), batch.targets))
    return {"loss": batch.inputs.flatten(1).mean(dim=1)}


def idle(state, batch):
    return {"loss": F.cross_entropy(state.model(batch.inputs), batch.targets)}


def misnamed(state, batch):
    state.update("modle", F.cross_entropy(state.model(batch.inputs), batch.targets))


def broken(state, batch):
    return {"loss": state.modle(batch.inputs).mean()}


def diverging(state, batch):
    loss = F.cross_entropy(state.model(batch.inputs), batch.targets)
    state.update("model", loss)
    return {"loss": loss, "ratio": loss / (0.0 if state.step == 5 else 1.0)}


def spread(state, batches, scale: float = 1.0):
    assert not state.model.training
    outputs = torch.cat([state.model(batch.inputs) for batch in batches])
    return {"val/spread": scale * outputs.std() + torch.rand(())}


def wrong(state, batches):
    return 3.0
"""

DIGITS: dict[str, Any] = {
    "name": "own",
    "data": {"source": "digits", "batch_size": 128, "split": {"name": "random", "val": 0.1, "test": 0.1}},
    "model": {"name": "mlp", "hidden": [16]},
    "training": {"epochs": 2, "log_every": 5},
    "tracking": [],
    "compute": {"threads": 1},
}


@pytest.fixture
def own(here: Path) -> Path:
    (here / "mine.py").write_text(CLASSES)
    return here


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def _weights(run: epochal.Run) -> bytes:
    return run.folder.last.with_name("best.safetensors").read_bytes()


def test_a_step_that_does_what_the_engine_does_gives_the_same_weights_bit_for_bit(own: Path) -> None:
    common = ("training.gradient_clip=0.3", "training.ema=0.9", "training.monitor=val/loss")
    usual = epochal.train(DIGITS, *common, quiet=True)
    mine = epochal.train(DIGITS, *common, "training.step=mine:step", quiet=True)
    assert mine.path != usual.path
    assert _weights(mine) == _weights(usual)
    assert mine.metrics == usual.metrics
    assert mine.epochs["train/loss"].to_list() == pytest.approx(usual.epochs["train/loss"].to_list())
    assert mine.epochs["train/lr"].to_list() == usual.epochs["train/lr"].to_list()


def test_scalars_are_means_over_the_samples_that_had_them(own: Path) -> None:
    run = epochal.train(DIGITS, "training.step=mine:by_hand", quiet=True)
    rows = run.epochs
    assert rows["train/twice"].to_list() == pytest.approx([2 * loss for loss in rows["train/loss"]], rel=1e-5)
    assert rows["train/late"].to_list() == [None, pytest.approx(rows["train/loss"][1])]
    assert "test/accuracy" in run.metrics


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.step=mine:stepp", "training.step: 'mine' has no 'stepp'; did you mean 'step'?"),
        ("training.step=myne:step", "training.step: no module is called 'myne'"),
        ("training.step={name: 'mine:step', wait: 1}", "takes no 'wait'; did you mean 'weight'?"),
        ("training.step=mine:nothing", "mine:nothing returns a NoneType; return a dict of scalars"),
        ("training.step=mine:vector", "mine:vector returns shape [8] as 'loss'"),
        ("training.step=mine:idle", "mine:idle changes no parameter of the model"),
        ("training.step=mine:misnamed", "no optimizer is called 'modle'; did you mean 'model'?"),
        ("training.step=mine:broken", "neither the state nor the model has 'modle'"),
        ("training.validation=mine:wrong", "mine:wrong returns a float; return a dict of scalars"),
        ("training.monitor=val/sprad & training.validation=mine:spread", "whether 'val/sprad' should grow"),
    ],
)
def test_mistakes_are_told_before_a_run_starts(override: str, said: str, own: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        epochal.train(DIGITS, *override.split(" & "), quiet=True)
    assert said in str(raised.value)
    assert list(own.glob("runs/own/*")) == []


def test_a_scalar_that_is_not_finite_stops_the_run_with_its_name(own: Path) -> None:
    with pytest.raises(RunError) as raised:
        epochal.train(DIGITS, "training.step=mine:diverging", quiet=True)
    assert "ratio became inf at step 5 (epoch 1): inputs, targets and weights are finite" in str(raised.value)
    (run,) = own.glob("runs/own/*")
    assert "the batch: " in (run / "run.log").read_text()


def test_a_validation_of_ones_own_stands_beside_the_tasks_scores_and_may_be_followed(own: Path) -> None:
    run = epochal.train(
        DIGITS,
        "training.validation={name: 'mine:spread', scale: 2.0}",
        "training.monitor=val/spread",
        "training.monitor_direction=max",
        quiet=True,
    )
    assert {"val/spread", "val/accuracy"} <= set(run.epochs.columns)
    assert run.metrics["val/spread"] == pytest.approx(max(run.epochs["val/spread"]), rel=1e-5)
    assert "test/spread" in run.metrics
    with pytest.raises(ConfigError, match=r"no score 'val/spred' to follow; did you mean 'val/spread'"):
        epochal.train(
            DIGITS,
            "training.validation=mine:spread",
            "training.monitor=val/spred",
            "training.monitor_direction=max",
            quiet=True,
        )


STOPPING = """
import os
import signal
from pathlib import Path

from epochal.recipes import gan


def step(state, batch):
    if state.step == 30 and not Path("stopped").exists():
        Path("stopped").touch()
        os.kill(os.getpid(), signal.SIGTERM)
    return gan.step(state, batch)
"""

SMALL_GAN = (
    "training.epochs=3",
    "training.step=stopping:step",
    "training.monitor=null",
    "model.width=8",
    "training.log_every=10",
    "scheduler={generator: {name: ExponentialLR, gamma: 0.9}, discriminator: {name: LinearLR, per: step}}",
    "compute.threads=1",
)


def test_a_gan_is_cut_and_resumed_to_the_same_bytes(here: Path) -> None:
    (here / "stopping.py").write_text(STOPPING)
    with pytest.raises(Interrupted):
        epochal.train("gan", *SMALL_GAN, "paths.runs=cut", quiet=True)
    cut = epochal.train("gan", *SMALL_GAN, "paths.runs=cut", resume=True, quiet=True)
    uncut = epochal.train("gan", *SMALL_GAN, "paths.runs=uncut", quiet=True)
    assert _weights(cut) == _weights(uncut)
    (tensors, values), (others, other_values) = (read_checkpoint(run.folder.last) for run in (cut, uncut))
    assert {
        "state/optimizer/generator/state/0/exp_avg",
        "state/optimizer/discriminator/state/0/exp_avg",
    } <= set(tensors)
    assert tensors.keys() == others.keys()
    assert [name for name in tensors if not torch.equal(tensors[name], others[name])] == []
    for row in (values, other_values):  # bytes of a file that holds seconds
        counters = dict(row["items"])["counters"]["items"]
        counters[:] = [pair for pair in counters if pair[0] != "history"]
    assert values == other_values
    shown = [name for name in cut.epochs.columns if name not in ("seconds", "samples_per_second")]
    assert cut.epochs.select(shown).equals(uncut.epochs.select(shown))
    assert {"train/lr/generator", "train/lr/discriminator", "train/generator_loss", "val/frechet"} <= set(
        shown
    )
    pictures = sorted(path.name for path in (cut.path / "plots").glob("samples*.png"))
    assert pictures == ["samples.png", *(f"samples_epoch_00{epoch}.png" for epoch in (1, 2, 3))]
    assert all(
        (cut.path / "plots" / name).read_bytes() == (uncut.path / "plots" / name).read_bytes()
        for name in pictures
    )
    assert _size(cut.path / "plots" / "samples.png") == (530, 530)
    assert (cut.path / "plots" / "learning_rate.png").exists()


def test_samples_of_a_folder_without_classes(here: Path) -> None:
    make_images(here / "pictures", 10, 8)
    config = {
        "name": "faces",
        "extends": "gan",
        "data": {"source": {"name": "folder", "root": "pictures/cat"}, "batch_size": 4},
        "training": {"epochs": 6, "monitor": None, "validation": None},
    }
    run = epochal.train(config, *PLAIN, "data.split.val=0.3", "model.width=4", quiet=True)
    assert run.status == "finished"
    assert read_checkpoint(run.folder.best)[1] == {"epoch": 6, "monitor": "epoch", "score": 6}
    assert not list((run.path / "metrics").glob("*"))
    pictures = sorted(path.name for path in (run.path / "plots").glob("samples*.png"))
    assert pictures == ["samples.png", *(f"samples_epoch_00{epoch}.png" for epoch in range(2, 7))]
    model: Any = epochal.load(run).model
    assert model.sample(torch.zeros(3, model.latent)).shape == (3, 3, 8, 8)
    with pytest.raises(RequestError, match="a run that generates predicts nothing"):
        epochal.predict(run, "pictures/cat")
    with pytest.raises(RequestError, match="no predictions to score"):
        epochal.evaluate(run, "val")
    assert "samples" in epochal.report(run).read_text()
    assert epochal.inspect(config, *PLAIN, quiet=True).samples == 10


MODELS = """
import torch
from torch import nn

from epochal.recipes.gan import DCGAN


class NoLatent(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator, self.discriminator = nn.Linear(2, 2), nn.Linear(2, 2)


class WrongShape(DCGAN):
    def sample(self, noise):
        return noise


class Extra(DCGAN):
    def __init__(self, input_shape):
        super().__init__(input_shape)
        self.temperature = nn.Parameter(torch.ones(()))


class Shared(DCGAN):
    def __init__(self, input_shape):
        super().__init__(input_shape)
        self.generator.tied = self.discriminator[0]
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("NoLatent", "model: the model has no 'latent'"),
        ("WrongShape", "sample(noise) gives [64, 32] for noise [64, 32]"),
        ("Extra", "optimizer: no optimizer trains the parameter 'temperature'"),
        (
            "Shared",
            "optimizer: 2 optimizers, generator and discriminator, train the parameter",
        ),
    ],
)
def test_models_that_do_not_fit_are_told_before_a_run_starts(name: str, said: str, here: Path) -> None:
    (here / "nets.py").write_text(MODELS)
    with pytest.raises(ConfigError) as raised:
        epochal.train("gan", *PLAIN, f"model={{name: 'nets:{name}'}}", quiet=True)
    assert said in str(raised.value)


def test_settings_that_a_step_of_ones_own_excludes_are_told_all_at_once(here: Path) -> None:
    overrides = ("training.accumulate=2", "training.on_nan=skip", "data.batch_size=auto", "loss=mse")
    with pytest.raises(ConfigError) as raised:
        epochal.train("gan", *overrides, "optimizer.generatr={name: Adam}", quiet=True)
    told = [problem.where for problem in raised.value.problems]
    keys = ["training.accumulate", "training.on_nan", "data.batch_size", "loss"]
    assert sorted(told) == sorted(f"command line: {key}" for key in keys)
    with pytest.raises(ConfigError, match="generation has no score to follow"):
        epochal.train("gan", "training.monitor=null", "training.early_stopping={patience: 2}", quiet=True)
    with pytest.raises(ConfigError, match="no sub-module 'generatr'; did you mean 'generator'"):
        epochal.train("gan", *PLAIN, "optimizer.generatr={name: Adam}", quiet=True)
    with pytest.raises(ConfigError, match="generation has no loss to train with"):
        epochal.train("digits", "task=generation", "loss=null", quiet=True)


def test_an_autoencoder_reconstructs_better_than_as_many_principal_components(here: Path) -> None:
    run = epochal.train("autoencoder", *PLAIN, quiet=True)
    # PCA of the training split with 8 components gives 16.4 dB on the same test images
    assert run.metrics["test/psnr"] > 17.0
    assert _size(run.path / "plots" / "reconstructions.png") == (530, 530)
    table = run.predictions("test")
    assert table.columns == ["INDEX", "FILENAME", "ERROR"]
    assert table["ERROR"].mean() == pytest.approx(run.metrics["test/mse"], rel=1e-5)
    generator = torch.Generator().manual_seed(0)
    noise = torch.randint(0, 256, (20, 1, 8, 8), dtype=torch.uint8, generator=generator).numpy()
    errors = epochal.predict(run, noise, quiet=True)["ERROR"]
    quantile = table.select(pl.col("ERROR").quantile(0.95)).item()
    assert min(errors.to_list()) > quantile
    assert epochal.evaluate(run, "val", quiet=True).metrics["psnr"] == pytest.approx(run.metrics["val/psnr"])
    assert "reconstructions" in epochal.report(run).read_text()


TASK = """
from typing import final

import numpy as np
from matplotlib.figure import Figure

import epochal
from epochal.recipes.autoencoder import Autoencoder, Reconstruction


class Denoising(epochal.Task):
    target = "none"
    monitor = "val/mse"

    def forward(self, model, batch):
        return model(batch.inputs)

    def loss(self, outputs, targets):
        return outputs.square().mean()

    def running(self, outputs, targets):
        return {}

    def predict(self, outputs):
        return outputs.flatten(1).mean(dim=1, keepdim=True)

    def scores(self, predictions, targets):
        return epochal.Scores({"mse": float(predictions.mean())})

    def curves(self, predictions, targets):
        return {}

    def table(self, predictions, targets):
        return {"LEVEL": predictions[:, 0]}

    def plots(self, model, batch):
        figure = Figure(figsize=(2, 1))
        figure.add_subplot().hist(np.ravel(batch.inputs.cpu().numpy()))
        return {"levels": figure, "outputs": model(batch.inputs)[:3]}


@final
class Careless(Denoising):
    def plots(self, model, batch):
        return {"levels": [1, 2, 3]}
"""


def test_a_task_of_ones_own_draws_its_own_pictures(here: Path) -> None:
    (here / "tasks_here.py").write_text(TASK)
    config = {"extends": "autoencoder", "task": "tasks_here:Denoising", "name": "denoise"}
    run = epochal.train(config, "training.epochs=1", "compute.threads=1", quiet=True)
    names = {path.name for path in (run.path / "plots").iterdir()}
    assert {"levels.png", "outputs.png", "levels_epoch_001.png"} <= names
    assert _size(run.path / "plots" / "levels.png")[0] > 100
    assert run.predictions("val").columns == ["INDEX", "FILENAME", "LEVEL"]
    crossed = epochal.crossval(
        config, "data.split={name: kfold, folds: 2}", "training.epochs=1", *PLAIN, quiet=True
    )
    assert crossed.pooled["mse"] == pytest.approx(crossed.mean["mse"], rel=0.05)
    with pytest.raises(ConfigError, match=r"'levels' of plots\(\) is a list"):
        epochal.train(config, "task=tasks_here:Careless", "training.epochs=1", *PLAIN, quiet=True)
