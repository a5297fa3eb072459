"""One batch: forward, loss, backward; and one optimiser step."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from epochal.data.batch import Batch
from epochal.engine.clock import Clock
from epochal.engine.compute import Compute
from epochal.engine.interruption import Interruption
from epochal.engine.processes import without_sync
from epochal.engine.recovery import Recovery
from epochal.engine.state import TrainState
from epochal.tasks.task import Task


def backward(
    state: TrainState,
    task: Task,
    batch: Batch,
    compute: Compute,
    share: float,
    last: bool,
    recovery: Recovery,
    interruption: Interruption,
    clock: Clock,
) -> Tensor:
    """Add the gradients of ``share`` times the batch's mean loss; returns the loss, on the device.

    share: the batch's part of the samples of its optimiser step, 1 where it is alone; of several processes,
        whose gradients are averaged, times their number. 0 for a process that has none of its samples.
    last: whether it is the last batch of its optimiser step.
    recovery: decides about a batch whose loss is not finite; it adds no gradients.
    """
    if recovery.leaves_out(state):
        return torch.full((), torch.nan)
    recovery.before(state)
    # the last batch shares the gradients of all, unless it is left out
    with without_sync(state.network, wanted=not last and recovery.takes_all):
        with compute.autocast():
            outputs = task.forward(state.network, batch)
        outputs = outputs.float()
        loss = task.loss(outputs, batch.targets)
        clock.lap("forward")
        is_finite = finite_check(loss)
        later = recovery.can_wait and loss.is_cuda
        finite, mean = True, loss.detach()
        if not later:
            finite, mean = interruption.agree(is_finite(), mean, share)
        if finite:
            scaled = state.scaler.scale(loss if share == 1 else loss * share)
            scaled.backward()  # type: ignore[no-untyped-call]
    if later:
        finite, mean = interruption.agree(is_finite(), mean, share)
    if not finite:
        recovery.handle(state, batch, loss.detach())
        return mean
    recovery.well()
    if share:
        state.running.add(loss.detach(), outputs.detach(), batch.targets, task.running)
        clock.samples += len(batch)
    clock.lap("backward")
    return mean


def finite_check(loss: Tensor) -> Callable[[], bool]:
    """Whether the loss is finite, for whoever calls what this gives.

    A GPU is asked now, and copies its answer while it goes on; only the call waits for that.
    """
    if not loss.is_cuda:
        return lambda: math.isfinite(float(loss.detach()))
    answer = torch.empty((), dtype=torch.bool, pin_memory=True)
    answer.copy_(torch.isfinite(loss.detach()), non_blocking=True)
    copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
    copied.record()

    def is_finite() -> bool:
        copied.synchronize()
        return bool(answer)

    return is_finite


def optimizer_step(state: TrainState, gradient_clip: float | None) -> None:
    """Clip, step, forget the gradients, follow with the average and the schedules."""
    scaled = state.scaler.is_enabled()
    # a scaler wants gradients; there are none where every batch was left out
    if not scaled or any(each.grad is not None for each in state.model.parameters()):
        if gradient_clip is not None:
            if scaled:
                for optimizer in state.optimizers.values():
                    state.scaler.unscale_(optimizer)
            torch.nn.utils.clip_grad_norm_(state.model.parameters(), gradient_clip)
        if scaled:
            for optimizer in state.optimizers.values():
                state.scaler.step(optimizer)
            state.scaler.update()
        else:
            for step in state.steps.values():
                step()
    after_update(state)


def after_update(state: TrainState) -> None:
    """What follows on a step, however it was taken: no gradients, the average, the schedules."""
    state.forget_gradients()
    state.counters.step += 1
    if state.ema is not None:
        state.ema.update()
    for schedule in state.schedules.values():
        schedule.after_step()
