"""Every readable image of `../shared/images` comes back from its tiles as it was."""

from math import ceil, prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import patchplan
from patchplan.errors import ImageError
from patchplan.images import ImageSource
from patchplan.plans.plan import open_plan
from tests.images.test_manifest import IMAGES, ROWS, _open
from tests.stitching.making import grid, in_source_order, read_whole

MOST_BYTES = 400_000_000


def _bytes(row: dict[str, str]) -> int:
    shape = [int(size) for size in row["shape"].strip("()").split(",") if size.strip()]
    return prod(shape) * np.dtype(row["dtype"]).itemsize if row["read"] == "ok" and row["dtype"] else 0


READABLE = [row for row in ROWS if 0 < _bytes(row) <= MOST_BYTES]


def _few_tiles(source: ImageSource) -> dict[str, Any]:
    """Return a grid of about four tiles per axis, with an odd overlap."""
    sizes = [max(1, ceil(size / 4) + 3) for size in source.data_shape[2:]]
    return grid(sizes, [min(3, size - 1) for size in sizes])


def _check(row: dict[str, str], folder: Path) -> None:
    """Cut, stitch in memory and to a file, and compare with the image read whole."""
    try:
        source = _open(row)
    except ImageError:
        pytest.skip("refused on opening")
    if prod(source.data_shape[2:]) < 2:
        pytest.skip("fewer than two spatial pixels")
    plain = row["format"].endswith("array") and source.axes == "ZYX"
    patchplan.plan(
        IMAGES / row["file"], folder / "plan.parquet", patching=_few_tiles(source), axes="ZYX" if plain else None
    )
    plan = open_plan(folder / "plan.parquet")

    class Cut:
        def tile(self, index: int) -> Any:
            spec = plan.patching.get_patch_spec(index)
            return source.read(spec["sample_idx"], spec["coords"], spec["patch_size"])

    wanted = in_source_order(read_whole(source), source)
    for output in (None, folder / "out.npy"):
        result = patchplan.stitch(plan, Cut(), output)
        found = result.arrays[0] if output is None else np.load(output)
        assert found.shape == source.shape
        assert found.dtype == source.dtype
        assert found.tobytes() == wanted.tobytes(), "bytes, so that NaN and -0 count"
        assert (result.outputs[0].axes, result.outputs[0].filled) == (source.axes, 0)


@pytest.mark.skipif(not ROWS, reason="no ../shared/images beside the repository")
@pytest.mark.parametrize("row", READABLE, ids=[row["file"] for row in READABLE])
def test_the_image_comes_back(row, tmp_path):
    _check(row, tmp_path)
