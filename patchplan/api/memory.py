"""How much memory a stitch of a plan takes, before there are tiles."""

from collections.abc import Sequence
from math import prod

import numpy as np

from patchplan.core.amounts import parse_memory, parse_workers
from patchplan.coverage.cost_result import StitchMemory
from patchplan.plans.header import ImageRecord
from patchplan.plans.plan import Plan
from patchplan.stitching.blend import CACHED_WEIGHTS
from patchplan.stitching.canvases import CanvasOptions
from patchplan.stitching.canvases.grid import chunks_and_shards
from patchplan.stitching.frame import Frame, make_frame
from patchplan.stitching.render import PixelRules
from patchplan.stitching.work import OVERHEAD, TILE_BYTES
from patchplan.tiles.reading import BATCH_BYTES

DEFAULT = "2GB"
"""What `stitch` may take unless told otherwise."""


def stitch_memory(plan: Plan) -> StitchMemory:
    """Return what `stitch` needs into OME-Zarr of a stack of tiles that are like the images: channels and dtype.

    An estimate, a sixteenth more than what blocks take, as pyramids may take a little more; `stitch` itself knows the
    tiles, and says how much it needs where it has less.
    """
    largest = _largest_patch(plan)
    records = {(image.axes, image.shape, image.dtype): image for image in plan.images}
    least = max(_least(plan, record, largest) for record in records.values())
    return StitchMemory(least=(least + OVERHEAD) * 17 // 15 + 1, default=parse_memory(DEFAULT))


def _least(plan: Plan, record: ImageRecord, tile_pixels: int) -> int:
    """Return what a block of an image takes, from its tiles to its encoded chunks."""
    header, dtype, n_channels = plan.header, np.dtype(record.dtype), record.data_shape[1]
    z_as_samples = bool(header.config.get("z_as_samples"))
    frame = make_frame(
        record, "ome-zarr", ndim=header.ndim, z_as_samples=z_as_samples, n_channels=n_channels, dtype=dtype
    )
    rules = PixelRules("paste" if header.tiles else "average", dtype, n_channels, None, dtype, 0)
    threads, tile_bytes = parse_workers(None), tile_pixels * n_channels * dtype.itemsize
    chunk, block = _block(frame)
    out = block * n_channels * dtype.itemsize
    sums = block * rules.bytes_per_pixel()
    encoded = out * 5 // 4 + 2 * threads * chunk * dtype.itemsize
    density = record.n_patches / prod((record.data_shape[0], *record.data_shape[2:]))
    places = int(density * block + 1) * TILE_BYTES
    one = tile_pixels * rules.blend_dtype.itemsize if rules.weighted else 0
    weighing = one * n_channels + max(one, min(CACHED_WEIGHTS, 16 * one))
    reading = 12 * max(BATCH_BYTES, threads * tile_bytes) + 2 * threads * tile_bytes
    return out + sums + encoded + places + weighing + reading


def _block(frame: Frame) -> tuple[int, int]:
    """Return pixels of a chunk and of a block of an output, one channel of them."""
    chunks, shards = chunks_and_shards(frame, CanvasOptions())
    sizes: Sequence[int] = shards or chunks
    return prod(chunks), prod(min(a, b) for a, b in zip(sizes, frame.spatial, strict=True))


def _largest_patch(plan: Plan) -> int:
    """Return the pixels of the largest patch."""
    size = plan.header.config["patching"].get("patch_size")
    if isinstance(size, list) and len(size) == plan.header.ndim:
        return prod(size)
    if not plan.header.rows:
        return max(prod(shape[2:]) for shape in plan.data_shapes)
    most = 1.0
    for start in range(0, plan.n_rows, 1 << 18):
        specs = plan.specs(start, min(start + (1 << 18), plan.n_rows))
        most = max(most, specs.patch_size.prod(axis=1, dtype=np.float64).max(initial=1))
    return int(most)
