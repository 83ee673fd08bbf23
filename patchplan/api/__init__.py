"""One function per command: open, run, return a result. Nothing here prints."""

from patchplan.api.inspecting import inspect, inspect_images
from patchplan.api.planning import plan

__all__ = ["inspect", "inspect_images", "plan"]
