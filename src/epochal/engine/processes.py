"""Several processes that train one model: who they are, what they tell each other."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from epochal.engine.sharding import is_sharded
from epochal.errors import ConfigError, EpochalError, Problem, RunError

ResultT = TypeVar("ResultT")

_PATIENCE = datetime.timedelta(hours=24)
"""How long one waits for the others, who may be preparing data; a process that ends is noticed at once."""


@dataclass(frozen=True)
class Processes:
    """This process among those of its run.

    rank: its number, from 0; process 0 alone writes. count: how many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def first(self, function: Callable[[], ResultT]) -> ResultT:
        """What the function gives, or raises, in process 0: the others don't call it, but get its result."""
        if self.count == 1:
            return function()
        result: list[Any] = [None, None]
        if self.leads:
            try:
                result = [function(), None]
            except Exception as error:
                dist.broadcast_object_list([None, _portable(error)])
                raise
        dist.broadcast_object_list(result)
        if result[1] is not None:
            raise result[1]
        return result[0]  # type: ignore[no-any-return]

    def gather(self, value: ResultT) -> list[ResultT]:
        """The values of all processes, by rank, in every process."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value)
        return values

    def exchange(self, numbers: list[float]) -> list[list[float]]:
        """As ``gather``, for a few numbers: what a step can afford."""
        own = torch.tensor(numbers, dtype=torch.float64)
        everyone = [torch.empty_like(own) for _ in range(self.count)]
        dist.all_gather(everyone, own)
        return [each.tolist() for each in everyone]

    def share(self, tensors: list[Tensor]) -> None:
        """Make tensors, of the same shapes in every process, what they are in process 0."""
        if self.count > 1:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def wrap(self, model: nn.Module, device: torch.device) -> nn.Module:
        """The model with gradients that are averaged over the processes; itself where there is one."""
        if self.count == 1 or is_sharded(model):
            return model
        # here, for it loads torch's compiler
        from torch.nn.parallel import DistributedDataParallel

        return DistributedDataParallel(model, device_ids=[device] if device.type == "cuda" else None)


class _Sum(torch.autograd.Function):
    """Every process's output depends on every process's input, so gradients are summed too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:  # noqa: ARG004 (torch's signature)
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004 (torch's signature)
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total


def sum_over_processes(values: Tensor) -> Tensor:
    """The sum of what every process has; gradients flow back to each."""
    return _Sum.apply(values)  # type: ignore[no-any-return, no-untyped-call]


ALONE = Processes()


def without_sync(network: nn.Module, wanted: bool) -> AbstractContextManager[object]:
    """Gradients stay in their process inside the block: those of a step's batches but the last."""
    if is_sharded(network):
        network.set_requires_gradient_sync(not wanted)  # type: ignore[operator]
        return nullcontext()
    no_sync = getattr(network, "no_sync", None)
    return no_sync() if wanted and callable(no_sync) else nullcontext()


def is_one_of_several() -> bool:
    """Whether this process was started as one of several, by us or by torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@contextmanager
def join(device: str) -> Iterator[Processes]:
    """Meet the other processes, as the environment that torchrun gives says where; alone without one.

    device: ``compute.device``; unless it is the CPU, each process of a machine takes a GPU of its own.
    """
    if not is_one_of_several():
        yield ALONE
        return
    gpu = torch.cuda.is_available() and not device.startswith("cpu")
    if gpu:
        place, count = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if place >= count:
            mend = f"start {count} processes, or use compute.device=cpu"
            raise ConfigError(
                Problem(f"there are more processes than GPUs, {count}", "compute.processes", mend)
            )
        torch.cuda.set_device(place)
    dist.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo", timeout=_PATIENCE)
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def lost_connection(error: BaseException) -> bool:
    """Whether an error says that another process is no longer there."""
    text = str(error)
    return isinstance(error, RuntimeError) and any(
        saying in text for saying in ("Connection closed by peer", "Connection reset", "NCCL", "Broken pipe")
    )


def _portable(error: Exception) -> EpochalError:
    """The error as another process can be told it."""
    if isinstance(error, EpochalError):
        return type(error)(*error.problems)
    return RunError(Problem(f"{type(error).__name__}: {error}"))
