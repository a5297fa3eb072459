"""Several trainings, so many at once, each in a process of its own."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from epochal.errors import EpochalError, Interrupted
from epochal.run.run import Run
from epochal.verbs.launch import Order, Training, end, forwarding, result, start


def train_together(
    orders: Mapping[int, Order],
    jobs: int,
    *,
    stop_at_error: bool,
    begun: Callable[[int], None] = lambda _: None,
) -> Iterator[tuple[int, Run | EpochalError]]:
    """Each one's key and outcome as it ends; ``begun`` is told the key of each as it begins.

    stop_at_error: after one that fails no other begins. Raises Interrupted when a signal to stop has come
    and those that ran have stopped.
    """
    waiting = list(orders)
    running: dict[int, Training] = {}
    stopped = failed = False
    threads = max(1, len(os.sched_getaffinity(0)) // jobs)
    with (
        tempfile.TemporaryDirectory(prefix="epochal-") as scratch,
        forwarding(lambda: [*running.values()]) as passed_on,
    ):

        def may_begin() -> bool:
            return bool(waiting) and not (passed_on or stopped or (failed and stop_at_error))

        try:
            while running or may_begin():
                while len(running) < jobs and may_begin():
                    key = waiting.pop(0)
                    begun(key)
                    training = start(orders[key], Path(scratch) / str(key), 1, threads)
                    missed = [*passed_on]
                    running[key] = training
                    for number in missed[:1]:  # it came while the process was started
                        training.processes[0].send_signal(number)
                for key in [key for key, training in running.items() if not training.running]:
                    try:
                        outcome: Run | EpochalError = result(running.pop(key))
                    except Interrupted as interrupted:
                        stopped = True
                        passed_on.append(interrupted.number)
                        continue
                    except EpochalError as error:
                        if passed_on:  # it was stopped before it listened
                            continue
                        outcome, failed = error, True
                    yield key, outcome
                time.sleep(0.05)
        finally:
            for training in running.values():
                end(training)
        if passed_on:
            raise Interrupted(passed_on[0])
