"""From a configuration to the parts of a run; nothing is written to a run folder here."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn

from epochal.config.component import Component
from epochal.console import Console
from epochal.data.augment.pipeline import build_augment
from epochal.data.batches import Batches, Pool, target_tensor
from epochal.data.encode.text import TextEncoding
from epochal.data.lengths import text_lengths
from epochal.data.manifest import Array, Source
from epochal.data.sounds import sound_rate
from epochal.data.statistics import Statistics, targets_like
from epochal.engine.compute import Compute, choose_compute
from epochal.engine.loop import Monitor
from epochal.errors import ConfigError, Problem
from epochal.experiment.config import ExperimentConfig
from epochal.experiment.data import Data, assemble_data
from epochal.experiment.identity import experiment_id
from epochal.experiment.monitor import choose_monitor
from epochal.experiment.network import build_network
from epochal.losses.build import SINGLE_OUTPUT_LOSSES, build_loss
from epochal.tasks.build import DEFAULT_LOSSES, build_task, task_class
from epochal.tasks.metrics import build_metrics
from epochal.tasks.task import Task, TaskContext

_DEFAULT_MODELS = {
    "image": "simple_cnn",
    "vector": "mlp",
    "tensor": "mlp",
    "series": "tcn",
    "text": "embedding_bag",
}
_MASK_MODEL = "unet"
_PICTURES = ("log_mel", "mfcc", "spectrogram")  # transforms that make series pictures
_PROVISIONAL = 32


@dataclass(frozen=True)
class Experiment:
    """The parts of a run, ready to train.

    id: short hash; equal experiments share it, wherever they run.
    config: with what was left open filled in.
    """

    id: str
    config: ExperimentConfig
    compute: Compute
    data: Data
    task: Task
    model: nn.Module
    monitor: Monitor
    train: Batches
    val: Batches
    test: Batches

    def on(self, compute: Compute) -> Experiment:
        """The same experiment, computed otherwise; the model is laid out anew, in place."""
        pool = replace(self.train.pool, device=compute.device, channels_last=compute.channels_last)
        return replace(
            self,
            compute=compute,
            model=compute.lay_out(self.model, self.data.input_shape),
            **{name: replace(getattr(self, name), pool=pool) for name in ("train", "val", "test")},
        )

    def batches(self, split: str) -> Batches:
        """The batches of a split by its name, in the order of rows and never augmented."""
        return {
            "train": Batches(self.train.pool, self.train.rows, self.val.size),
            "val": self.val,
            "test": self.test,
        }[split]


def assemble(config: ExperimentConfig, console: Console, data: Data | None = None) -> Experiment:
    """Everything that a run needs, checked to fit together."""
    compute = choose_compute(config.compute, config.derived)
    data = data or assemble_data(config, console)
    config = fill_in(config, data.source.kind, sound=sound_rate(data.source) is not None)
    task = assemble_task(config, data)
    assert config.model is not None
    shape = data.input_shape
    model = build_network(config, shape, task, data.model_facts, data.normalizer, data.anchors)
    pool = Pool(
        source=data.source,
        samples=data.samples,
        targets=target_tensor(data.source.manifest, data.masks),
        normalizer=data.normalizer.to(compute.device),
        device=compute.device,
        seed=config.seed,
        workers=config.data.workers,
        channels_last=compute.channels_last,
        name=data.first if data.others else "inputs",
        others=data.normalized_others(),
        lengths=_lengths(data.source),
        rate=data.prepare.rate,
    )
    classes = len(task.names) if task.target == "class" else None
    masks = data.masks is not None
    unknown = data.encoding.unknown if isinstance(data.encoding, TextEncoding) else None
    kind, codes = data.source.kind, data.codes
    augment = build_augment(config.data.augment, kind, classes, unknown, masks=masks, codes=codes)
    size, evaluation_size = _batch_sizes(config)
    return Experiment(
        id=experiment_id(config, data),
        config=config,
        compute=compute,
        data=data,
        task=task,
        model=compute.lay_out(model, shape),
        monitor=choose_monitor(config, task),
        train=Batches(pool, data.split.train, size, augment),
        val=Batches(pool, data.split.val, evaluation_size),
        test=Batches(pool, data.split.test, evaluation_size),
    )


def _lengths(source: Source) -> Array | None:
    if source.kind != "text":
        return None
    assert source.array is not None  # encoded
    return text_lengths(source.array)


def _batch_sizes(config: ExperimentConfig) -> tuple[int, int]:
    """Samples in a batch of training and of evaluation.

    Under ``auto`` they are what a run derived, or provisional until ``choose_batch_size``.
    """
    data = config.data
    if data.batch_size == "auto":
        size = (config.derived or {}).get("batch_size") or _PROVISIONAL
        return size, data.evaluation_batch_size or size
    return data.batch_size, data.evaluation_batch_size or 4 * data.batch_size


def fill_in(config: ExperimentConfig, kind: str, *, sound: bool = False) -> ExperimentConfig:
    """The configuration with the model and the loss that it leaves to us; sound: the series are sounds."""
    task = task_class(config.task)
    loss = config.loss or (Component(name=DEFAULT_LOSSES[task.target]) if task.has_loss else None)
    model = config.model or Component(name=_default_model(config, kind, sound))
    return config.model_copy(update={"model": model, "loss": loss})


def _default_model(config: ExperimentConfig, kind: str, sound: bool) -> str:
    if task_class(config.task).target == "mask":
        return _MASK_MODEL
    if kind == "series" and any(step.name in _PICTURES for step in config.data.transform):
        return "mel_cnn"
    return "wave_cnn" if sound else _DEFAULT_MODELS[kind]


def assemble_task(config: ExperimentConfig, data: Data) -> Task:
    """The task, with its loss built from the targets of the training split."""
    manifest = data.source.manifest
    if config.loss is None:
        return build_task(config.task, task_context(config, manifest.names, data.statistics, None))
    targets = targets_like(data.statistics, manifest.target_kind)
    criterion = build_loss(config.loss, targets, manifest.target_kind, len(manifest.names))
    criterion = criterion.to(choose_compute(config.compute).device)
    return build_task(config.task, task_context(config, manifest.names, data.statistics, criterion))


def task_context(
    config: ExperimentConfig, names: tuple[str, ...], statistics: Statistics, criterion: nn.Module | None
) -> TaskContext:
    """What the task is told; the same for training and for prediction."""
    values = len(statistics.target_mean)
    standard = config.data.normalize_target == "standard"
    if standard and not values:
        raise ConfigError(
            Problem(
                "only targets that are values can be normalised",
                where="data.normalize_target",
                mend="use none",
            )
        )
    single = config.loss is not None and config.loss.name in SINGLE_OUTPUT_LOSSES
    return TaskContext(
        names=names,
        criterion=criterion,
        single_output=single and len(names) == 2 and task_class(config.task).target == "class",
        target_shift=statistics.target_mean if standard else (0.0,) * values,
        metrics=build_metrics(config.evaluation.metrics),
        target_scale=tuple(s or 1.0 for s in statistics.target_std) if standard else (1.0,) * values,
    )
