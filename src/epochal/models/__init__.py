"""Small reference networks, and the doors to those of other packages."""

from __future__ import annotations

from epochal.models.build import FACTS, MODELS, SUPPLIED, build_model, check_model
from epochal.models.initialise import INITIALISATIONS, initialise
from epochal.models.pretrained import LoadReport, Mismatch, classifier_parameters, load_weights, read_weights

__all__ = [
    "FACTS",
    "INITIALISATIONS",
    "MODELS",
    "SUPPLIED",
    "LoadReport",
    "Mismatch",
    "build_model",
    "check_model",
    "classifier_parameters",
    "initialise",
    "load_weights",
    "read_weights",
]
