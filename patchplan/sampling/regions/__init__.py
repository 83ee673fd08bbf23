"""Regions of interest: which patches lie in them, and drawing only such."""

from patchplan.sampling.regions.drawing import in_regions, mark_regions
from patchplan.sampling.regions.testing import RegionTest, open_regions

__all__ = ["RegionTest", "in_regions", "mark_regions", "open_regions"]
