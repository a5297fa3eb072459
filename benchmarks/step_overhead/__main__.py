"""Microseconds a step of a 20-32-2 network, batch 32, data in memory: epochal, plain loops and peers."""

from __future__ import annotations

from benchmarks.measure import Contestant, finish, interleave, markdown, medians, number, parse

_OURS, _PEERS = "benchmarks.step_overhead.ours", "benchmarks.step_overhead.contestants"
CONTESTANTS = {
    "reference": Contestant("raw loop, fused Adam, batches in memory", _PEERS, ("reference",)),
    "ours": Contestant("**epochal, everything on**", _OURS, ("tensorboard",)),
    "ours-untracked": Contestant("epochal without TensorBoard", _OURS),
    "memory": Contestant("raw loop, default Adam, batches in memory", _PEERS, ("memory",)),
    "raw": Contestant("raw loop, default Adam, DataLoader", _PEERS, ("raw",)),
    "ignite": Contestant("ignite", _PEERS, ("ignite",)),
    "skorch": Contestant("skorch", _PEERS, ("skorch",)),
    "accelerate": Contestant("accelerate", _PEERS, ("accelerate",)),
    "hf": Contestant("HF Trainer", _PEERS, ("hf",)),
    "lightning": Contestant("Lightning, progress bar off", _PEERS, ("lightning",)),
    "keras": Contestant("Keras 3 on torch", _PEERS, ("keras",)),
}


def main() -> None:
    """Run, print the table, write results/step_overhead.json."""
    arguments = parse(CONTESTANTS, __doc__)
    reports = interleave(arguments.contestants, arguments.rounds)
    base = medians(reports.get("reference", []), "microseconds")
    rows = []
    for key, entries in reports.items():
        step = medians(entries, "microseconds")
        above = None if step is None or base is None else step - base
        rows.append([CONTESTANTS[key].label, number(step, 0), number(above, 0)])
    header = ("20-32-2 network, batch 32", "µs a step", "above the reference")
    finish("step_overhead", {"rounds": arguments.rounds, "reports": reports}, markdown(header, rows))


if __name__ == "__main__":
    main()
