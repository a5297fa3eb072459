"""One epoch of Fashion-MNIST with validation: epochal, its peers and the limits, each in its own process."""

from __future__ import annotations

import statistics

from benchmarks.measure import Contestant, Report, finish, interleave, markdown, medians, number, parse, ratio

_HERE = "benchmarks.fashion_mnist"
CONTESTANTS = {
    "floor": Contestant("floor: one repeated batch, channels-last, fused Adam", f"{_HERE}.floor"),
    "limit": Contestant("limit: one uint8 tensor, vectorised, channels-last", f"{_HERE}.limit"),
    "ours": Contestant("**epochal, float32, everything on**", f"{_HERE}.ours", ("float32",)),
    "limit-bfloat16": Contestant("limit, bfloat16", f"{_HERE}.limit", ("bfloat16",)),
    "ours-auto": Contestant("**epochal, precision: auto**", f"{_HERE}.ours", ("auto",)),
    "raw": Contestant("raw PyTorch, torchvision, DataLoader", f"{_HERE}.raw"),
    "lightning": Contestant("Lightning, progress bar off", f"{_HERE}.lightning"),
    "fastai": Contestant("fastai, its own data block", f"{_HERE}.fastai"),
    "keras": Contestant("Keras 3 on torch, channels-first", f"{_HERE}.keras", ("channels_first",)),
    "keras-last": Contestant("Keras 3 on torch, channels-last", f"{_HERE}.keras", ("channels_last",)),
    "hf": Contestant("HF Trainer", f"{_HERE}.hf_trainer"),
    "skorch": Contestant("skorch", f"{_HERE}.skorch"),
    "ignite": Contestant("ignite", f"{_HERE}.ignite"),
    "accelerate": Contestant("accelerate", f"{_HERE}.accelerate"),
}
HEADER = (
    "one epoch with validation", "s", "÷ ours", "÷ ours auto", "first epoch, s", "accuracy", "peak, MB"
)  # fmt: skip


def main() -> None:
    """Run, print the table, write results/fashion_mnist.json."""
    arguments = parse(CONTESTANTS, __doc__, epochs=3)
    environment = {"BENCHMARK_EPOCHS": str(arguments.epochs)}
    reports = interleave(arguments.contestants, arguments.rounds, environment)
    for found in [entry for entries in reports.values() for entry in entries if "seconds" in entry]:
        first, *later = found["seconds"]
        found["first_epoch"], found["epoch"] = first, statistics.median(later or [first])
    ours, automatic = (medians(reports.get(key, []), "epoch") for key in ("ours", "ours-auto"))
    rows = [_row(CONTESTANTS[key].label, entries, ours, automatic) for key, entries in reports.items()]
    results = {"rounds": arguments.rounds, "epochs": arguments.epochs, "reports": reports}
    finish("fashion_mnist", results, markdown(HEADER, rows))


def _row(label: str, entries: list[Report], ours: float | None, automatic: float | None) -> list[str]:
    epoch = medians(entries, "epoch")
    return [
        label,
        number(epoch),
        ratio(epoch, ours),
        ratio(epoch, automatic),
        number(medians(entries, "first_epoch")),
        number(medians(entries, "accuracy"), 4),
        number(medians(entries, "peak_mb"), 0),
    ]


if __name__ == "__main__":
    main()
