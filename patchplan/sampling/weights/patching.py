"""Patches drawn by weights: a class or not, then a block, then a pixel, then one of the patches centred in it."""

from collections.abc import Sequence
from copy import copy
from math import prod
from pathlib import Path
from typing import Self

import numpy as np

from patchplan.core.offsets import ImageOffsets, check_index, check_range
from patchplan.core.seeds import Seed, seed_sequence
from patchplan.core.shapes import PerAxis, check_data_shapes, per_axis
from patchplan.core.specs import IntArray, PatchSpecs, SpecTable
from patchplan.errors import ConfigError
from patchplan.images import ImageSource
from patchplan.plans.settings.weights import AnyWeightsConfig
from patchplan.sampling.threads import in_order
from patchplan.sampling.weights.blocks import Blocks, Progress
from patchplan.sampling.weights.finding import coordinates
from patchplan.sampling.weights.taking import open_weights, take
from patchplan.sampling.weights.tallies import Stream, Tally, Tickets


def weighted_patching(
    sources: Sequence[ImageSource],
    config: AnyWeightsConfig,
    patch_size: PerAxis,
    seed: Seed = None,
    *,
    base: Path,
    workers: int = 1,
    progress: Progress | None = None,
) -> "WeightedPatching":
    """Read the label images or maps once, and return the strategy that draws by them.

    Parameters
    ----------
    sources : sequence of ImageSource
        The plan's images.
    config : AnyWeightsConfig
    patch_size : int or sequence of int
        Pixels per spatial axis, (Z)YX.
    seed : int or numpy.random.SeedSequence, optional
        Seed of the stream; fresh entropy by default.
    base : Path
        What relative paths of the config start from.
    workers : int
        Threads.
    progress : callable, optional
        Called with the blocks counted and all blocks.

    Raises
    ------
    ImageError
        If a label image or map is missing, does not fit its image, or has values that are not allowed.
    ConfigError
        If a class is not there, or all weights are 0.
    """
    shapes = check_data_shapes([source.data_shape for source in sources])
    patch = per_axis("patch_size", patch_size, len(shapes[0]) - 2, minimum=1)
    companions = open_weights(sources, config, base=base)
    blocks = Blocks(sources, companions, patch, config.channel)
    tally = take(blocks, config, workers=workers, progress=progress)
    by_image = [
        config.patches or shape[0] * prod(-(-size // side) for size, side in zip(shape[2:], patch, strict=True))
        for shape in shapes
    ]
    if config.per == "epoch":
        by_image = [config.patches or sum(by_image)]
    return WeightedPatching(blocks, tally, by_image, seed, workers=workers)


class WeightedPatching:
    """Patches of one size, inside their images, whose centre pixels follow weights; `weighted_patching` makes one.

    Like `RandomPatching` it draws anew each time, and consecutive passes over the indices continue one stream. With
    `per: image` an index always gives the same image; else it may give any. Images smaller than the patch have
    one coordinate, 0. What is drawn depends on files, config and seed, not on the number of workers.

    Each call reads the blocks of label images or maps that it draws from: many patches at once are drawn much
    faster than one by one.

    Parameters
    ----------
    blocks, tally
        What there is to draw from.
    counts : sequence of int
        Patches to draw: of each image, or a single number of all together.
    seed : int or numpy.random.SeedSequence, optional
        Seed of the stream; fresh entropy by default.
    workers : int
        Threads.
    """

    def __init__(
        self, blocks: Blocks, tally: Tally, counts: Sequence[int], seed: Seed = None, *, workers: int = 1
    ) -> None:
        self.data_shapes = blocks.data_shapes
        self.patch_size = blocks.patch
        self._blocks = blocks
        self._tally = tally
        self._pools = ImageOffsets([1] * len(counts), counts)
        self._stream = Stream.of(seed_sequence(seed))
        self._workers = workers

    def reseeded(self, seed: Seed) -> Self:
        """Return the same weights at the beginning of another stream; nothing is read again."""
        other = copy(self)
        other._stream = Stream.of(seed_sequence(seed))
        return other

    @property
    def n_patches(self) -> int:
        """Number of patches over all images."""
        return self._pools.n_patches

    def get_patch_indices(self, data_idx: int) -> range:
        """Return the indices of the patches of one image.

        Raises
        ------
        ConfigError
            If patches are drawn per epoch from several images: an index has no image of its own then.
        """
        if len(self._pools.samples) < len(self.data_shapes):
            raise ConfigError(
                "weights: per: epoch: an index may give any image; allowed: per: image, or a single image"
            )
        return self._pools.indices(data_idx)

    def get_patch_spec(self, index: int) -> PatchSpecs:
        """Draw one patch."""
        return self.draw(np.array([check_index(index, self.n_patches)]))[0]

    def get_patch_specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Draw the patches [start, stop) as columns."""
        return self.draw(np.arange(*check_range(start, stop, self.n_patches)))

    def draw(self, indices: IntArray) -> SpecTable:
        """Draw the patches of some indices, shape (n,), in their order."""
        pools = np.searchsorted(self._pools.bounds, indices, "right") - 1
        tickets = self._tally.draw(self._stream, pools)
        columns = SpecTable.empty(len(indices), len(self.patch_size))
        columns["data_idx"][:] = self._blocks.data_idx[tickets.block]
        columns["patch_size"][:] = self.patch_size
        order = np.argsort(tickets.block, kind="stable")
        by_block = np.split(order, np.flatnonzero(np.diff(tickets.block[order])) + 1) if len(order) else []

        def found(rows: IntArray) -> tuple[IntArray, IntArray]:
            return self._found(tickets.take(rows))

        for rows, (samples, coords) in zip(by_block, in_order(found, by_block, self._workers), strict=True):
            columns["sample_idx"][rows] = samples
            columns["coords"][rows] = coords
        return SpecTable(**columns)

    def _found(self, tickets: Tickets) -> tuple[IntArray, IntArray]:
        """Return sample and coordinates of what was drawn from one block."""
        block = self._blocks[int(tickets.block[0])]
        return coordinates(block, self._tally.find(self._blocks.read(block), block, tickets))
