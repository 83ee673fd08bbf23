"""One function per command: open, run, return a result. Nothing here prints."""

from patchplan.api.extracting import extract, read_patches
from patchplan.api.finishing import finish
from patchplan.api.inspecting import inspect, inspect_images
from patchplan.api.planning import plan
from patchplan.api.stitching import stitch
from patchplan.api.streaming import Stitcher
from patchplan.api.verifying import verify

__all__ = ["Stitcher", "extract", "finish", "inspect", "inspect_images", "plan", "read_patches", "stitch", "verify"]
