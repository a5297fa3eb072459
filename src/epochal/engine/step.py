"""One batch: forward, loss, backward; and one optimiser step."""

from __future__ import annotations

import torch
from torch import Tensor

from epochal.data.batch import Batch
from epochal.engine.compute import Compute
from epochal.engine.state import TrainState
from epochal.tasks.task import Task


def backward(state: TrainState, task: Task, batch: Batch, compute: Compute, share: float) -> Tensor:
    """Add the gradients of ``share`` times the batch's mean loss; returns the loss, on the device.

    share: the batch's part of the samples of its optimiser step, 1 where it is alone.
    """
    with compute.autocast():
        outputs = task.forward(state.model, batch)
    outputs = outputs.float()
    loss = task.loss(outputs, batch.targets)
    state.scaler.scale(loss if share == 1 else loss * share).backward()  # type: ignore[no-untyped-call]
    loss = loss.detach()
    with torch.no_grad():
        _keep(state.running, {"loss": loss, **task.running(outputs.detach(), batch.targets)}, len(batch))
    return loss


def _keep(running: dict[str, Tensor], values: dict[str, Tensor], count: int) -> None:
    """Add batch means, weighted by samples, to the sums of the epoch. Nothing is read back here."""
    for name, value in values.items():
        if name in running:
            running[name].add_(value, alpha=count)
        else:
            running[name] = value.to(_sum_dtype(value.device)) * count
    if "count" in running:
        running["count"].add_(count)
    else:
        running["count"] = torch.tensor(count, device=values["loss"].device)


def _sum_dtype(device: torch.device) -> torch.dtype:
    return torch.float32 if device.type == "mps" else torch.float64  # MPS has no float64


def optimizer_step(state: TrainState, gradient_clip: float | None) -> None:
    """Clip, step, forget the gradients, follow with the average and the schedule."""
    if gradient_clip is not None:
        state.scaler.unscale_(state.optimizer)
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), gradient_clip)
    state.scaler.step(state.optimizer)
    state.scaler.update()
    state.optimizer.zero_grad(set_to_none=True)
    state.counters.step += 1
    if state.ema is not None:
        state.ema.update()
    state.schedule.after_step()
