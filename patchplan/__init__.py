"""Plan patches and tiles for images of any size, and stitch predicted tiles back.

Names are imported when they are first used, so that `import patchplan` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from patchplan.api import (
        Stitcher,
        convert,
        export,
        extract,
        finish,
        inspect,
        inspect_images,
        merge,
        plan,
        read_patches,
        stitch,
        subset,
        verify,
    )
    from patchplan.core.specs import PatchSpecs, SpecTable, TileSpecs, is_tile_specs
    from patchplan.errors import PatchplanError
    from patchplan.images import ImageSource, open_image, open_images
    from patchplan.patching import (
        FixedPatching,
        FixedRandomPatching,
        Patching,
        RandomPatching,
        SequentialPatching,
        StratifiedPatching,
        TiledPatching,
        WholeSamplePatching,
        create_patching,
        create_val_split,
    )
    from patchplan.plans.plan import Plan, open_plan

__all__ = [
    "FixedPatching",
    "FixedRandomPatching",
    "ImageSource",
    "PatchSpecs",
    "Patching",
    "PatchplanError",
    "Plan",
    "RandomPatching",
    "SequentialPatching",
    "SpecTable",
    "Stitcher",
    "StratifiedPatching",
    "TileSpecs",
    "TiledPatching",
    "WholeSamplePatching",
    "convert",
    "create_patching",
    "create_val_split",
    "export",
    "extract",
    "finish",
    "inspect",
    "inspect_images",
    "is_tile_specs",
    "merge",
    "open_image",
    "open_images",
    "open_plan",
    "plan",
    "read_patches",
    "stitch",
    "subset",
    "verify",
]

_HOMES = {
    "patchplan.api": (
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
    ),
    "patchplan.core.specs": ("PatchSpecs", "SpecTable", "TileSpecs", "is_tile_specs"),
    "patchplan.errors": ("PatchplanError",),
    "patchplan.images": ("ImageSource", "open_image", "open_images"),
    "patchplan.plans.plan": ("Plan", "open_plan"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'patchplan' has no attribute {name!r}")
    home = next((module for module, names in _HOMES.items() if name in names), "patchplan.patching")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted(__all__)
