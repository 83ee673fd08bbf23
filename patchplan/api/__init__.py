"""One function per command: open, run, return a result. Nothing here prints.

Each is imported when it is first used, so that no command waits for what others need.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from patchplan.api.converting import convert
    from patchplan.api.exporting import export
    from patchplan.api.extracting import extract, read_patches
    from patchplan.api.finishing import finish
    from patchplan.api.inspecting import inspect, inspect_images
    from patchplan.api.merging import merge
    from patchplan.api.planning import plan
    from patchplan.api.stitching import stitch
    from patchplan.api.streaming import Stitcher
    from patchplan.api.subsetting import subset
    from patchplan.api.verifying import verify

__all__ = [
    "Stitcher",
    "convert",
    "export",
    "extract",
    "finish",
    "inspect",
    "inspect_images",
    "merge",
    "plan",
    "read_patches",
    "stitch",
    "subset",
    "verify",
]

_HOMES = {
    "Stitcher": "streaming",
    "convert": "converting",
    "export": "exporting",
    "extract": "extracting",
    "finish": "finishing",
    "inspect": "inspecting",
    "inspect_images": "inspecting",
    "merge": "merging",
    "plan": "planning",
    "read_patches": "extracting",
    "stitch": "stitching",
    "subset": "subsetting",
    "verify": "verifying",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'patchplan.api' has no attribute {name!r}")
    return getattr(import_module(f"patchplan.api.{_HOMES[name]}"), name)
