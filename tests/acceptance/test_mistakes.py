"""What a user gets wrong: one clear message a mistake, exit code 2, no traceback, no run folder."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from shell import Shell, make_images

from epochal.cli.errors import run_command
from epochal.cli.group import epochal

NETS = """
import torch
from torch import nn


class Raising(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, x):
        raise RuntimeError("not today")


class Five(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 5)

    def forward(self, x):
        return self.layer(x)


def three():
    return 3


def one_argument(outputs):
    return outputs.mean()


def refuses(inputs):
    raise ValueError("not these")
"""

TABLE = "data:\n  source: {name: table, path: t.csv, target: y}\ntracking: []\n"
PETS = "data:\n  source: {name: folder, root: pets}\ntracking: []\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder with data, configs and modules, right ones and wrong ones."""
    folder = tmp_path_factory.mktemp("place")
    shell = Shell(folder)
    generator = np.random.default_rng(0)
    rows = [f"{a:.3f},{b:.3f},{'yn'[i % 2]}" for i, (a, b) in enumerate(generator.normal(size=(40, 2)))]
    shell.write("t.csv", "\n".join(["a,b,y", *rows]))
    shell.write("nan.csv", "\n".join(["a,b,y", "1,2,3.5", "1,2,", "1,2,nan", *["1,2,0.5"] * 30]))
    shell.write("labels.csv", "\n".join(["a,u,v", *["0.5,1,0", "-0.5,0,1"] * 20]))
    make_images(folder / "pets", 8, 8)
    make_images(folder / "broken", 8, 8)
    (folder / "broken" / "cat" / "003.png").write_bytes(b"no image at all")
    (folder / "empty").mkdir()
    shell.write("table.yaml", TABLE)
    shell.write("labels.yaml", TABLE.replace("t.csv", "labels.csv"))
    shell.write("pets.yaml", PETS)
    shell.write("nets_g.py", NETS)
    shell.write("broken_g.py", "import a_package_that_is_not_there\n")
    return folder


# what is typed after `epochal train`, and what the message must say
MISTAKES = [
    # the ten of the first day
    ("nothing.yaml", ["there is no file 'nothing.yaml'"]),
    ("table.yaml training.epoch=2", ["command line: training.epoch: unknown key; did you mean 'epochs'?"]),
    ("table.yaml optimizer=AdmW", ["optimizer: no optimizer is called 'AdmW'; did you mean", "'AdamW'"]),
    ("table.yaml optimizer.lrr=1", ["optimizer.lrr: AdamW takes no 'lrr'; did you mean 'lr'?"]),
    ("table.yaml training.epochs=ten", ["training.epochs: expected an integer, got 'ten'"]),
    ("table.yaml model=nets_g:Five", ["nets_g:Five gives 5 outputs a sample, the data has 2 classes (n, y)"]),
    ("pets.yaml data.source.root=empty", ["empty: there is no image in this folder"]),
    ("pets.yaml data.source.root=broken", ["broken/cat/003.png: this is no image that epochal reads"]),
    ("table.yaml data.source.target=z", ["t.csv: no column is called 'z'; known: a, b, y"]),
    ("table.yaml task=regression data.source.path=nan.csv", ["nan.csv:3: 'y' is empty", "nan.csv:4: 'y' is"]),
    ("digts", ["there is no recipe and no file 'digts'; did you mean 'digits'?"]),
    # and more
    ("table.yaml trainig.epochs=2", ["trainig: unknown key; did you mean 'training'"]),
    ("table.yaml epochs", ["'epochs' is no override; write dotted.key=value"]),
    ("table.yaml --resum", ["the option '--resum' is unknown; did you mean '--resume'?"]),
    ("table.yaml --resume", ["no unfinished run of 'table'"]),
    ("table.yaml --resume nowhere", ["nowhere: no such run"]),
    ("table.yaml data.source.path=no.csv", ["no.csv: there is no such file"]),
    ("pets.yaml data.source.root=absent", ["absent"]),
    ("table.yaml training.monitor=val/acuracy", ["training.monitor:", "did you mean 'val/accuracy'"]),
    ("table.yaml training.monitor=val/r2", ["training.monitor: there is no score 'val/r2' to follow"]),
    ("table.yaml training.monitor=accuracy", ["training.monitor:", "did you mean 'val/accuracy'"]),
    ("table.yaml data.augment=[horizontal_flip]", ["horizontal_flip is for images"]),
    ("table.yaml compute.device=gpu", ["compute.device: no device is called 'gpu'; use auto, cpu, cuda"]),
    ("table.yaml compute.device=cuda:9", ["compute.device: 'cuda:9' is not there"]),
    (
        "table.yaml model=broken_g:Net",
        ["importing 'broken_g' failed: No module named 'a_package_that_is_not"],
    ),
    ("table.yaml model=absent_g:Net", ["no module is called 'absent_g'; looked in"]),
    ("table.yaml model=nets_g:Fve", ["'nets_g' has no 'Fve'; did you mean 'Five'"]),
    ("table.yaml model=nets_g:three", ["'nets_g:three' gave a int, not an nn.Module"]),
    (
        "table.yaml model=nets_g:Raising",
        ["fails on a batch of shape 8×2: RuntimeError: not today (nets_g.py:12)"],
    ),
    (
        "table.yaml loss=nets_g:one_argument",
        ["loss: nets_g:one_argument fails on outputs [8, 2] and targets [8]: TypeError"],
    ),
    ("table.yaml loss=mse", ["loss: mse compares outputs [8, 2] with targets [8]; for classification there"]),
    (
        "labels.yaml task=regression data.source.target=u loss=cross_entropy",
        ["loss: cross_entropy is no loss for regression; use mse"],
    ),
    (
        "labels.yaml task=multilabel data.source.target=[u,v] data.checks=off loss=focal",
        ["loss: focal is no loss for multilabel; use bce_with_logits"],
    ),
    (
        "pets.yaml data.augment=[mixup] loss=multi_margin",
        ["multi_margin takes class indices, and mixup and cutmix make"],
    ),
    (
        "pets.yaml task=regression",
        ["pets.yaml:2: data.source: the source folder gives targets for classification"],
    ),
    ("pets.yaml data.prepare=[rezise]", ["data.prepare.0: no", "did you mean 'resize'"]),
    ("table.yaml optimizer.lr=-1", ["optimizer: AdamW: Invalid learning rate: -1"]),
    ("table.yaml scheduler=StepLR", ["StepLR needs 'step_size'"]),
    (
        "table.yaml \"optimizer.groups=[{parameters: 'x.*', lr: 1}]\"",
        ["optimizer.groups.0: no parameter", "'x.*'"],
    ),
    (
        "pets.yaml data.augment=[nets_g:refuses]",
        ["data: making a batch of the first samples fails: ValueError: not these (nets_g.py:33)"],
    ),
    (
        "pets.yaml data.prepare=[nets_g:refuses]",
        ["data: preparing the samples fails: ValueError: not these (nets_g.py:33)"],
    ),
    ("table.yaml data.split=grouped", ["data.split: the data has no groups"]),
    ("table.yaml data.split=column", ["data.split: the data comes without a split"]),
    ("table.yaml name=a/b", ["name: a name of letters"]),
    ("table.yaml task=nets_g:Five", ["task: 'nets_g:Five' is no task"]),
]


