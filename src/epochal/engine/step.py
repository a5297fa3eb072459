"""One batch: forward, loss, backward; and one optimiser step."""

from __future__ import annotations

import torch
from torch import Tensor

from epochal.data.batch import Batch
from epochal.engine.clock import Clock
from epochal.engine.compute import Compute
from epochal.engine.state import TrainState
from epochal.tasks.task import Task


def backward(
    state: TrainState, task: Task, batch: Batch, compute: Compute, share: float, clock: Clock
) -> Tensor:
    """Add the gradients of ``share`` times the batch's mean loss; returns the loss, on the device.

    share: the batch's part of the samples of its optimiser step, 1 where it is alone.
    """
    with compute.autocast():
        outputs = task.forward(state.model, batch)
    outputs = outputs.float()
    loss = task.loss(outputs, batch.targets)
    clock.lap("forward")
    scaled = state.scaler.scale(loss if share == 1 else loss * share)
    scaled.backward()  # type: ignore[no-untyped-call]
    loss = loss.detach()
    state.running.add(loss, outputs.detach(), batch.targets, task.running)
    clock.lap("backward")
    clock.samples += len(batch)
    return loss


def optimizer_step(state: TrainState, gradient_clip: float | None) -> None:
    """Clip, step, forget the gradients, follow with the average and the schedule."""
    scaled = state.scaler.is_enabled()
    if gradient_clip is not None:
        if scaled:
            state.scaler.unscale_(state.optimizer)
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), gradient_clip)
    if scaled:
        state.scaler.step(state.optimizer)
        state.scaler.update()
    else:
        state.step_optimizer()
    state.forget_gradients()
    state.counters.step += 1
    if state.ema is not None:
        state.ema.update()
    state.schedule.after_step()
