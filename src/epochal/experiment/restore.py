"""A predictor from a run folder: weights, preprocessing and the meaning of outputs, nothing else needed."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from epochal.analysis.decision import Decision
from epochal.config.given import PREFIX
from epochal.data.others import Others
from epochal.data.prepare import build_prepare
from epochal.data.sources.readers import reader_of
from epochal.data.statistics import build_normalizer
from epochal.engine.checkpoint import read_checkpoint
from epochal.engine.compute import choose_compute, choose_device
from epochal.engine.state import check_fit
from epochal.errors import Problem, RequestError
from epochal.experiment.assemble import fill_in, task_context
from epochal.experiment.config import ExperimentConfig, load_experiment
from epochal.experiment.encodings import cardinalities, load_encodings, load_statistics, model_facts
from epochal.experiment.network import build_network
from epochal.inference.predict import Predictor
from epochal.run.folder import RunFolder
from epochal.run.run import Run
from epochal.tasks.build import build_task
from epochal.tasks.task import Task


def load_run_config(run: Run, overrides: tuple[str, ...] = ()) -> ExperimentConfig:
    """The resolved configuration of a run; float16, which CPUs don't have, becomes float32 on one."""
    config = load_experiment(run.folder.config, overrides)
    if config.compute.precision == "float16" and choose_device(config.compute.device).type == "cpu":
        compute = config.compute.model_copy(update={"precision": "float32"})
        return config.model_copy(update={"compute": compute})
    return config


def task_of_run(config: ExperimentConfig, run: Run) -> Task:
    """The task of a run, without a loss: for predictions and scores."""
    facts = load_run_config(run).derived or {}
    config = fill_in(_without_objects(config), facts["kind"])
    return build_task(config.task, task_context(config, tuple(facts["names"]), load_statistics(run), None))


def read_decision(folder: RunFolder) -> Decision:
    """The temperature and the thresholds that a run chose on validation, as far as it has them."""
    path = folder.calibration
    return Decision.from_json(json.loads(path.read_text())) if path.exists() else Decision()


def load_predictor(run: Run, device: str = "auto", own: nn.Module | None = None) -> Predictor:
    """The best weights of a run with the preprocessing that they were trained with.

    own: a model of the run's architecture, in place of what its config names; a copy gets the weights.
    Raises RequestError where the run has no best checkpoint yet.
    """
    _check_has_weights(run)
    config = load_run_config(run, (f"compute.device={device}",))
    facts: Mapping[str, Any] = config.derived or {}
    config = fill_in(_without_objects(config), facts["kind"])
    assert config.model is not None
    statistics = load_statistics(run)
    shape = tuple(facts["input_shape"])
    task = build_task(config.task, task_context(config, tuple(facts["names"]), statistics, None))
    if _has_pretrained(config):
        config = config.model_copy(update={"model": config.model.model_copy(update={"pretrained": False})})
    encoding, beside = load_encodings(run)
    kind, model_shape = facts["kind"], tuple(facts.get("model_shape") or shape)
    shapes = {name: tuple(each) for name, each in facts.get("input_shapes", {}).items()} or {
        kind: model_shape
    }
    told = model_facts(shapes, encoding, beside)
    prepare = build_prepare(config.data.prepare, facts.get("rate"))
    codes = cardinalities(encoding)
    normalizer = build_normalizer(config.data, statistics, model_shape, kind, codes, prepare.rate)
    model = (
        copy.deepcopy(own)
        if own is not None
        else build_network(config, model_shape, task, told, normalizer, facts.get("anchors", ()))
    )
    _load_weights(model, run, shapes)
    compute = choose_compute(config.compute, facts)
    of_files = facts.get("image_files") and task.target != "mask"
    image_target = prepare.target if of_files else None
    return Predictor(
        model=compute.lay_out(model, model_shape),
        task=task,
        prepare=prepare,
        normalizer=normalizer.to(compute.device),
        device=compute.device,
        autocast=compute.autocast,
        channels_last=compute.channels_last,
        kind=kind,
        shape=shape,
        channels=facts["channels"],
        features=tuple(facts["features"]),
        target=image_target,
        rate=facts.get("rate"),
        encoding=encoding,
        beside=beside,
        shapes=shapes,
        others=Others(statistics.others, cardinalities(beside)),
        reader=reader_of(
            config.data.source,
            tuple(facts["features"]),
            tuple(facts["input_shape"]),
            facts["channels"],
            image_target,
            beside,
        ),
        decision=read_decision(run.folder),
    )


def _check_has_weights(run: Run) -> None:
    if run.folds:
        mend = f"name one of its folds, such as {run.folds[0]}; `epochal predict` takes all of them"
        raise RequestError(Problem("a cross-validation has a model for each fold", str(run.path), mend))
    if not run.folder.best.exists():
        mend = f"it is {run.status}; it has one after its first epoch"
        raise RequestError(Problem("the run has no best checkpoint", str(run.path), mend))


def _load_weights(model: nn.Module, run: Run, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Give the model the best weights; shapes: of its inputs by name, by which lazy layers are made."""
    weights, _ = read_checkpoint(run.folder.best)
    if any(torch.nn.parameter.is_lazy(parameter) for parameter in model.parameters()):
        model.eval()
        zeros = {name: torch.zeros(1, *each) for name, each in shapes.items()}
        with torch.no_grad():
            model(**zeros) if len(zeros) > 1 else model(*zeros.values())
    check_fit(weights, model)
    model.load_state_dict(weights)


def _without_objects(config: ExperimentConfig) -> ExperimentConfig:
    """The configuration without metrics that were objects of the program that trained."""
    kept = tuple(each for each in config.evaluation.metrics if not each.name.startswith(PREFIX))
    return config.model_copy(update={"evaluation": config.evaluation.model_copy(update={"metrics": kept})})


def _has_pretrained(config: ExperimentConfig) -> bool:
    assert config.model is not None
    return "pretrained" in config.model.arguments
