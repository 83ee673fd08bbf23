"""Patches that the workers of a cluster measure: what they are told."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from patchplan.cluster import Cluster, Piece, told_path
from patchplan.core.cells import FloatArray
from patchplan.core.specs import SpecTable
from patchplan.images import ImageSource
from patchplan.plans.told_images import told_image
from patchplan.sampling.filters.blocks import Block
from patchplan.sampling.filters.measuring import Measurer
from patchplan.sampling.filters.on_worker import sent

OPENER = "patchplan.sampling.filters.on_worker:open_bench"

MAX_SEEN = 16
"""Images that a worker must see before it begins; others it misses when they are opened."""


def measured(cluster: Cluster, measurer: Measurer, specs: SpecTable) -> Iterator[tuple[Block, FloatArray]]:
    """Yield blocks and the values of their patches as they come."""
    used = np.unique(specs.data_idx).tolist()
    masks = None if measurer.masks is None else _told(measurer.masks, used)
    brief: dict[str, Any] = {
        "images": _told(measurer.sources, used),
        "masks": masks,
        "config": measurer.config.model_dump(mode="json"),
        "ndim": specs.ndim,
    }
    seen = [told_path(measurer.read[data_idx].uri) for data_idx in used[:MAX_SEEN]]
    with cluster.session(OPENER, brief, seen) as session:
        pieces = (_piece(block, specs) for block in measurer.blocks(specs))
        for block, values in session.do(pieces, at_once=session.threads):
            yield block, np.array(values)


def _told(images: Sequence[ImageSource], used: Sequence[int]) -> list[Any]:
    wanted = set(used)
    return [told_image(images[data_idx]) if data_idx in wanted else None for data_idx in range(len(images))]


def _piece(block: Block, specs: SpecTable) -> Piece[Block]:
    where = {"image": block.data_idx, "sample": block.sample_idx, "start": block.start, "size": block.size}
    name = f"image {block.data_idx}, sample {block.sample_idx}, {len(block.rows):,} patches from {block.start}"
    return Piece(block, where, name, sent(specs, block.rows))
