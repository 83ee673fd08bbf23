"""The obvious way: a canvas of zeros, and += 1."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from patchplan.core.specs import SpecTable
from patchplan.plans.header import Header, ImageRecord
from patchplan.plans.plan import Plan
from patchplan.plans.tables.columns import to_batch
from patchplan.plans.write import write_plan


def canvases(data_shapes, specs, *, kept=False) -> list[Any]:
    """How often each pixel is read (or kept), an array S (Z) Y X per image."""
    images = [np.zeros((shape[0], *shape[2:]), np.int64) for shape in data_shapes]
    for spec in specs:
        corner, size = (spec["stitch_coords"], spec["crop_size"]) if kept else (spec["coords"], spec["patch_size"])
        box = tuple(slice(a, a + n) for a, n in zip(corner, size, strict=True))
        images[spec["data_idx"]][(spec["sample_idx"], *box)] += 1
    return images


def histogram_of(canvas) -> dict[int, int]:
    return dict(Counter(canvas.ravel().tolist()))


def painted(boxes, shape) -> Any:
    """Boxes `{sample_idx, start, stop}` painted by += 1, an array S (Z) Y X."""
    canvas = np.zeros((shape[0], *shape[2:]), np.int64)
    for box in boxes:
        spans = tuple(slice(a, b) for a, b in zip(box.start, box.stop, strict=True))
        canvas[(box.sample_idx, *spans)] += 1
    return canvas


class TablePlan(Plan):
    """A plan of rows that stand in memory, in pieces."""

    def __init__(self, data_shapes, specs: SpecTable, **keys: Any) -> None:
        self.header = header_of(data_shapes, specs)
        self.path = self.root = Path("table.parquet")
        self._batch = to_batch(specs, keys.pop("index", np.arange(len(specs))), keys)
        self.schema = self._batch.schema

    def batches(self, size: int = 7, start: int = 0, stop: int | None = None):
        assert (start, stop) == (0, None)
        for start in range(0, len(self._batch), size):
            yield pa.Table.from_batches([self._batch.slice(start, size)])


def header_of(data_shapes, specs: SpecTable, config: dict[str, Any] | None = None, **more: Any) -> Header:
    counts = Counter(specs.data_idx.tolist())
    missing = dict.fromkeys(("series", "level", "array", "chunks", "shards", "pixel_size", "pixel_unit"))
    known = {"kind": "npy", "axes": "QCYX" if specs.ndim == 2 else "QCZYX", "dtype": "uint8", "fingerprint": ""}
    images = tuple(
        ImageRecord.model_validate(
            {
                **missing,
                **known,
                "data_idx": i,
                "uri": f"{i}.npy",
                "shape": shape,
                "data_shape": shape,
                "n_patches": counts[i],
            }
        )
        for i, shape in enumerate(data_shapes)
    )
    return Header(
        schema_version=1,
        config={"patching": config or {"name": "fixed"}},
        images=images,
        n_patches=len(specs),
        n_rows=len(specs),
        tiles=specs.is_tiles,
        ndim=2 if specs.ndim == 2 else 3,
        **more,
    )


def write(path, data_shapes, patching, config, **more: Any):
    """Write a plan of a strategy; the images need not be there."""
    header = header_of(data_shapes, patching.get_patch_specs(), config, **more)
    write_plan(path, header, [patching])
    return path
