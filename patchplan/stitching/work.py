"""What is to be done for an image, and how much of it at once: memory, workers, boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from patchplan.core.amounts import memory_text
from patchplan.errors import ConfigError
from patchplan.stitching.canvases.protocol import Canvas
from patchplan.stitching.ledger import ImageLedger
from patchplan.stitching.render import Renderer
from patchplan.stitching.shares import BlockSizes

MAX_BOX = 1 << 28
"""Bytes of output that are computed at once: more would gain nothing."""

BOXES_PER_WORKER = 4

TILE_BYTES = 400
"""What is held of each tile of a box beside its pixels: where it goes, in a few copies."""

OVERHEAD = 24 << 20
"""What libraries and the heap take beyond what is asked of them (measured)."""


@dataclass(frozen=True)
class Task:
    """A box of one sample of one image."""

    work: int
    sample_idx: int
    start: tuple[int, ...]
    stop: tuple[int, ...]

    @property
    def pixels(self) -> int:
        """Pixels of the box, channels counted once."""
        return prod(b - a for a, b in zip(self.start, self.stop, strict=True))


@dataclass(frozen=True)
class ImageWork:
    """One image: what computes its pixels and where they go.

    `tile_pixels` is the size of the largest tile at the scale of the plan, `density` tiles per pixel of the output.
    """

    renderer: Renderer
    canvas: Canvas
    ledger: ImageLedger
    tile_pixels: int
    density: float

    @property
    def n_todo(self) -> int:
        """Pixels to write, channels counted once."""
        return self.blocks.sum(self.ledger.todo)

    @property
    def blocks(self) -> BlockSizes:
        """Pixels of its blocks."""
        return BlockSizes(self.canvas.frame.n_samples, tuple(self.renderer.spatial), tuple(self.renderer.block))

    def box_bytes(self, shape: Sequence[int]) -> int:
        """Return the memory that a box of this shape, (Z)YX, takes from reading to writing."""
        renderer, canvas = self.renderer, self.canvas
        rules, pixels = renderer.rules, prod(shape)
        out = 0 if canvas.view(0) is not None else pixels * rules.out_channels * rules.dtype.itemsize
        sums = rules.bytes_per_pixel() * pixels
        if not rules.direct:
            sums = min(sums, max(renderer.scratch_bytes, rules.bytes_per_pixel() * renderer.least_pixels(shape)))
        writing = canvas.write_bytes((rules.out_channels, *shape))
        tiles = int(self.density * pixels + 1) * TILE_BYTES + renderer.tile_bytes(self.tile_pixels)
        return out + sums + writing + tiles + renderer.tiles.read_bytes()

    def task(self, number: int, sample_idx: int, first: Sequence[int], last: Sequence[int]) -> Task:
        """Return the box of the blocks [first, last) of a sample."""
        block, spatial = self.renderer.block, self.renderer.spatial
        start = tuple(i * n for i, n in zip(first, block, strict=True))
        stop = tuple(min(i * n, size) for i, n, size in zip(last, block, spatial, strict=True))
        return Task(number, sample_idx, start, stop)

    @property
    def block_bytes(self) -> int:
        """The memory that one block takes."""
        return self.box_bytes([min(a, b) for a, b in zip(self.renderer.block, self.renderer.spatial, strict=True)])


def usable(memory: int) -> int:
    """Return what of the memory is for computing: a part holds chunks of tiles, some is nobody's."""
    return memory - memory // 16 - OVERHEAD


def check_memory(works: Sequence[ImageWork], memory: int, workers: int, part: int = 1) -> int:
    """Return how many workers the memory is enough for; ConfigError if for none.

    `part` says that only one part in so many is for computing.
    """
    block = max([1, *(work.block_bytes for work in works)])
    least = max([block, *(work.canvas.finish_bytes() for work in works)]) * part
    if least > usable(memory):
        raise ConfigError(
            f"--memory: found {memory_text(memory)}; one block of the output and its tiles take more: "
            f"give at least {memory_text((least + OVERHEAD) * 16 // 15 + 1)}, or smaller --chunks or --shards"
        )
    return max(1, min(workers, usable(memory) // (block * part)))


def choose_box(work: ImageWork, n_samples: int, memory: int, workers: int) -> tuple[int, ...]:
    """Return how many pixels of an image to compute at once: whole blocks, longest along X, then Y, then Z.

    The larger, the fewer tiles are read twice; but all workers should have something to do.
    """
    block, spatial = work.renderer.block, work.renderer.spatial
    n_blocks = [-(-n // size) for n, size in zip(spatial, block, strict=True)]
    most = max(1, prod(n_blocks) * n_samples // (workers * BOXES_PER_WORKER)) if workers > 1 else prod(n_blocks)
    per_pixel = work.renderer.rules.out_channels * work.renderer.rules.dtype.itemsize
    box = [1] * len(block)
    for axis in reversed(range(len(block))):
        for n in range(n_blocks[axis], 1, -1):
            tried = [*box[:axis], n, *box[axis + 1 :]]
            shape = [min(a * b, c) for a, b, c in zip(tried, block, spatial, strict=True)]
            if prod(tried) <= most and prod(shape) * per_pixel <= MAX_BOX and work.box_bytes(shape) <= memory:
                box = tried
                break
        if box[axis] < n_blocks[axis]:
            break
    return tuple(a * b for a, b in zip(box, block, strict=True))
