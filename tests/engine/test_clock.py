from __future__ import annotations

import time

import pytest

from epochal.engine.clock import Clock


def test_time_goes_to_its_phase() -> None:
    clock = Clock()
    clock.start()
    for _ in range(2):
        time.sleep(0.02)
        clock.lap("data")
        time.sleep(0.01)
        clock.lap("forward")
    assert clock.seconds["data"] >= 0.04
    assert clock.seconds["forward"] >= 0.02
    assert clock.total == pytest.approx(sum(clock.seconds.values()))


def test_the_summary_adds_up() -> None:
    clock = Clock(samples=18000)
    clock.seconds = {"forward": 3.0, "backward": 4.0, "optimizer": 1.0, "evaluation": 1.0}
    clock.seconds |= {"data": 0.9, "logging": 0.1}
    assert clock.samples_per_second == pytest.approx(2000)
    assert clock.summary() == (
        "2,000 samples/s; 80.0% of the time was compute, 10.0% evaluation, "
        "10.0% the rest (data 9.0%, logging 1.0%)"
    )


def test_nothing_trained_is_no_error() -> None:
    assert Clock().summary().startswith("0 samples/s")
