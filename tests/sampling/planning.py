"""Images with something in them, and plans of them with sections."""

from pathlib import Path
from typing import Any

import numpy as np

import patchplan
from patchplan.plans.plan import Plan
from patchplan.plans.words import SECTIONS


def make_images(folder: Path, n: int = 1, shape: tuple[int, ...] = (120, 150)) -> list[Path]:
    """Write images that are bright in the lower right, each another."""
    paths = []
    for number in range(n):
        rng = np.random.default_rng(number)
        pixels = rng.integers(0, 20, shape).astype(np.uint8)
        pixels[(..., slice(shape[-2] // 3, None), slice(shape[-1] // 4, None))] += 100
        paths.append(folder / f"mouse{number // 2}_{number}.npy")
        np.save(paths[-1], pixels)
    return paths


def planned(
    folder: Path, images: list[Path], patching: dict[str, Any], *, name: str = "p.parquet", **options: Any
) -> Plan:
    """Plan images with the sections among the options, and open the plan."""
    config: dict[str, Any] = {"patching": patching}
    config |= {key: options.pop(key) for key in SECTIONS if key in options}
    patchplan.plan(images, folder / name, config=config, overwrite=True, **options)
    return patchplan.open_plan(folder / name)