@pytest.mark.parametrize(("typed", "said"), MISTAKES, ids=[typed for typed, _ in MISTAKES])
def test_a_mistake(
    typed: str,
    said: list[str],
    place: Path,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(place)
    code = run_command(epochal, ["train", *shlex.split(typed)])
    printed = capsys.readouterr()
    lines = printed.err.splitlines()
    assert code == 2, printed.err
    assert all(line.startswith("error: ") for line in lines), printed.err
    assert all(len(line) < 400 for line in lines)
    for text in said:
        assert text in printed.err
    assert printed.out == ""
    assert "Traceback" not in printed.err
    assert not (place / "runs").exists()


def test_all_mistakes_of_a_file_at_once(tmp_path: Path) -> None:
    """Those that need no torch without waiting for it; the others when there are none of these."""
    shell = Shell(tmp_path)
    wrong = """sed: 1
task: clasification
data:
  source: {name: table, path: t.csv, target: y, grup: c}
  splits: random
model: {name: mpl, hidden: [8]}
loss: cross_entrpy
optimizer:
  name: AdamW
  lrr: 1e-3
scheduler: CosineAnealingLR
training: {epochs: ten, monitr: val/loss}
"""
    shell.write("configs/skin.yaml", wrong)
    at_once = [
        (1, "sed: unknown key; did you mean 'seed'?"),
        (4, "data.source.grup: table takes no 'grup'; did you mean 'group'?"),
        (5, "data.splits: unknown key; did you mean 'split'?"),
        (12, "training.epochs: expected an integer, got 'ten'"),
        (12, "training.monitr: unknown key; did you mean 'monitor'?"),
    ]
    then = [
        (2, "task: no task is called 'clasification'; did you mean 'classification'?"),
        (6, "model.name: no model is called 'mpl'; did you mean 'mlp'?"),
        (7, "loss: no loss is called 'cross_entrpy'; did you mean 'cross_entropy'"),
        (10, "optimizer.lrr: AdamW takes no 'lrr'; did you mean 'lr'?"),
        (11, "scheduler: no scheduler is called 'CosineAnealingLR'; did you mean 'CosineAnnealingLR'"),
    ]
    mended = wrong
    for old, new in (
        ("sed", "seed"),
        ("grup", "group"),
        ("splits", "split"),
        ("ten", "10"),
        ("monitr", "monitor"),
    ):
        mended = mended.replace(old, new)
    for text, expected in ((wrong, at_once), (mended, then)):
        shell.write("configs/skin.yaml", text)
        told = shell.run("train", "configs/skin.yaml", code=2).stderr
        for line, what in expected:
            assert f"error: configs/skin.yaml:{line}: {what}" in told
        assert len(told.splitlines()) == len(expected)
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".")) == ["configs"]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("evaluate nowhere", "nowhere: no such run"),
        ("predict nowhere a.png", "nowhere: no such run"),
        ("predict", "Missing argument 'RUN'"),
        ("trian digits", "there is no verb 'trian'; did you mean 'train'?"),
        ("train", "Missing argument 'CONFIG'"),
        ("inspect table.yaml data.source.target=z", "no column is called 'z'"),
        ("inspect pets.yaml data.split=grouped", "data.split: the data has no groups"),
        ("config show digts", "did you mean 'digits'?"),
    ],
)
def test_mistakes_of_other_verbs(
    typed: str,
    said: str,
    place: Path,
    here: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(place)
    assert run_command(epochal, typed.split(" ")) == 2
    assert said in capsys.readouterr().err
