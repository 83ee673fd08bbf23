"""Strategies that say where to look, their configs, and the factory."""

from patchplan.core.specs import PatchSpecs, SpecTable, TileSpecs, is_tile_specs
from patchplan.patching.factory import STRATEGIES, create_patching
from patchplan.patching.fixed import FixedPatching
from patchplan.patching.fixed_random import FixedRandomPatching
from patchplan.patching.protocol import Patching
from patchplan.patching.random import RandomPatching
from patchplan.patching.sequential import SequentialPatching
from patchplan.patching.stratified import StratifiedPatching
from patchplan.patching.tiled import TiledPatching
from patchplan.patching.val_split import create_val_split
from patchplan.patching.whole import WholeSamplePatching

__all__ = [
    "STRATEGIES",
    "FixedPatching",
    "FixedRandomPatching",
    "PatchSpecs",
    "Patching",
    "RandomPatching",
    "SequentialPatching",
    "SpecTable",
    "StratifiedPatching",
    "TileSpecs",
    "TiledPatching",
    "WholeSamplePatching",
    "create_patching",
    "create_val_split",
    "is_tile_specs",
]
