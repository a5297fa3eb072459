from __future__ import annotations

import torch
from torch import nn

from epochal.data.buffers import Buffers

SHAPE = (64, 3, 128, 128)


def test_memory_is_used_again_once_nobody_has_it() -> None:
    buffers = Buffers()
    first = buffers.take(SHAPE, torch.float32)
    place = first.data_ptr()
    second = buffers.take(SHAPE, torch.float32)
    assert second.data_ptr() != place
    part = first[3:5, :1]
    del first
    assert buffers.take(SHAPE, torch.float32).data_ptr() not in (place, second.data_ptr())
    del part
    assert buffers.take(SHAPE, torch.float32).data_ptr() == place


def test_a_graph_keeps_what_it_was_built_on() -> None:
    buffers = Buffers()
    images = buffers.take(SHAPE, torch.float32).fill_(1.0)
    place = images.data_ptr()
    convolution = nn.Conv2d(3, 2, 3)
    loss = convolution(images).sum()
    del images
    buffers.take(SHAPE, torch.float32).fill_(float("nan"))
    loss.backward()
    assert convolution.weight.grad is not None
    assert bool(convolution.weight.grad.isfinite().all())
    del loss
    assert buffers.take(SHAPE, torch.float32).data_ptr() == place


def test_shorter_batches_share_the_memory_and_keep_the_layout() -> None:
    buffers = Buffers()
    long = buffers.take(SHAPE, torch.float32, torch.channels_last)
    place = long.data_ptr()
    del long
    short = buffers.take((20, *SHAPE[1:]), torch.float32, torch.channels_last)
    assert short.data_ptr() == place
    assert short.shape == (20, *SHAPE[1:])
    assert short.is_contiguous(memory_format=torch.channels_last)
    assert buffers.take(SHAPE, torch.uint8).dtype == torch.uint8


def test_no_more_is_kept_than_is_in_use_at_once() -> None:
    buffers = Buffers()
    taken = [buffers.take(SHAPE, torch.float32) for _ in range(6)]
    places = {tensor.data_ptr() for tensor in taken}
    assert len(places) == 6
    assert len(next(iter(buffers._kept.values()))) == 3
