"""Where the time of a training goes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Literal

import torch

Phase = Literal["data", "forward", "backward", "optimizer", "logging", "evaluation", "checkpoint"]

COMPUTE: tuple[Phase, ...] = ("forward", "backward", "optimizer")


@dataclass
class Clock:
    """Seconds of wall-clock time by phase; one call a phase, a quarter of a microsecond each.

    device: a GPU, to wait for what each phase has started there; None counts the phases as Python sees them,
    where a GPU still works while the next phase begins. queued: whether that was so.
    """

    device: torch.device | None = None
    seconds: dict[Phase, float] = field(default_factory=dict)
    samples: int = 0
    queued: bool = False
    _last: float = field(default_factory=time.perf_counter)

    def start(self) -> None:
        """The first phase begins now."""
        self._last = time.perf_counter()

    def lap(self, phase: Phase) -> None:
        """What passed since the last call was this phase's."""
        if self.device is not None and self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - self._last
        self._last = now

    def wait(self, device: torch.device) -> None:
        """Until a GPU has done what it was given: an epoch's steps are not its evaluation's time."""
        if device.type == "cuda":
            torch.cuda.synchronize(device)
            self.queued = self.device is None

    @property
    def total(self) -> float:
        """Seconds of all phases."""
        return sum(self.seconds.values())

    @property
    def samples_per_second(self) -> float:
        """Training samples by the time of all phases but evaluation."""
        return self.samples / max(self.total - self.seconds.get("evaluation", 0.0), 1e-9)

    def summary(self) -> str:
        """Samples a second and where the time went, in a line."""
        if self.queued:
            return f"{self.samples_per_second:,.0f} samples/s; --profile says where the time of a GPU goes"
        total = max(self.total, 1e-9)
        compute = sum(self.seconds.get(phase, 0.0) for phase in COMPUTE) / total
        evaluation = self.seconds.get("evaluation", 0.0) / total
        rest = {phase: seconds / total for phase, seconds in self.seconds.items()}
        parts = [
            f"{phase} {share:.1%}"
            for phase, share in sorted(rest.items(), key=lambda item: -item[1])
            if phase not in COMPUTE and phase != "evaluation" and share >= 0.001
        ]
        listed = f" ({', '.join(parts)})" if parts else ""
        return (
            f"{self.samples_per_second:,.0f} samples/s; {compute:.1%} of the time was compute, "
            f"{evaluation:.1%} evaluation, {max(0.0, 1 - compute - evaluation):.1%} the rest{listed}"
        )
