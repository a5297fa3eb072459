"""Pictures that need samples or the model: of what it makes, after each epoch too, and of its mistakes."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import final

import numpy as np
import numpy.typing as npt
import polars as pl
import torch
from torch import Tensor, nn

from epochal.data.batches import Pool
from epochal.data.foreign import forked_generators
from epochal.data.manifest import Array
from epochal.engine.loop import Hook
from epochal.engine.state import TrainState
from epochal.errors import ConfigError, Problem
from epochal.experiment.assemble import Experiment
from epochal.plots.draw import image_grid
from epochal.plots.gallery import draw_errors
from epochal.plots.sounds import pictured
from epochal.plots.style import to_rgb
from epochal.run.durable import write_bytes
from epochal.run.folder import RunFolder
from epochal.tasks.task import Task

_SAMPLES = 64
_KEPT = 5

Image = npt.NDArray[np.uint8]
"""Pixels [H, W, 3]."""


def has_pictures(task: Task) -> bool:
    """Whether a task draws any."""
    return type(task).plots is not Task.plots


def task_pictures(experiment: Experiment, model: nn.Module) -> dict[str, Image]:
    """What ``Task.plots`` draws of a model in evaluation mode, for the first samples of validation.

    The generators stay as they are. ConfigError where it gives what is no picture.
    """
    few = replace(experiment.val, rows=experiment.val.rows[:_SAMPLES], size=_SAMPLES)
    training = model.training
    model.eval()
    try:
        with torch.no_grad(), forked_generators(experiment.compute.device) as seed:
            seed(experiment.config.seed)
            batch = next(few.epoch())
            with experiment.compute.autocast():
                drawn = experiment.task.plots(model, batch)
    finally:
        model.train(training)
    return {name: _pixels(name, picture, experiment) for name, picture in drawn.items()}


def _pixels(name: str, picture: object, experiment: Experiment) -> Image:
    if not isinstance(picture, Tensor):
        if not hasattr(picture, "savefig"):
            given = f"'{name}' of plots() is a {type(picture).__name__}"
            mend = "give images [N, C, H, W] or [rows, columns, C, H, W], or a matplotlib figure"
            raise ConfigError(Problem(given, "task", mend))
        return to_rgb(picture)  # type: ignore[arg-type]  # a figure
    if picture.ndim not in (4, 5) or 0 in picture.shape:
        mend = "give images [N, C, H, W] or [rows, columns, C, H, W]"
        raise ConfigError(Problem(f"'{name}' of plots() has the shape {list(picture.shape)}", "task", mend))
    images = experiment.val.pool.normalizer.invert(picture.float()).clamp(0, 1).cpu().numpy()
    columns = images.shape[1] if images.ndim == 5 else 8
    return image_grid(images.reshape(-1, *images.shape[-3:]), columns)


def write_pictures(experiment: Experiment, model: nn.Module, folder: RunFolder, ending: str = "") -> None:
    """Write ``plots/NAME.png`` for each picture of the task."""
    if has_pictures(experiment.task) and len(experiment.val.rows):
        for name, picture in task_pictures(experiment, model).items():
            _write(folder, f"{name}{ending}", picture)


def _write(folder: RunFolder, name: str, picture: Image) -> None:
    from PIL import Image as Pillow  # only tasks that draw pay for it

    buffer = io.BytesIO()
    Pillow.fromarray(picture).save(buffer, "PNG")
    folder.plots.mkdir(parents=True, exist_ok=True)
    write_bytes(folder.plots / f"{name}.png", buffer.getvalue())


@final
class PicturesHook(Hook):
    """After each epoch writes ``plots/NAME_epoch_NNN.png``, of which the last five stay, and shows them.

    show: called with a name, the pixels and the step.
    """

    phase = "evaluation"

    def __init__(
        self, experiment: Experiment, folder: RunFolder, show: Callable[[str, Image, int], None] | None
    ) -> None:
        self._experiment = experiment
        self._folder = folder
        self._show = show

    def after_epoch(self, state: TrainState, row: dict[str, float], is_best: bool) -> None:  # noqa: ARG002
        """Draw what the model that is evaluated makes now."""
        epoch = state.counters.epoch
        for name, picture in task_pictures(self._experiment, state.evaluated).items():
            _write(self._folder, f"{name}_epoch_{epoch:03}", picture)
            (self._folder.plots / f"{name}_epoch_{epoch - _KEPT:03}.png").unlink(missing_ok=True)
            if self._show is not None:
                self._show(name, picture, state.counters.step)


def draw_split(folder: RunFolder, label: str, pool: Pool) -> None:
    """Of images and sounds the gallery of errors."""
    errors, picture = folder.curve("errors", label), pictured(pool.source)
    if errors.exists() and picture is not None:
        samples = pool.samples
        held = samples.array

        def read(row: int) -> Array:
            return picture(samples.read_keyed(row, pool.seed, 0) if held is None else held[row], pool.rate)

        draw_errors(pl.read_csv(errors, infer_schema_length=0), read, folder.plots / f"errors_{label}.png")
