"""Every augmentation on one batch: epochal, torchvision v2 and kornia in turn, in one process.

    python -m benchmarks.augmentation [--rounds 5] [--only flip] [--threads 1]

torchvision is timed on the whole batch, which it changes by one set of parameters, and kornia with parameters
of each sample's own, as epochal's. Where a step is taken with a probability, torchvision's time is that of
taking it on half of the calls. Each call gets a fresh copy of the inputs, which is not timed; epochal's steps
may write into theirs. The allocator keeps what is freed, as in epochal's training, for all three: otherwise
fresh pages would be most of what the peers are timed for. On a machine with other work, ``--threads 1`` times
the processor's work instead of the wall's clock.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch

from epochal.config.component import Component
from epochal.data.augment import build_augment
from epochal.data.batch import Batch
from epochal.data.foreign import import_torchvision
from epochal.engine.compute import keep_freed_memory

import_torchvision()

import kornia.augmentation as kornia  # noqa: E402
from torchvision.transforms import v2  # noqa: E402

BILINEAR = v2.InterpolationMode.BILINEAR
CLASSES = 10
SECONDS = 0.03  # that a contender is timed for in a round

Call = Callable[[torch.Tensor], object]


@dataclass(frozen=True)
class Case:
    """An augmentation as each of the three has it; torchvision's several calls are made in turn."""

    ours: str | dict
    torchvision: list
    kornia: object
    takes_bytes: bool = True
    mixes: bool = False


def cases(side: int) -> dict[str, Case]:
    """What is compared, for images of ``side`` × ``side``."""
    flat = {"degrees": 0, "interpolation": BILINEAR}
    still = {"degrees": 0.0, "p": 1.0}
    half_h = [v2.RandomHorizontalFlip(0.0), v2.RandomHorizontalFlip(1.0)]
    half_v = [v2.RandomVerticalFlip(0.0), v2.RandomVerticalFlip(1.0)]
    erase = {"scale": (0.02, 0.33), "ratio": (0.3, 3.3)}
    pad = side // 8
    resized = {"scale": (0.08, 1.0), "ratio": (3 / 4, 4 / 3)}
    everything = {"translate": (0.1, 0.1), "scale": (0.9, 1.1)}
    return {
        "horizontal_flip": Case("horizontal_flip", half_h, kornia.RandomHorizontalFlip(p=0.5)),
        "horizontal_flip, all": Case(
            {"name": "horizontal_flip", "p": 1.0}, half_h[1:], kornia.RandomHorizontalFlip(p=1.0)
        ),
        "vertical_flip": Case("vertical_flip", half_v, kornia.RandomVerticalFlip(p=0.5)),
        "random_crop": Case(
            {"name": "random_crop", "padding": pad},
            [v2.RandomCrop(side, padding=pad)],
            kornia.RandomCrop((side, side), padding=pad),
        ),
        "random_resized_crop": Case(
            {"name": "random_resized_crop", "size": side},
            [v2.RandomResizedCrop(side, **resized)],
            kornia.RandomResizedCrop((side, side), **resized),
        ),
        "rotation": Case(
            {"name": "rotation", "degrees": 15},
            [v2.RandomRotation(15, interpolation=BILINEAR)],
            kornia.RandomRotation(15.0, p=1.0),
            takes_bytes=False,
        ),
        "translation": Case(
            {"name": "translation", "fraction": 0.1},
            [v2.RandomAffine(translate=(0.1, 0.1), **flat)],
            kornia.RandomAffine(translate=(0.1, 0.1), **still),
            takes_bytes=False,
        ),
        "zoom": Case(
            "zoom",
            [v2.RandomAffine(scale=(0.9, 1.1), **flat)],
            kornia.RandomAffine(scale=(0.9, 1.1), **still),
            takes_bytes=False,
        ),
        "shear": Case(
            {"name": "shear", "degrees": 10},
            [v2.RandomAffine(shear=10, **flat)],
            kornia.RandomAffine(shear=10.0, **still),
            takes_bytes=False,
        ),
        "affine": Case(
            {"name": "affine", "degrees": 10, "translate": 0.1, "scale": [0.9, 1.1], "shear": 5},
            [v2.RandomAffine(10, shear=5, interpolation=BILINEAR, **everything)],
            kornia.RandomAffine(10.0, shear=5.0, p=1.0, **everything),
            takes_bytes=False,
        ),
        "brightness": Case(
            {"name": "brightness", "amount": 0.2},
            [v2.ColorJitter(brightness=0.2)],
            kornia.RandomBrightness((0.8, 1.2), p=1.0),
            takes_bytes=False,
        ),
        "contrast": Case(
            {"name": "contrast", "amount": 0.2},
            [v2.ColorJitter(contrast=0.2)],
            kornia.RandomContrast((0.8, 1.2), p=1.0),
            takes_bytes=False,
        ),
        "brightness_contrast": Case(
            "brightness_contrast",
            [v2.ColorJitter(brightness=0.2, contrast=0.2)],
            kornia.ColorJiggle(brightness=0.2, contrast=0.2, p=1.0),
            takes_bytes=False,
        ),
        "erasing": Case(
            "erasing",
            [v2.RandomErasing(p=0.0, **erase), v2.RandomErasing(p=1.0, **erase)],
            kornia.RandomErasing(p=0.5, **erase),
        ),
        "gaussian_noise": Case(
            "gaussian_noise",
            [v2.GaussianNoise(sigma=0.05)],
            kornia.RandomGaussianNoise(std=0.05, p=1.0),
            takes_bytes=False,
        ),
        "mixup": Case(
            {"name": "mixup", "alpha": 0.2},
            [v2.MixUp(alpha=0.2, num_classes=CLASSES)],
            kornia.RandomMixUpV2(p=1.0, data_keys=["input", "class"]),
            mixes=True,
            takes_bytes=False,
        ),
        "cutmix": Case(
            "cutmix",
            [v2.CutMix(alpha=1.0, num_classes=CLASSES)],
            kornia.RandomCutMixV2(p=1.0, data_keys=["input", "class"]),
            mixes=True,
        ),
    }


