"""Rows of an array made by threads, with everything that goes wrong told together."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from epochal.console import Advance
from epochal.data.manifest import Array
from epochal.data.problems import raise_problems
from epochal.errors import EpochalError, Problem

_CHUNK = 64  # rows
_SAVE_EVERY = 2.0  # seconds


def fill_rows(
    write: Callable[[int], None], done: Array, advance: Advance, save: Callable[[], None] = lambda: None
) -> None:
    """Call ``write`` with every row that is not done, by a thread for each core, and mark it as done.

    done: bool [N], written to. save: called every few seconds; what is done then has been written.
    Raises one DataError with the problems of all rows; any other exception, Ctrl-C too, ends the work soon.
    """

    def work(rows: Sequence[int]) -> list[Problem]:
        problems: list[Problem] = []
        for row in rows:
            if stopped.is_set():
                break
            try:
                write(row)
                done[row] = True
            except EpochalError as error:
                problems += error.problems
        return problems

    stopped = threading.Event()
    problems: list[Problem] = []
    rows = np.flatnonzero(~done).tolist()
    cores = len(os.sched_getaffinity(0))
    size = max(1, min(_CHUNK, len(rows) // (4 * cores)))
    chunks = [rows[start : start + size] for start in range(0, len(rows), size)]
    saved = time.monotonic()
    threads = torch.get_num_threads()
    # a resize of torch's would start as many threads again in each of these
    pool = ThreadPoolExecutor(cores, initializer=torch.set_num_threads, initargs=(1,))
    try:
        for chunk, found in zip(chunks, pool.map(work, chunks), strict=True):
            problems += found
            advance(len(chunk))
            if time.monotonic() - saved > _SAVE_EVERY:
                save()
                saved = time.monotonic()
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)
    raise_problems(problems)
