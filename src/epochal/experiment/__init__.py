"""The root of the configuration, and its assembly into parts."""

from __future__ import annotations

from epochal.experiment.config import ExperimentConfig as ExperimentConfig
from epochal.experiment.config import load_experiment as load_experiment