def calls_of(case: Case, count: int, floats: bool) -> dict[str, list[Call]]:
    """The contenders by name; kornia takes floats only."""
    augment = build_augment([Component.model_validate(case.ours)], "image", CLASSES)
    targets, samples = torch.arange(count) % CLASSES, torch.arange(count)

    def ours(inputs: torch.Tensor) -> object:
        return augment(Batch(inputs, targets, samples), 1, 1)

    def peer(transform) -> Call:
        return (lambda inputs: transform(inputs, targets)) if case.mixes else transform

    found = {"epochal": [ours], "torchvision": [peer(transform) for transform in case.torchvision]}
    return found | ({"kornia": [peer(case.kornia)]} if floats else {})


def time_call(calls: list[Call], source: torch.Tensor, buffer: torch.Tensor, repeats: int) -> float:
    """Seconds a call, the mean of ``repeats``, without the fresh copy of the inputs."""
    clock = time.perf_counter if torch.get_num_threads() > 1 else time.thread_time
    spent = 0.0
    for index in range(repeats * len(calls)):
        buffer.copy_(source)
        start = clock()
        calls[index % len(calls)](buffer)
        spent += clock() - start
    return spent / (repeats * len(calls))


def measure(case: Case, source: torch.Tensor, rounds: int) -> dict[str, float]:
    """The median over the rounds of each contender's seconds a call."""
    buffer = torch.empty_like(source)
    contenders = calls_of(case, len(source), source.is_floating_point())
    repeats = {}
    for name, calls in contenders.items():
        time_call(calls, source, buffer, 1)
        repeats[name] = max(2, round(SECONDS / time_call(calls, source, buffer, 1) / len(calls)))
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, calls in contenders.items():
            seconds[name].append(time_call(calls, source, buffer, repeats[name]))
    return {name: statistics.median(found) for name, found in seconds.items()}


def main() -> None:
    """Print a table in Markdown: milliseconds a batch, and the faster peer's time over epochal's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="names that contain this")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    warnings.simplefilter("ignore")
    print("| | inputs | epochal (ms) | torchvision v2 | kornia | faster peer / epochal |")
    print("|---|---|---|---|---|---|")
    for shape in ((128, 3, 224, 224), (128, 1, 28, 28)):
        bytes_ = torch.randint(0, 256, shape, dtype=torch.uint8)
        for source in (bytes_.float() / 255, bytes_):
            for name, case in cases(shape[-1]).items():
                if options.only not in name or (source.dtype == torch.uint8 and not case.takes_bytes):
                    continue
                found = measure(case, source, options.rounds)
                ours = found.pop("epochal")
                peers = [
                    f"{found[peer] * 1e3:.3f}" if peer in found else "–" for peer in ("torchvision", "kornia")
                ]
                kind = f"{'×'.join(map(str, shape[1:]))} {str(source.dtype).removeprefix('torch.')}"
                ratio = min(found.values()) / ours
                print(
                    f"| {name} | {kind} | {ours * 1e3:.3f} | {' | '.join(peers)} | {ratio:.2f} |", flush=True
                )


if __name__ == "__main__":
    main()
