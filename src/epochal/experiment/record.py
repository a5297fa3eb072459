"""What a run writes down about itself, and rebuilding its parts from that."""

from __future__ import annotations

from typing import Any

from epochal.data.images import ImageFiles
from epochal.data.manifest import Source
from epochal.data.sounds import sound_rate
from epochal.experiment.assemble import Experiment
from epochal.experiment.identity import own_files, split_digest
from epochal.secrets import redacted_values


def derived(experiment: Experiment, steps: int) -> dict[str, Any]:
    """The section ``derived`` of a run's config.yaml: what was found out, not asked for."""
    data = experiment.data
    image, rate = data.source.kind == "image", sound_rate(data.source)
    return {
        "kind": data.source.kind,
        "names": list(experiment.task.names),
        "input_shape": list(data.samples.shape),
        "model_shape": list(data.input_shape),
        "input_shapes": {name: list(shape) for name, shape in data.shapes.items()} if data.others else {},
        "channels": int(_raw_channels(experiment)) if image or rate else None,
        "image_files": isinstance(data.source.read, ImageFiles),
        "rate": rate,
        "features": list(data.source.features),
        "mask_values": _mask_values(data.source),
        "codes": list(data.codes),
        "read_columns": {
            key: list(frame.columns)
            for key, frame in (("sample", data.source.frame), ("beside", data.source.beside))
            if frame is not None
        },
        "anchors": list(data.anchors),
        "outputs": experiment.task.outputs,
        "parameters": sum(parameter.numel() for parameter in experiment.model.parameters()),
        "samples": {name: len(data.split.rows(name)) for name in data.split.names()},
        "steps": steps,
        "monitor": experiment.monitor.name,
        "batch_size": experiment.train.size if experiment.config.data.batch_size == "auto" else None,
        "device": str(experiment.compute.device),
        "precision": experiment.compute.precision,
        "channels_last": experiment.compute.channels_last,
        "data_digest": data.source.digest[:16],
        "split_digest": split_digest(data.split),
        "own_files": own_files(experiment.config),
    }


def _mask_values(source: Source) -> list[int] | None:
    """The numbers that stand for classes in masks; None without masks, and where colours stand for them."""
    masks = source.masks
    return None if masks is None or masks.coding.colored else list(masks.coding.values)


def _raw_channels(experiment: Experiment) -> int:
    source = experiment.data.source
    first = source.array[0] if source.array is not None else source.read(0)
    return int(first.shape[0])


def hyperparameters(experiment: Experiment) -> dict[str, bool | str | float | int]:
    """The settings as flat ``section.key`` pairs of scalars, for TensorBoard's table of runs."""
    plain = redacted_values(experiment.config.to_plain())
    sections = {
        key: plain[key] for key in ("seed", "task", "model", "loss", "optimizer", "scheduler", "training")
    }
    sections["data"] = {key: plain["data"][key] for key in ("normalize", "augment", "prepare")}
    sections["data"]["batch_size"] = experiment.train.size
    return dict(_flat(sections, ""))


def _flat(value: Any, prefix: str) -> list[tuple[str, bool | str | float | int]]:
    if isinstance(value, dict):
        return [
            pair
            for key, entry in value.items()
            for pair in _flat(entry, f"{prefix}.{key}" if prefix else key)
        ]
    if isinstance(value, bool | int | float | str):
        return [(prefix, value)]
    return [] if value is None or value == [] else [(prefix, str(value))]
