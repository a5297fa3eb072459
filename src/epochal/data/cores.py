"""Work on a batch in parts that stay in a core's cache, one thread to a core.

A pass over a batch of large images reads and writes main memory, and several passes do so several times.
Sample by sample they meet it once. The threads are Python's: torch's operators let go of the interpreter,
and one meeting of threads a step is cheaper than one an operator.
"""

from __future__ import annotations

import functools
import itertools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

_LARGE = 1 << 15  # bytes of a sample, from which on a call for each costs less than passes over all
_BLOCK = 1 << 22  # bytes that are worked on together


def is_large(inputs: Tensor) -> bool:
    """Whether the samples of a batch [B, ...] are best worked on one by one: large, and on a CPU."""
    return inputs.device.type == "cpu" and inputs[0].nbytes >= _LARGE


def in_blocks(inputs: Tensor, work: Callable[[slice], None]) -> None:
    """``work`` on every sample of a batch [B, ...]: all at once, or a few where they are large."""
    if not is_large(inputs):
        return work(slice(0, len(inputs)))
    size = max(1, _BLOCK // inputs[0].nbytes)

    def some(part: range) -> None:
        for first in range(part.start, part.stop, size):
            work(slice(first, min(first + size, part.stop)))

    return on_cores(len(inputs), some)


def on_cores(count: int, work: Callable[[range], None], light: bool = False) -> None:
    """``work`` on the numbers below ``count``, a range for each of the threads that torch may use here.

    light: calls so short that threads would only wait for each other's turn of the interpreter; one has all.
    """
    threads = torch.get_num_threads()
    if threads == 1 or count < 2:
        return work(range(count))
    parts = 1 if light else threads
    edges = [count * part // parts for part in range(parts + 1)]
    pool = _pool(threads, os.getpid())
    pending = [pool.submit(work, range(*edge)) for edge in itertools.pairwise(edges)]
    for result in pending:
        result.result()
    return None


@functools.cache
def _pool(threads: int, process: int) -> ThreadPoolExecutor:  # noqa: ARG001 (a forked process has no threads)
    """Threads in which torch starts no further ones."""
    ready = threading.Barrier(threads + 1)

    def start() -> None:
        torch.get_num_threads()  # torch sets a thread's number when first asked, and would do so later
        torch.set_num_threads(1)
        ready.wait()

    pool = ThreadPoolExecutor(threads, thread_name_prefix="augment")
    for _ in range(threads):
        pool.submit(start)
    ready.wait()
    torch.set_num_threads(threads)  # the number that threads to come will have: the last one that any has set
    return pool
