"""Fit: a model of one's own on data of one's own, in a program or a notebook, without a config."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from epochal.config.given import PREFIX, given
from epochal.data.manifest import TargetKind
from epochal.data.sources.objects import dataset_of, first_target, from_objects
from epochal.dotenv import read_dotenv
from epochal.engine.checkpoint import read_checkpoint
from epochal.engine.processes import is_one_of_several
from epochal.engine.state import check_fit
from epochal.errors import ConfigError, Problem
from epochal.experiment.config import read_experiment
from epochal.run.folder import RunFolder
from epochal.run.run import Run
from epochal.verbs.train import Request, train_loaded

_YES_OR_NO = ("bce_with_logits", "BCEWithLogitsLoss", "binary_cross_entropy_with_logits")


def fit(
    model: nn.Module,
    train_data: Any,
    val_data: Any = None,
    test_data: Any = None,
    *,
    loss: str | Mapping[str, Any] | Callable[..., Any] | None = None,
    optimizer: str | Mapping[str, Any] | Callable[..., Any] | torch.optim.Optimizer = "AdamW",
    lr: float | None = None,
    scheduler: str | Mapping[str, Any] | Callable[..., Any] | None = None,
    epochs: int = 10,
    batch_size: int | None = None,
    task: str | None = None,
    metrics: Sequence[str | Mapping[str, Any] | Callable[..., Any]] = (),
    hooks: Sequence[Any] = (),
    name: str = "fit",
    folder: str | Path | None = None,
    seed: int = 42,
    settings: Sequence[str] = (),
    preflight: bool = True,
    quiet: bool = False,
) -> Run:
    """Train a model on plain PyTorch objects, as ``epochal.train`` does, and leave the best weights in it.

    train_data, val_data, test_data: a Dataset of (input, target), a DataLoader of one (which gives the batch
        size; the order is epochal's), or a pair (inputs, targets) of tensors or arrays. Without val_data, a
        tenth of train_data is drawn for validation. Inputs reach the model as they are.
    loss: a name, a module, or a function (outputs, targets) -> scalar; by default the task's.
    optimizer: a name, a class, a function (parameters) -> optimizer, or an optimizer over the model's
        parameters that has not stepped yet. lr: where it is a name or a class.
    scheduler: a name, a class, or a function (optimizer) -> scheduler.
    task: classification, multilabel or regression; by default what the targets and the loss look like.
    metrics: functions (predictions, targets) -> number. hooks: objects like ``epochal.Hook``.
    folder: of the run. Called again with it, a run that was cut goes on as if it had not been, and a finished
        one is returned; without it, each call is a new run below ``runs/<name>``.
    settings: anything else that a config says: ``["training.ema=0.99", "data.augment=[horizontal_flip]"]``.

    Raises as ``epochal.train`` does. The run's model can be had with ``epochal.load(run, model=...)``.
    """
    read_dotenv()
    datasets = {
        split: dataset_of(data, f"{split}_data")
        for split, data in (("train", train_data), ("val", val_data), ("test", test_data))
        if data is not None
    }
    task = task or _task(first_target(datasets["train"], "train_data"), loss)
    if batch_size is None:
        batch_size = train_data.batch_size if isinstance(train_data, DataLoader) else 32

    def data(target_kind: TargetKind) -> Any:
        return from_objects(datasets, target_kind)

    objects = _Objects()
    objects.named[f"{PREFIX}data"] = data
    config = {
        "name": name,
        "seed": seed,
        "task": task,
        "data": {
            "source": f"{PREFIX}data",
            "split": "column",
            "normalize": "none",
            "batch_size": batch_size,
        },
        "model": objects.name(model, lambda: model),
        "loss": objects.component(loss),
        "optimizer": _optimizer(optimizer, lr, model, objects),
        "scheduler": objects.component(scheduler),
        "training": {"epochs": epochs, "hooks": [objects.hook(hook) for hook in hooks]},
        "evaluation": {"metrics": [objects.metric(metric) for metric in metrics]},
    }
    with given(objects.named):
        loaded, text = read_experiment(config, settings)
        if loaded.compute.processes > 1 and not is_one_of_several():
            mend = "run the program under torchrun, or train from a config"
            what = "objects of this program can't be sent to other processes"
            raise ConfigError(Problem(what, "compute.processes", mend))
        place = None if folder is None else RunFolder(Path(folder))
        request = Request(None, False, folder is None, preflight, False, place, quiet)
        run = train_loaded(loaded, text, request)
    weights, _ = read_checkpoint(run.folder.best)  # a run that was finished already has trained nothing now
    check_fit(weights, model)
    model.load_state_dict(weights)
    return run


def _task(targets: Any, loss: Any) -> str:
    """What targets, of one sample or of all, and the loss look like."""
    kind, several = targets.dtype.kind, targets.ndim >= 1 and targets.shape[-1:] > (1,)
    shown = loss if isinstance(loss, str) else getattr(loss, "__name__", type(loss).__name__)
    if isinstance(loss, Mapping):
        shown = loss.get("name")
    if shown in _YES_OR_NO:
        return "multilabel"
    if kind in "bui":
        return (
            "multilabel"
            if several and targets.ndim != 1 and bool(np.isin(targets, (0, 1)).all())
            else ("classification")
        )
    return "classification" if kind == "U" else "regression"


class _Objects:
    """The objects of a call by the names that its config has for them."""

    def __init__(self) -> None:
        self.named: dict[str, Callable[..., Any]] = {}

    def name(self, value: Any, use: Callable[..., Any]) -> str:
        """The name of an object; use: what is called, or is the loss, where the config names it."""
        shown = getattr(value, "__name__", type(value).__name__)
        found = f"{PREFIX}{shown}@{_digest(value)}"
        self.named[found] = use
        return found

    def component(self, value: Any) -> Any:
        """A name or mapping as it is, a class of torch's by its name, and a name for another object."""
        if value is None or isinstance(value, str | Mapping):
            return value
        if inspect.isclass(value) and value.__module__.startswith("torch."):
            return value.__name__
        return self.name(value, value)

    def metric(self, value: Any) -> Any:
        """The metric under its own name."""
        if not callable(value):
            return value
        return {"name": self.name(value, value), "as": getattr(value, "__name__", type(value).__name__)}

    def hook(self, value: Any) -> Any:
        """A name or mapping as it is; else what gives the object."""
        return value if isinstance(value, str | Mapping) else self.name(value, lambda: value)


def _optimizer(value: Any, lr: float | None, model: nn.Module, objects: _Objects) -> dict[str, Any]:
    if isinstance(value, torch.optim.Optimizer):
        return _same_optimizer(value, model, objects)
    found = objects.component(value)
    component = dict(found) if isinstance(found, Mapping) else {"name": found}
    return component | ({} if lr is None else {"lr": lr})


def _same_optimizer(optimizer: torch.optim.Optimizer, model: nn.Module, objects: _Objects) -> dict[str, Any]:
    """The component that makes an optimizer of the same class, groups and arguments for the same model."""
    if optimizer.state:
        mend = "give a new one, or its class"
        raise ConfigError(Problem("the optimizer has taken steps already", "optimizer", mend))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    held = [id(each) for group in optimizer.param_groups for each in group["params"]]
    if not set(held) <= names.keys():
        raise ConfigError(Problem("the optimizer has parameters that are not the model's", "optimizer"))
    asked = {names[id(each)] for each in model.parameters() if each.requires_grad}
    if asked != {names[each] for each in held}:
        mend = "set requires_grad to False for those that don't train"
        raise ConfigError(Problem("the optimizer lacks some of the model's parameters", "optimizer", mend))
    takes = inspect.signature(type(optimizer)).parameters
    first, *others = [
        {key: item for key, item in group.items() if key in takes and key != "params"}
        for group in optimizer.param_groups
    ]
    component: dict[str, Any] = {"name": objects.component(type(optimizer)), **_plain(first)}
    component["groups"] = [
        {"parameters": names[id(each)], **_plain(options)}
        for options, group in zip(others, optimizer.param_groups[1:], strict=True)
        for each in group["params"]
    ]
    return component


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    """Options as YAML has them; those that are None say nothing."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in options.items()
        if value is not None
    }


def _digest(value: Any) -> str:
    """Eight hexadecimal digits: of a module its structure, of other code its text, where there is one."""
    text = ""
    if isinstance(value, nn.Module):
        text = repr(value) + str([(name, tuple(each.shape)) for name, each in value.state_dict().items()])
    else:
        with suppress(OSError, TypeError):  # typed into a plain interpreter, or built in
            text = inspect.getsource(value if hasattr(value, "__name__") else type(value))
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
