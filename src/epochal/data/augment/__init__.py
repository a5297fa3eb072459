"""Random transforms of whole training batches, with parameters of each sample's own."""

from epochal.data.augment.pipeline import AUGMENT, SUPPLIED, Augment, build_augment, check_step

__all__ = ["AUGMENT", "SUPPLIED", "Augment", "build_augment", "check_step"]
