"""Training seen in TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Self, final

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from epochal.data.batch import Batch
from epochal.data.statistics import Normalizer
from epochal.engine.loop import Hook
from epochal.engine.state import TrainState
from epochal.plots.confusion import confusion_figure
from epochal.plots.draw import image_grid, read_curves
from epochal.run.folder import RunFolder
from epochal.tracking.tensorboard import TensorBoard

_SHOWN_IMAGES = 32


@final
class TensorBoardHook(Hook):
    """Scalars of steps and epochs, the first augmented batch as pictures, the model's graph."""

    def __init__(
        self,
        folder: RunFolder,
        normalizer: Normalizer,
        every: int,
        purge_step: int | None = None,
        example: tuple[nn.Module, Batch] | None = None,
    ) -> None:
        self._folder = folder
        self._normalizer = normalizer
        self._every = every
        self._purge_step = purge_step
        self._example = example
        self._board: TensorBoard

    def __enter__(self) -> Self:
        self._board = TensorBoard(self._folder.tensorboard, self._purge_step)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._board.close()

    def _show_example(self) -> None:
        """A grid of augmented training images, and the graph of the model on one of them; once.

        With the first numbers, not before the first step: TensorBoard takes a while to load.
        """
        if self._example is None:
            return
        model, batch = self._example
        self._example = None
        if batch.inputs.ndim == 4 and batch.inputs.shape[1] in (1, 3):
            images = self._normalizer.invert(batch.inputs[:_SHOWN_IMAGES]).clamp(0, 1).cpu().numpy()
            self._board.image("train/inputs", image_grid(images), 0)
        one = batch[slice(1)]
        self._board.graph(model, {one.name: one.inputs, **one.others} if one.others else one.inputs)

    def after_step(self, state: TrainState, loss: Tensor) -> None:
        """The loss of a step and its learning rate, every so many steps."""
        step = state.counters.step
        if step % self._every == 0:
            self._show_example()
            self._board.scalars({"train/batch_loss": float(loss), **state.rates}, step)

    def after_epoch(self, state: TrainState, row: dict[str, float], is_best: bool) -> None:  # noqa: ARG002
        """Every number of the epoch."""
        self._show_example()
        self._board.scalars(row, state.counters.step)

    def show(self, name: str, rgb: npt.NDArray[np.uint8], step: int) -> None:
        """A picture, uint8 [H, W, 3]."""
        self._board.image(name, rgb, step)

    def finish(
        self,
        step: int,
        scores: Mapping[str, float],
        hyperparameters: Mapping[str, bool | str | float | int],
        splits: tuple[str, ...],
    ) -> None:
        """Final scores beside the hyper-parameters, and the confusion matrices."""
        self._board.hyperparameters(dict(hyperparameters), dict(scores))
        for split in splits:
            path = self._folder.curve("confusion", split)
            if path.exists():
                self._board.image(f"{split}/confusion", confusion_figure(read_curves(path), split), step)
