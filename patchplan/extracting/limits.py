"""How much memory extracting takes, and how many threads fit into what is allowed."""

from collections.abc import Collection
from math import prod

from patchplan.errors import ConfigError
from patchplan.extracting.content import Content
from patchplan.extracting.cutting import BLOCK_BYTES
from patchplan.images import ImageSource
from patchplan.images.limits import CACHE_BYTES

BATCH_COPIES = 3
"""Of a batch: the pixels, what a codec makes of them, and what it needs to do so (measured: 2.5)."""

BLOCK_COPIES = 2
"""Of a box that is read: as the file has it, and as C (Z) Y X."""

CACHE_COPIES = 2
"""Of the chunks that are kept: malloc keeps as much again of those that were (measured)."""

ROW_BYTES, ROWS_READ = 512, 1 << 18
"""For a row of a plan as it is read, and rows that a format reads at once."""


def workers_within(memory: int, workers: int, content: Content, sources: Collection[ImageSource]) -> int:
    """Return how many threads work at once: as many as are allowed, within the memory that is allowed.

    A chunk of a source that is larger than what is left is decoded all the same: nobody can read a part of it.

    Raises
    ------
    ConfigError
        If it is too little for one.
    """
    patch = max(form.nbytes for form in content.forms)
    batch = patch * min(content.n, content.batch_rows)
    shared = CACHE_COPIES * _kept(sources) + ROW_BYTES * min(content.n, ROWS_READ)
    each = BATCH_COPIES * batch + BLOCK_COPIES * max(BLOCK_BYTES, patch)
    if memory < shared + each:
        raise ConfigError(
            f"--memory: found {memory / 1e6:,.0f} MB; at least {-(-(shared + each) // 10**6):,} MB are needed to write "
            f"{batch / 1e6:,.0f} MB of patches at a time and to keep chunks of the images"
        )
    chunk = max((prod(source.chunks) * source.dtype.itemsize for source in sources if source.chunks), default=0)
    return max(1, min(workers, (memory - shared) // (each + chunk)))


def _kept(sources: Collection[ImageSource]) -> int:
    """Return bytes of decoded chunks that readers keep: tensorstore those of Zarr arrays, we those of others."""
    totals = {True: 0, False: 0}
    for source in sources:
        if source.kind != "npy":
            totals["zarr" in source.kind] += prod(source.shape) * source.dtype.itemsize
    return sum(min(total, CACHE_BYTES) for total in totals.values())
