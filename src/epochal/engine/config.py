"""The sections ``optimizer``, ``scheduler``, ``training`` and ``compute`` of the configuration."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from epochal.config.component import Component, is_keyed
from epochal.config.section import Section

_SPAN = re.compile(r"^\s*(\d+)\s*(steps?|epochs?)\s*$")


def _span(value: int | str) -> int | str:
    if value < 0 if isinstance(value, int) else not _SPAN.match(value):
        raise ValueError("expected a number of steps, or text such as '500 steps' or '2 epochs'")
    return value


Span = Annotated[int | str, AfterValidator(_span)]
"""Optimiser steps as a number, or ``"500 steps"``, ``"2 epochs"``."""


def steps_of(span: int | str, steps_per_epoch: int) -> int:
    """A span in optimiser steps."""
    if isinstance(span, int):
        return span
    match = _SPAN.match(span)
    assert match is not None, "validated when the configuration was read"
    return int(match[1]) * (steps_per_epoch if match[2].startswith("epoch") else 1)


class OptimizerConfig(Component):
    """Any torch.optim class with its own arguments, and parameter groups."""

    no_decay: bool = Field(default=False, description="no weight decay on biases and normalisation layers")
    backbone_lr: float | None = Field(
        default=None, gt=0, description="the learning rate of everything but the classifier"
    )
    groups: tuple[dict[str, Any], ...] = Field(
        default=(),
        description="[{parameters: 'features.*', lr: 1e-4}, ...]: options by name; the first match wins",
    )


class SchedulerConfig(Component):
    """Any torch.optim.lr_scheduler class with its own arguments; lengths left out are filled in."""

    per: Literal["auto", "step", "epoch"] = Field(
        default="auto",
        description="when it steps; auto: each step for OneCycleLR and CyclicLR, else each epoch",
    )
    warmup: Span = Field(default=0, description="linear warm-up before it: steps, or '2 epochs'")


def _which(value: Any) -> str:
    return "several" if is_keyed(value) else "one"


Optimizers = Annotated[
    Annotated[OptimizerConfig, Tag("one")] | Annotated[dict[str, OptimizerConfig], Tag("several")],
    Discriminator(_which),
]
"""One optimizer, or one for each sub-module by its name."""

Schedulers = Annotated[
    Annotated[SchedulerConfig, Tag("one")] | Annotated[dict[str, SchedulerConfig], Tag("several")],
    Discriminator(_which),
]
"""One schedule, for every optimizer, or one for each optimizer by its name."""


class EarlyStoppingConfig(Section):
    """Stop when the monitored score no longer gets better."""

    patience: int = Field(ge=1, description="epochs without a better score before training stops")
    min_delta: float = Field(default=0.0, ge=0, description="how much better counts as better")


_INTERVAL = re.compile(r"^\s*(\d+)\s*(steps?|seconds?|minutes?|hours?)\s*$")
_SECONDS = {"second": 1, "minute": 60, "hour": 3600}


def _interval(value: str) -> str:
    match = _INTERVAL.match(value)
    if value != "epoch" and (match is None or int(match[1]) == 0):
        raise ValueError("expected epoch, or text such as '500 steps' or '10 minutes'")
    return value


class CheckpointConfig(Section):
    """When the whole state of training is written."""

    every: Annotated[str, AfterValidator(_interval)] = Field(
        default="epoch", description="epoch; '500 steps' or '10 minutes': then as well as after each epoch"
    )

    @property
    def steps(self) -> int | None:
        """Optimiser steps between checkpoints, where they are counted."""
        match = _INTERVAL.match(self.every)
        return int(match[1]) if match and match[2].startswith("step") else None

    @property
    def seconds(self) -> int | None:
        """Seconds between checkpoints, where time is counted."""
        match = _INTERVAL.match(self.every)
        return int(match[1]) * _SECONDS[match[2].rstrip("s")] if match and self.steps is None else None


BACKBONE = "backbone"
"""Every parameter but the output layer's."""

ALL = "all"
"""Everything that is frozen."""


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Patterns = Annotated[tuple[str, ...], BeforeValidator(_as_list, json_schema_input_type=str | list[str])]
"""Patterns of parameter names, such as ``"features.*"``, or a single one."""


class TrainingConfig(Section):
    """The loop.

    Transfer learning freezes what is trained already, and thaws it bit by bit, from the first epoch named on
    (epochs count from 1)::

        freeze: backbone                      # or patterns of names: ["conv_stem.*", "blocks.*"]
        unfreeze: {3: "blocks.6.*", 5: all}   # from epoch 3 on the last block too, from epoch 5 on everything
    """

    epochs: int = Field(default=10, ge=1, description="passes over the training split")
    accumulate: int = Field(default=1, ge=1, description="batches whose gradients make one optimiser step")
    gradient_clip: float | None = Field(default=None, gt=0, description="largest norm of the gradient")
    ema: float | None = Field(
        default=None, gt=0, lt=1, description="decay of an average of the weights, used for evaluation"
    )
    freeze: Patterns = Field(
        default=(),
        description="weights that don't train: backbone (all but the classifier), or ['features.*', ...]",
    )
    unfreeze: dict[Annotated[int, Field(ge=2)], Patterns] = Field(
        default={}, description="{3: 'features.7.*', 5: all}: what trains again from which epoch on"
    )
    freeze_statistics: bool = Field(
        default=True, description="batch norms whose weights are frozen keep their statistics, too"
    )
    early_stopping: EarlyStoppingConfig | None = Field(
        default=None, description="{patience: epochs}; stops when the monitored score no longer gets better"
    )
    monitor: str | None = Field(
        default=None, description="the score that chooses the best checkpoint, such as val/accuracy"
    )
    monitor_direction: Literal["auto", "max", "min"] = Field(
        default="auto", description="which way is better; auto knows every score of epochal's own"
    )
    on_nan: Literal["stop", "skip", "restore"] = Field(
        default="stop",
        description="a loss that is NaN or infinite: stop; skip the batch; or restore the last checkpoint "
        "and leave the batch out",
    )
    checkpoint: CheckpointConfig = Field(
        default=CheckpointConfig(), description="{every: epoch}, '500 steps' or '10 minutes'"
    )
    hooks: tuple[Component, ...] = Field(
        default=(), description="package.module:Class of your own with after_step, after_epoch, or both"
    )
    step: Component | None = Field(
        default=None,
        description="package.module:step, a function (state, batch) that trains and returns scalars",
    )
    validation: Component | None = Field(
        default=None,
        description="package.module:scores, a function (state, batches) that returns scalars, as val/NAME",
    )
    log_every: int = Field(
        default=50, ge=1, description="optimiser steps between lines of the loss of a step"
    )


class ComputeConfig(Section):
    """Where and how numbers are computed."""

    device: str = Field(default="auto", description="auto, cpu, cuda, cuda:1, mps")
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="auto: what the device does well; on a CPU, what tune finds"
    )
    threads: Literal["auto"] | Annotated[int, Field(ge=1)] = Field(
        default="auto", description="threads of a CPU operation"
    )
    tune: bool = Field(
        default=True, description="before a long training, time a few steps under what auto leaves open"
    )
    compile: bool = Field(default=False, description="torch.compile the model")
    deterministic: bool = Field(default=True, description="only operations that repeat bit for bit")
    processes: int = Field(
        default=1,
        ge=1,
        description="training processes on this machine; torchrun says it for several machines",
    )
    strategy: Literal["auto", "ddp", "fsdp"] = Field(
        default="auto",
        description="of several processes: ddp, each has the whole model; fsdp, each a part; auto: ddp",
    )
