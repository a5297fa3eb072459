"""The ``data`` section of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from epochal.config.component import Component
from epochal.config.section import Section


class Constants(Section):
    """Fixed normalisation constants, one a channel or feature, in units of [0, 1] for images."""

    mean: tuple[float, ...] = Field(description="subtracted from each channel or feature")
    std: tuple[float, ...] = Field(description="divides each channel or feature")

    @field_validator("std")
    @classmethod
    def _no_zero(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not all(entry > 0 for entry in value):
            raise ValueError("every standard deviation must be above 0")
        return value


Range = tuple[float, float]
"""The lowest and the highest value; ``.inf`` for no bound."""


class DataConfig(Section):
    """From samples to batches."""

    source: Component = Field(description="where samples come from: folder, table, arrays, idx, digits, ...")
    split: Component | None = Field(
        default=None,
        description="random, grouped, time, file, column, kfold or leave_one_group_out; "
        "by default the data's own split, else a random one",
    )
    exclude: str | None = Field(
        default=None,
        description="a table of samples to leave out before the split, by FILENAME or INDEX, "
        "as `epochal inspect` writes it",
    )
    classes: tuple[str, ...] | None = Field(
        default=None,
        description="the labels that there are, in the order that classes get; any other label is an error",
    )
    target_range: Range | dict[str, Range] | None = Field(
        default=None,
        description="[low, high] of targets that are values, or {column: [low, high]}; others are errors",
    )
    checks: Literal["strict", "warn", "off"] = Field(
        default="strict",
        description="faults and leaks: stop, or go on without what can't be used; off: don't look",
    )
    prepare: tuple[Component, ...] = Field(
        default=(), description="deterministic steps, once a sample and cached: resize, center_crop, ..."
    )
    encode: Component | None = Field(
        default=None,
        description="how texts and tables become numbers, fitted on the training split: bpe, columns, ...",
    )
    transform: tuple[Component, ...] = Field(
        default=(),
        description="deterministic steps on batches, on the device, after augmentation: log_mel, ...",
    )
    augment: tuple[Component, ...] = Field(
        default=(), description="random transforms of training batches: horizontal_flip, rotation, mixup, ..."
    )
    normalize: Literal["standard", "minmax", "none"] | Constants = Field(
        default="standard", description="statistics come from the training split only; or {mean, std}"
    )
    normalize_target: Literal["none", "standard"] = Field(
        default="none", description="regression: train on standardised targets; scores keep their own units"
    )
    batch_size: Literal["auto"] | Annotated[int, Field(ge=1)] = Field(
        default=32,
        description="samples in a training batch; auto: the largest batch that memory has room for",
    )
    evaluation_batch_size: int | None = Field(
        default=None,
        ge=1,
        description="samples in a batch of evaluation; by default four training batches, under auto one",
    )
    cache: Literal["auto", "memory", "disk", "none"] = Field(
        default="auto", description="where prepared samples are kept; auto: files on disk, the rest in memory"
    )
    workers: int = Field(
        default=0, ge=0, description="DataLoader processes for samples that can't be prepared once"
    )

    @field_validator("classes", mode="before")
    @classmethod
    def _as_texts(cls, value: Any) -> Any:
        # as tables are read: the label 1 is the text 1, and so is 1.0
        if not isinstance(value, list | tuple):
            return value
        return [_text(label) for label in value]

    @field_validator("classes")
    @classmethod
    def _distinct(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and len(set(value)) < len(value):
            doubled = next(label for label in value if value.count(label) > 1)
            raise ValueError(f"'{doubled}' is named twice")
        if value == ():
            raise ValueError("name the labels, or leave the key out")
        return value

    @field_validator("target_range")
    @classmethod
    def _rising(cls, value: Range | dict[str, Range] | None) -> Range | dict[str, Range] | None:
        ranges = value.values() if isinstance(value, dict) else [value] if value is not None else []
        for low, high in ranges:
            if not low <= high:
                raise ValueError(f"[{low:g}, {high:g}]: the first number must be the lower one")
        return value

    @field_validator("exclude")
    @classmethod
    def _from_anywhere(cls, value: str | None) -> str | None:
        # a run must mean the same from another working folder
        return None if value is None else str(Path(value).expanduser().absolute())


def _text(label: Any) -> Any:
    if isinstance(label, bool):
        return str(label).lower()
    if isinstance(label, int | float):
        return str(int(label)) if label == int(label) else str(label)
    return label
