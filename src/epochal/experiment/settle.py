"""Everything that ``auto`` left open, chosen once for a run."""

from __future__ import annotations

from dataclasses import replace

from epochal.engine.compute import Compute, choose_compute, is_known
from epochal.engine.processes import Processes
from epochal.experiment.assemble import Experiment
from epochal.experiment.batch_size import choose_batch_size
from epochal.experiment.restore import load_run_config
from epochal.experiment.start import in_parts, steps_per_epoch
from epochal.experiment.tune import tune
from epochal.run.run import Run


def settle(experiment: Experiment, unfinished: Run | None, processes: Processes) -> Experiment:
    """Batch size, precision and memory layout as an unfinished run chose them, or as trying finds them.

    Of several processes the first one tries; each gets its part of every batch.
    """
    known = load_run_config(unfinished).derived or {} if unfinished is not None else {}

    def choose() -> tuple[int, str, bool]:
        chosen = choose_batch_size(experiment, known.get("batch_size"))
        compute = _compute(chosen, known)
        return chosen.train.size, compute.precision, compute.channels_last

    size, precision, channels_last = processes.first(choose)
    channels_last = channels_last and not in_parts(experiment, processes)  # FSDP refuses it
    experiment = choose_batch_size(experiment, size)
    experiment = experiment.on(replace(experiment.compute, precision=precision, channels_last=channels_last))
    train = replace(experiment.train, rank=processes.rank, processes=processes.count)
    return replace(experiment, train=train)


def _compute(experiment: Experiment, known: dict[str, object]) -> Compute:
    config = experiment.config
    if known:
        return choose_compute(config.compute, known)
    if config.derived is not None and is_known(config.derived, experiment.compute.device):
        return experiment.compute
    return tune(experiment, steps_per_epoch(experiment) * config.training.epochs).compute
