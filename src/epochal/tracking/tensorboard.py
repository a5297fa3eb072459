"""Scalars, images, the model's graph and hyper-parameters as TensorBoard shows them."""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

_log = logging.getLogger(__name__)


@final
class TensorBoard:
    """The event file of one run.

    folder: where it lies; made with the first thing that is written.
    purge_step: the step after which a resumed run goes on; what was written beyond it, before the run was
        cut off, disappears from the pictures. None for a new run.
    """

    def __init__(self, folder: Path, purge_step: int | None = None) -> None:
        self._folder = folder
        self._purge_step = purge_step
        self._opened: SummaryWriter | None = None

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """One point on each named curve; a process that is killed afterwards loses none of them."""
        for tag, value in values.items():
            self._writer.add_scalar(tag, value, step)
        self._writer.flush()

    def image(self, tag: str, rgb: npt.NDArray[np.uint8], step: int) -> None:
        """A picture, uint8 [H, W, 3]."""
        self._writer.add_image(tag, rgb, step, dataformats="HWC")

    def graph(self, model: nn.Module, example_inputs: Tensor | Mapping[str, Tensor]) -> None:
        """The operations of a model on one example, of several inputs a dict of them by their names.

        A copy of the model is traced in evaluation mode, so that nothing of the model or of torch's
        generators changes. A model that can't be copied or traced has no graph; the log says why.
        """
        devices = {parameter.device.index for parameter in model.parameters() if parameter.is_cuda}
        try:
            # tracing is deprecated in favour of torch.export, whose graphs TensorBoard can't read yet
            with (
                warnings.catch_warnings(action="ignore"),
                torch.random.fork_rng(sorted(devices)),
                torch.no_grad(),
            ):
                twin = copy.deepcopy(model).eval()
                given: Tensor | tuple[Tensor, ...]
                if isinstance(example_inputs, Mapping):
                    twin, given = _ByName(twin, [*example_inputs]), tuple(example_inputs.values())
                else:
                    given = example_inputs
                traced = torch.jit.trace(  # type: ignore[no-untyped-call]
                    twin, given, check_trace=False, strict=False
                )
                self._writer.add_graph(traced, given)
        except (
            Exception
        ) as error:  # whatever a model of the user's raises, training goes on without a picture
            reason = (str(error).strip() or repr(error)).splitlines()[0]
            _log.info("TensorBoard has no graph of this model: %s: %s", type(error).__name__, reason)

    def hyperparameters(self, settings: Mapping[str, Any], metrics: Mapping[str, float]) -> None:
        """A line in TensorBoard's table of runs.

        settings: flat, ``optimizer.lr`` to a scalar. metrics: the final scores; they appear as
        ``final/<name>``, beside the curves of the same name and not in them.
        """
        from torch.utils.tensorboard.summary import hparams  # with the writer, when it is used

        final_scores = {f"final/{name}": float(value) for name, value in metrics.items()}
        table_settings = {key: _setting(value) for key, value in settings.items()}
        # SummaryWriter.add_hparams would write a second run into a folder of its own
        for summary in hparams(table_settings, final_scores):  # type: ignore[no-untyped-call]
            self._writer._get_file_writer().add_summary(summary)  # type: ignore[no-untyped-call]
        self.scalars(final_scores, 0)

    def close(self) -> None:
        """Flush, and end the writing thread."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @property
    def _writer(self) -> SummaryWriter:
        if self._opened is None:
            # a tenth of a second, which runs that are not tracked need not pay
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                from torch.utils.tensorboard import SummaryWriter

            # torch's writer drops its own purge_step too, where the score of the last whole step stands
            purge_from = None if self._purge_step is None else self._purge_step + 1
            self._opened = SummaryWriter(str(self._folder), purge_step=purge_from)
        return self._opened


class _ByName(nn.Module):
    """A model that takes several inputs by name, as tracing calls it: with a tuple."""

    def __init__(self, model: nn.Module, names: Sequence[str]) -> None:
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *inputs: Tensor) -> Any:
        return self.model(**dict(zip(self.names, inputs, strict=True)))


def _setting(value: Any) -> str | int | float:
    """A setting as the table of runs takes it: numbers as they are, the rest as the config writes it."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return value if isinstance(value, int | float) else str(value)
