"""What the section ``evaluation`` may ask of a task and its data."""

from __future__ import annotations

from epochal.analysis.subgroups import check_subgroups, columns_for_subgroups
from epochal.errors import ConfigError, Problem
from epochal.experiment.assemble import Experiment
from epochal.tasks.build import task_class
from epochal.tasks.classification import Classification
from epochal.tasks.multilabel import Multilabel


def check_evaluation(experiment: Experiment) -> None:
    """ConfigError where the section ``evaluation`` asks for what the task or the data does not have."""
    evaluation, source = experiment.config.evaluation, experiment.data.source
    check_subgroups(evaluation.subgroups, columns_for_subgroups(source, evaluation.subgroups))
    kind, binary = task_class(experiment.config.task), len(experiment.task.names) == 2
    if evaluation.calibrate and not issubclass(kind, Classification | Multilabel):
        what = "a temperature is for logits of classes or labels"
        raise ConfigError(Problem(what, "evaluation.calibrate", "set it to false"))
    if evaluation.threshold and not (issubclass(kind, Multilabel) or (binary and kind is Classification)):
        what = "a threshold is for two classes, or for labels"
        raise ConfigError(Problem(what, "evaluation.threshold", "set it to null"))
