"""Images a second of evaluation and prediction, next to a bare inference loop over the same array.

A network is trained for an epoch; then the ways take turns in this process, in float32, 512 images a batch.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable

import torch
from torch import Tensor

import epochal
from benchmarks.fashion_mnist.ours import config
from benchmarks.fashion_mnist.task import MEAN, STD, load
from benchmarks.measure import finish, markdown, number, said
from epochal.console import Console
from epochal.experiment.assemble import Experiment, assemble
from epochal.experiment.data import data_of_run
from epochal.experiment.restore import load_run_config
from epochal.inference.evaluate import collect, evaluate_batches

_BATCH = 512


def bare(model: torch.nn.Module, images: Tensor, labels: Tensor) -> Callable[[], float]:
    """The loop that bounds the others: probabilities of all images in one array, and their accuracy."""

    def loop() -> float:
        outputs = []
        with torch.inference_mode():
            for batch in images.split(_BATCH):
                inputs = batch.float().mul_(1 / 255 / STD).sub_(MEAN / STD)
                outputs.append(model(inputs.contiguous(memory_format=torch.channels_last)))
            probabilities = torch.cat(outputs).softmax(1)
        return float((probabilities.argmax(1) == labels).float().mean())

    return loop


def assembled(run: epochal.Run) -> Experiment:
    """The parts of the run, as ``epochal.evaluate`` puts them together."""
    settings = load_run_config(run)
    console = Console(quiet=True)
    return assemble(settings, console, data_of_run(run, settings, console))


def main() -> None:
    """Measure, print the table, write results/evaluation.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        run = epochal.train(config("float32", folder), "training.epochs=1", quiet=True)
        images, labels = load("t10k")
        array = images[:, None]
        predictor = epochal.load(run)
        experiment = assembled(run)
        model, task, autocast = predictor.model.eval(), experiment.task, experiment.compute.autocast
        ways: dict[str, Callable[[], object]] = {
            "bare inference loop": bare(model, torch.from_numpy(array), torch.from_numpy(labels)),
            "epochal: outputs of a split": lambda: collect(model, task, experiment.val.epoch(), autocast),
            "**epochal: outputs, loss and all scores of a split**": lambda: evaluate_batches(
                model, task, experiment.val.epoch(), autocast
            ),
            "**`epochal.predict`**, array to table, weights read": lambda: epochal.predict(
                run, array, batch_size=_BATCH, quiet=True
            ),
            "`epochal.evaluate`, files of the run read, scores and plots written": lambda: epochal.evaluate(
                run, "val", quiet=True
            ),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(rounds + 1):  # the first one warms up
            for name, way in ways.items():
                started = time.perf_counter()
                way()
                if turn:
                    seconds[name].append(round(time.perf_counter() - started, 4))
            said(f"round {turn}/{rounds}")
    base = statistics.median(seconds["bare inference loop"])
    rows = []
    for name, values in seconds.items():
        median = statistics.median(values)
        rows.append([name, number(len(labels) / median, 0), f"{base / median:.2f} ×", number(median, 3)])
    header = ("10,000 images of Fashion-MNIST", "images/s", "of the bare loop", "s")
    finish("evaluation", {"rounds": rounds, "seconds": seconds}, markdown(header, rows))


if __name__ == "__main__":
    main()
