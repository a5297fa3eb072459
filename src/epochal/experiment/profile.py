"""Where the time of a run goes: a table of phases, and a trace of a few steps."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType
from typing import Self, final

import polars as pl
import torch
from torch import Tensor

from epochal.console import log
from epochal.data.foreign import forked_generators
from epochal.engine.clock import Clock
from epochal.engine.loop import Hook
from epochal.engine.state import TrainState
from epochal.experiment.assemble import Experiment
from epochal.experiment.tune import time_steps
from epochal.run.durable import write_text
from epochal.run.folder import RunFolder

_WAIT, _ACTIVE = 5, 10  # steps before the trace, and in it
_ROUNDS = 10


@final
class ProfileHook(Hook):
    """Traces some steps of the first epoch with torch.profiler; at the end, writes the table of phases.

    ``profile/trace.json`` opens in Perfetto or chrome://tracing. ``profile/phases.csv`` has PHASE, SECONDS,
    SHARE. The compute floor is the same model on one repeated batch, timed after training.
    """

    def __init__(self, experiment: Experiment, folder: RunFolder, clock: Clock) -> None:
        self._experiment = experiment
        self._folder = folder
        self._clock = clock
        self._traced = False
        activities = [torch.profiler.ProfilerActivity.CPU]
        if experiment.compute.device.type == "cuda":
            activities.append(torch.profiler.ProfilerActivity.CUDA)
        self._profiler = torch.profiler.profile(
            activities=activities,
            schedule=torch.profiler.schedule(wait=_WAIT, warmup=1, active=_ACTIVE, repeat=1),
            on_trace_ready=self._write_trace,
            record_shapes=True,
        )

    def __enter__(self) -> Self:
        self._folder.profile.mkdir(exist_ok=True)
        self._profiler.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._profiler.stop()
        if not self._traced:
            log.info(f"no trace: it is taken after {_WAIT + 1} steps, and there were fewer")
        if kind is None:
            self._write_table()

    def after_step(self, state: TrainState, loss: Tensor) -> None:  # noqa: ARG002 (a hook's signature)
        """Move the trace on by a step."""
        self._profiler.step()

    def _write_trace(self, profiler: torch.profiler.profile) -> None:
        self._traced = True
        profiler.export_chrome_trace(str(self._folder.profile / "trace.json"))

    def _write_table(self) -> None:
        clock = self._clock
        phases = sorted(clock.seconds.items(), key=lambda item: -item[1])
        table = pl.DataFrame(
            {
                "PHASE": [phase for phase, _ in phases],
                "SECONDS": [seconds for _, seconds in phases],
                "SHARE": [seconds / clock.total for _, seconds in phases],
            }
        )
        write_text(self._folder.profile / "phases.csv", table.write_csv())
        rows = [f"{phase:<12}{seconds:>10.2f} s {seconds / clock.total:>7.1%}" for phase, seconds in phases]
        log.info("\n".join(["where the time went:", *rows, self._floor()]))

    def _floor(self) -> str:
        """The speed beside that of the same model on one repeated batch."""
        experiment, clock = self._experiment, self._clock
        compute = experiment.compute
        speed = f"{clock.samples_per_second:,.0f} samples/s"
        if experiment.train.processes > 1:  # the others are not there any more
            return speed
        with suppress(Exception), forked_generators(compute.device):  # a model may refuse to be copied
            timing = time_steps(experiment, compute.precision, compute.channels_last, _ROUNDS)
            floor = min(experiment.train.size, len(experiment.train.rows)) / timing.seconds
            share = clock.samples_per_second / floor
            return f"{speed}, {share:.0%} of the {floor:,.0f} of one repeated batch"
        return speed
