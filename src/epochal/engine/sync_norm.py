"""Batch normalisation over the samples of all processes, on any device."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn

from epochal.engine.processes import sum_over_processes

_Norm = nn.modules.batchnorm._BatchNorm


def synchronise_norms(model: nn.Module) -> None:
    """Let batch-norm layers train on the mean and variance of the whole batch, in place.

    torch's SyncBatchNorm is for GPUs only, and has another name in the model. Names, parameters and what
    the layers do in evaluation stay as they are.
    """
    for module in model.modules():
        if isinstance(module, _Norm):
            module.forward = partial(_forward, module)  # type: ignore[method-assign]


def _forward(norm: _Norm, inputs: Tensor) -> Tensor:
    """[B, C, ...] -> the same; the formula of nn.BatchNorm with sums over all processes."""
    if not norm.training:
        return type(norm).forward(norm, inputs)
    values = inputs.float()
    dims = [dim for dim in range(values.ndim) if dim != 1]
    shape = [1, -1] + [1] * (values.ndim - 2)
    count = torch.full((1,), values.numel() / values.shape[1], device=values.device)
    sums = sum_over_processes(torch.cat([values.sum(dims), count]))
    total = sums[-1].detach()
    mean = sums[:-1] / total
    centred = values - mean.view(shape)
    variance = sum_over_processes(centred.square().sum(dims)) / total
    _follow(norm, mean.detach(), variance.detach() * total / (total - 1))
    normal = centred * torch.rsqrt(variance + norm.eps).view(shape)
    if norm.affine:
        normal = torch.addcmul(norm.bias.view(shape), normal, norm.weight.view(shape))
    return normal.to(inputs.dtype)


@torch.no_grad()
def _follow(norm: _Norm, mean: Tensor, variance: Tensor) -> None:
    """Move the running statistics; without momentum they are plain averages."""
    if not norm.track_running_stats or norm.running_mean is None or norm.running_var is None:
        return
    assert norm.num_batches_tracked is not None
    norm.num_batches_tracked += 1
    momentum = norm.momentum if norm.momentum is not None else 1 / float(norm.num_batches_tracked)
    norm.running_mean.lerp_(mean, momentum)
    norm.running_var.lerp_(variance, momentum)
