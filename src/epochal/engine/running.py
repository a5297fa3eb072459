"""Scores of the training batches of an epoch, at the least cost a step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from epochal.engine.processes import ALONE, Processes

Score = Callable[[Tensor, Tensor], dict[str, Tensor]]

_STEPS = 32
_VALUES = 2**16


@dataclass
class Running:
    """Means over the samples of an epoch: of the loss, and of the task's cheap scores.

    A dozen small operations a step would cost more than the step of a small network. Batches therefore
    wait, and are reduced together when there are 32 of them or 65,536 outputs. What waits is part of the
    state, so that a run which is cut and resumed reduces the same ones together and rounds alike.

    sums: over ``samples`` samples, float64 on the device. waiting: (loss, outputs, targets) of each batch.
    counted: samples of those sums that not every batch adds to, by name.
    """

    sums: dict[str, Tensor] = field(default_factory=dict)
    samples: int = 0
    waiting: list[tuple[Tensor, Tensor, Tensor]] = field(default_factory=list)
    counted: dict[str, int] = field(default_factory=dict)

    def add(self, loss: Tensor, outputs: Tensor, targets: Tensor, score: Score) -> None:
        """Count a batch: its mean loss, its outputs [B, ...] and its targets; nothing is read back here."""
        waiting = self.waiting
        if waiting and not _alike(waiting[0], outputs, targets):
            self._reduce(score)
        waiting.append((loss, outputs, targets))
        if len(waiting) == _STEPS or len(waiting) * outputs.numel() >= _VALUES:
            self._reduce(score)

    def add_means(self, means: Mapping[str, Tensor], samples: int) -> None:
        """Count what a step of the user's own returned, means over its samples; nothing is read back here."""
        for name, mean in means.items():
            dtype = torch.float32 if mean.device.type == "mps" else torch.float64
            self._add(name, mean.to(dtype) * samples)
            self.counted[name] = self.counted.get(name, 0) + samples
        self.samples += samples

    def close(self, score: Score, processes: Processes = ALONE) -> dict[str, float]:
        """The means over all processes, read from the device; the next epoch starts from nothing."""
        self._reduce(score)
        own = {name: float(total) for name, total in self.sums.items()}
        everyone = processes.gather((own, self.samples))
        counted, self.counted = self.counted, {}
        self.sums, self.samples = {}, 0
        samples = sum(count for _, count in everyone)
        if counted:  # of a step of the user's own, which trains in one process
            return {name: total / counted[name] for name, total in own.items()}
        names = dict.fromkeys(name for sums, _ in everyone for name in sums)
        return {name: sum(sums.get(name, 0.0) for sums, _ in everyone) / samples for name in names}

    @torch.no_grad()
    def _reduce(self, score: Score) -> None:
        if not self.waiting:
            return
        losses, outputs, targets = zip(*self.waiting, strict=True)
        counts = [len(target) for target in targets]
        count = sum(counts)
        stacked = torch.stack(losses)
        dtype = torch.float32 if stacked.device.type == "mps" else torch.float64  # MPS has no float64
        weights = torch.tensor(counts, dtype=dtype, device=stacked.device)
        self._add("loss", torch.dot(stacked.to(dtype), weights))
        for name, value in score(torch.cat(outputs), torch.cat(targets)).items():
            self._add(name, value.to(dtype) * count)
        self.samples += count
        self.waiting.clear()

    def _add(self, name: str, value: Tensor) -> None:
        self.sums[name] = self.sums[name] + value if name in self.sums else value

    def state_dict(self) -> dict[str, Any]:
        """The sums, and what waits."""
        return {
            "sums": self.sums,
            "samples": self.samples,
            "waiting": [list(entry) for entry in self.waiting],
            "counted": self.counted,
        }

    def load_state_dicts(self, states: list[dict[str, Any]], device: torch.device) -> None:
        """Continue from what ``state_dict`` gave, or the sum of several."""
        self.sums, self.samples, self.waiting, self.counted = {}, 0, [], {}
        for state in states:
            for name, total in state["sums"].items():
                self._add(name, total.to(device))
            self.samples += state["samples"]
            self.counted |= state.get("counted", {})  # checkpoints of 0.1 have none
            self.waiting += [
                (loss.to(device), outputs.to(device), targets.to(device))
                for loss, outputs, targets in state["waiting"]
            ]


def _alike(waiting: tuple[Tensor, Tensor, Tensor], outputs: Tensor, targets: Tensor) -> bool:
    """Whether a batch can be joined to one that waits: mixing gives some batches targets of another kind."""
    return waiting[1].shape[1:] == outputs.shape[1:] and waiting[2].shape[1:] == targets.shape[1:]
