"""The fastest of the few settings that ``auto`` leaves open, found by timing real steps."""

from __future__ import annotations

import copy
import hashlib
import itertools
import json
import math
import platform
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from epochal.console import log
from epochal.data.foreign import forked_generators
from epochal.engine.compute import has_fast_bfloat16
from epochal.engine.freezing import Freezing
from epochal.engine.optimizers import build_optimizers, plain_step
from epochal.errors import EpochalError
from epochal.experiment.assemble import Experiment
from epochal.run.durable import write_json

_WORTH = 20.0
"""Seconds of training below which nothing is timed: what could be gained is less than it costs to wait."""
_SHARE = 0.02
"""The part of the training that timing may cost."""
_MARGIN = 0.95
"""What another setting must take, of the usual one's time, to be chosen instead."""
_TOLERANCE = 0.05
"""The relative difference of losses beyond which another precision is not trusted with this model."""


@dataclass(frozen=True)
class Timing:
    """One setting. seconds: of the fastest step. loss: of the first step."""

    precision: str
    channels_last: bool
    seconds: float
    loss: float

    def words(self, image: bool) -> str:
        """The setting in words; vectors have one layout only."""
        return self.precision + (f" channels {'last' if self.channels_last else 'first'}" if image else "")


def tune(experiment: Experiment, steps: int) -> Experiment:
    """The experiment under the settings that train it fastest; the same experiment where none is open.

    steps: of the whole training. Open are the precision (where it is ``auto``, and the CPU multiplies
    bfloat16 in hardware) and, for images, the memory layout. On other devices what ``auto`` means is known
    without timing. The choice is kept in the cache folder for the same model, data and machine, so that a
    second run makes the same one.
    """
    settings = _settings(experiment)
    config = experiment.config
    # a step of the user's own may need more than a copy of the model
    if len(settings) < 2 or not config.compute.tune or config.training.step is not None:
        return experiment
    path = experiment.config.cache_folder / "tuning" / f"{_key(experiment)}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):  # none yet, or not readable: timed anew
        kept = json.loads(path.read_text())
        return experiment.on(replace(experiment.compute, **kept["chosen"]))
    timings = _time(experiment, settings, steps)
    if not timings:
        return experiment
    usual = timings[0]
    if not math.isfinite(usual.loss):  # training says so, and how to mend it
        return experiment
    agreeing = [each for each in timings if abs(each.loss - usual.loss) <= _TOLERANCE * abs(usual.loss)]
    fastest = min(agreeing, key=lambda timing: timing.seconds)
    chosen = fastest if fastest.seconds < _MARGIN * usual.seconds else usual
    image = len(experiment.data.samples.shape) == 3
    shown = ", ".join(f"{each.words(image)} {each.seconds * 1e3:.1f} ms" for each in timings)
    log.info(f"tuned: {chosen.words(image)} (a step takes: {shown})")
    tuned = replace(experiment.compute, precision=chosen.precision, channels_last=chosen.channels_last)
    found = {"precision": tuned.precision, "channels_last": tuned.channels_last}
    with suppress(OSError):  # a cache that can't be written is no reason not to train
        path.parent.mkdir(parents=True, exist_ok=True)
        write_json(path, {"chosen": found, "timings": [vars(timing) for timing in timings]})
    return experiment.on(tuned)


def _settings(experiment: Experiment) -> list[tuple[str, bool]]:
    """(precision, channels_last) of each setting that is open, the usual one first."""
    compute = experiment.compute
    open_precision = experiment.config.compute.precision == "auto" and has_fast_bfloat16(compute.device)
    precisions = ["float32", "bfloat16"] if open_precision else [compute.precision]
    image = len(experiment.data.samples.shape) == 3 and compute.device.type == "cpu"
    return list(itertools.product(precisions, [True, False] if image else [compute.channels_last]))


def _time(experiment: Experiment, settings: list[tuple[str, bool]], steps: int) -> list[Timing]:
    """Every setting's timing; none where the training is too short, or where the model can't be copied."""
    try:
        with forked_generators(experiment.compute.device) as seed:
            seed(0)
            first = time_steps(experiment, *settings[0], rounds=4)
            expected = first.seconds * steps
            if expected < _WORTH:
                return []
            rounds = int(min(8, max(2, _SHARE * expected / (first.seconds * len(settings)))))
            timings = []
            for setting in settings:
                seed(0)
                timings.append(time_steps(experiment, *setting, rounds=rounds))
            return timings
    except EpochalError:
        raise
    except Exception as error:  # a user's model may refuse to be copied; if it can't train, training says so
        log.info(f"settings are not tuned: {type(error).__name__}: {error}")
        return []


def time_steps(experiment: Experiment, precision: str, channels_last: bool, rounds: int) -> Timing:
    """Training steps of a copy of the model under one setting, on the first batch of training."""
    compute = replace(experiment.compute, precision=precision, channels_last=channels_last)
    copied = replace(experiment, model=copy.deepcopy(experiment.model)).on(compute)
    model, task, training = copied.model, copied.task, copied.config.training
    Freezing(training, model).enter(model, training.epochs - 1)
    optimizers = build_optimizers(copied.config.optimizers, model).values()
    steps = [plain_step(optimizer) for optimizer in optimizers]
    batch = next(copied.train.epoch(0))
    seconds, losses = [], []
    for _ in range(rounds + 1):  # the first one allocates, and is not counted
        started = time.perf_counter()
        with compute.autocast():
            outputs = task.forward(model, batch)
        loss = task.loss(outputs.float(), batch.targets)
        loss.backward()  # type: ignore[no-untyped-call]
        for step in steps:
            step()
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        losses.append(float(loss.detach()))
        seconds.append(time.perf_counter() - started)
    return Timing(precision, channels_last, min(seconds[1:]), losses[0])


def _key(experiment: Experiment) -> str:
    """What the choice depends on: model, loss, data, optimizer, machine, threads, torch."""
    weights = [(name, list(value.shape)) for name, value in experiment.model.state_dict().items()]
    config = experiment.config
    facts = [
        str(experiment.model),
        weights,
        list(experiment.data.samples.shape),
        experiment.train.size,
        {name: optimizer.dump() for name, optimizer in config.optimizers.items()},
        config.loss.dump() if config.loss else None,
        config.data.model_dump(mode="json", include={"normalize", "normalize_target", "augment"}),
        experiment.data.source.digest,
        config.compute.precision,
        _processor(),
        torch.get_num_threads(),
        torch.__version__,
    ]
    return hashlib.sha256(json.dumps(facts, default=str).encode()).hexdigest()[:24]


def _processor() -> str:
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next((line for line in lines if line.startswith("model name")), platform.machine())
    return platform.machine()
