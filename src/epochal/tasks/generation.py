"""New samples from noise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast, final

import polars as pl
import torch
from torch import Tensor, nn

from epochal.data.batch import Batch
from epochal.data.manifest import Array
from epochal.errors import ConfigError, Problem
from epochal.tasks.scores import Scores
from epochal.tasks.task import Task, TaskContext

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_KEY = 20160507
_MEND = "a model that generates has latent, the length or the shape of one noise, and sample(noise) -> images"


class Generator(Protocol):
    """What a model offers so that its samples can be drawn.

    latent: the length of one noise, or its shape.
    """

    latent: int | tuple[int, ...]

    def sample(self, noise: Tensor) -> Tensor:
        """Standard normal noise [N, *latent] to images [N, C, H, W], normalised as the inputs are."""


@final
class Generation(Task):
    """Targets are ignored, and ``training.step`` trains; the samples from a fixed noise are drawn.

    It has no loss, no predictions and no scores: what is to be followed, ``training.validation`` computes.
    samples: how many are drawn.
    """

    target = "none"
    monitor = None
    has_loss = False

    def __init__(self, context: TaskContext, samples: int = 64) -> None:
        super().__init__(context)
        self._samples = samples

    def plots(self, model: nn.Module, batch: Batch) -> Mapping[str, Tensor | Figure]:
        """``samples``: from the same noise at each call, in every run."""
        if not hasattr(model, "latent") or not callable(getattr(model, "sample", None)):
            missing = "latent" if not hasattr(model, "latent") else "sample"
            raise ConfigError(Problem(f"the model has no '{missing}'", "model", _MEND))
        generator = cast("Generator", model)
        latent = (generator.latent,) if isinstance(generator.latent, int) else tuple(generator.latent)
        noise = torch.randn(self._samples, *latent, generator=torch.Generator().manual_seed(_KEY))
        images = generator.sample(noise.to(batch.inputs.device))
        if not isinstance(images, Tensor) or images.ndim != 4 or len(images) != self._samples:
            given = list(images.shape) if isinstance(images, Tensor) else f"a {type(images).__name__}"
            what = f"sample(noise) gives {given} for noise {list(noise.shape)}"
            raise ConfigError(Problem(what, "model", _MEND))
        return {"samples": images}

    def running(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:  # noqa: ARG002 (a task's)
        """None."""
        return {}

    def predict(self, outputs: Tensor) -> Tensor:
        """The outputs."""
        return outputs

    def scores(self, predictions: Array, targets: Array) -> Scores:  # noqa: ARG002 (a task's signature)
        """None."""
        return Scores({})

    def curves(self, predictions: Array, targets: Array) -> dict[str, pl.DataFrame]:  # noqa: ARG002
        """None."""
        return {}

    def table(self, predictions: Array, targets: Array | None) -> dict[str, Any]:  # noqa: ARG002
        """None."""
        return {}
