"""Weights say how probable each pixel is to be the centre of a patch."""

from patchplan.sampling.weights.listed import patch_weights
from patchplan.sampling.weights.patching import WeightedPatching, weighted_patching

__all__ = ["WeightedPatching", "patch_weights", "weighted_patching"]
