"""Plans of every kind over two small images, for whoever rewrites plans."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from patchplan import api

TABLE = """index,data_idx,sample_idx,coords_y,coords_x,patch_size_y,patch_size_x,split,weight
7,1,0,0,0,8,8,val,0.1
3,0,0,8,8,8,8,train,1e-300
12,0,0,9,7,8,8,"a ""b"", c",0.30000000000000004
0,1,0,1,1,8,4,train,2.5
"""

SPLIT = {"validation": 0.3, "seed": 5}

KINDS: dict[str, dict[str, Any]] = {
    "tiled": {"config": {"name": "tiled", "patch_size": 16, "overlaps": 4}},
    "no rows": {"config": {"name": "tiled", "patch_size": 16, "overlaps": 4}, "rows": False},
    "sequential": {"config": {"name": "sequential", "patch_size": 16}},
    "random": {"config": {"name": "random", "patch_size": 16, "seed": 1}, "epochs": 3},
    "one epoch": {"config": {"name": "random", "patch_size": 16, "seed": 1}, "epochs": 1},
    "stratified": {"config": {"name": "stratified", "patch_size": 16, "seed": 1}, "epochs": 2},
    "whole": {"config": {"name": "whole"}},
    "table": {"config": {"name": "fixed", "table": "given.csv"}},
    "split": {"config": {"patching": {"name": "tiled", "patch_size": 8}, "split": SPLIT}},
    "folds": {"config": {"patching": {"name": "tiled", "patch_size": 8}, "split": {"k_folds": 2, "seed": 5}}},
    "filtered": {
        "config": {
            "patching": {"name": "random", "patch_size": 8, "seed": 2},
            "split": {"by": "image", "validation": 1, "seed": 0},
            "regions": {"geojson": "{stem}.geojson", "keep": "touching"},
        },
        "epochs": 2,
    },
}
"""Options of `plan`; paths in them start from the folder of the plan."""

ORDERED = [kind for kind in KINDS if kind != "table"]

SQUARE = (
    '{"type": "Feature", "properties": {}, "geometry": '
    '{"type": "Polygon", "coordinates": [[[0, 0], [50, 0], [50, 50], [0, 50], [0, 0]]]}}'
)


def make(folder: Path, kind: str, suffix: str = ".parquet") -> Path:
    """Plan `a.npy` (60 x 70) and `b.npy` (40 x 40), made at need, as `KIND.SUFFIX`."""
    folder.mkdir(exist_ok=True, parents=True)
    for name, shape in (("a", (60, 70)), ("b", (40, 40))):
        if not (folder / f"{name}.npy").exists():
            pixels = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
            np.save(folder / f"{name}.npy", pixels)
            (folder / f"{name}.geojson").write_text(SQUARE)
    (folder / "given.csv").write_text(TABLE)
    plan = folder / f"{kind}{suffix}"
    here = Path.cwd()
    os.chdir(folder)
    try:
        api.plan(["a.npy", "b.npy"], plan.name, overwrite=True, **KINDS[kind])
    finally:
        os.chdir(here)
    return plan
