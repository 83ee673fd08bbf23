"""Stratified patching: random patches spread evenly over images of which parts may be left out."""

import operator
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from typing import Literal

import numpy as np

from patchplan.core.axes import spatial_axes
from patchplan.core.cells import BoolArray, CellGrid, Cells
from patchplan.core.offsets import ImageOffsets, check_range
from patchplan.core.regions import Probs, Regions, Runs
from patchplan.core.seeds import Seed, seed_sequence
from patchplan.core.shapes import PerAxis, Shape, check_data_shapes, per_axis
from patchplan.core.specs import IntArray, PatchSpecs, SpecTable
from patchplan.errors import ShapeError
from patchplan.patching.config import SeededConfig


class StratifiedConfig(SeededConfig):
    """Patches drawn anew each epoch, spread evenly: each region of the image is drawn about once."""

    name: Literal["stratified"] = "stratified"

    def create(self, data_shapes: Sequence[Sequence[int]]) -> "StratifiedPatching":
        """Build the strategy over images of these shapes, S C (Z) Y X."""
        return StratifiedPatching(data_shapes, self.patch_size, self.seed)


class StratifiedPatching:
    """Random patches that visit all pixels about equally often, and never what is excluded.

    A grid that starts at 0 divides each sample into cells as large as the patch; cells can be excluded, and
    the patch coordinates within a cell (its region) be made less probable. An index nearly always draws from
    the same region; small regions share an index. Every coordinate c expects n * p(c) / sum(p) of a sample's
    n draws. Consecutive passes over the indices continue one stream of `default_rng(seed)`.

    Parameters
    ----------
    data_shapes : sequence of sequence of int
        Shapes S C (Z) Y X.
    patch_size : int or sequence of int
        Pixels per spatial axis, (Z)YX.
    seed : int or numpy.random.SeedSequence, optional
        Seed of the stream; fresh entropy by default.

    Raises
    ------
    ShapeError
        If a shape or size makes no sense, or an image is smaller than the patch.

    Examples
    --------
    >>> patching = StratifiedPatching([(1, 1, 100, 100)], patch_size=32, seed=0)
    >>> patching.exclude_patches(0, 0, [(0, 0), (0, 1)])
    >>> patching.n_patches, patching.get_patch_spec(0)["coords"]
    (8, (34, 1))
    """

    def __init__(
        self,
        data_shapes: Sequence[Sequence[int]],
        patch_size: PerAxis,
        seed: Seed = None,
    ) -> None:
        self.data_shapes = check_data_shapes(data_shapes)
        self.patch_size = per_axis("patch_size", patch_size, len(self.data_shapes[0]) - 2, minimum=1)
        sizes = [shape[2:] for shape in self.data_shapes]
        for data_idx, size in enumerate(sizes):
            _check_large_enough(data_idx, size, self.patch_size)
        of_size = {size: Regions(CellGrid(size, self.patch_size)) for size in sizes}
        self._unchanged = [of_size[size] for size in sizes]
        self._changed: dict[int, Regions] = {}
        # Numbers the samples over all images, as if each had one patch.
        self._samples = ImageOffsets([shape[0] for shape in self.data_shapes], [1] * len(sizes))
        self._known_runs: Runs | None = None
        self._rng = np.random.default_rng(seed_sequence(seed))

    @property
    def n_patches(self) -> int:
        """Number of patches over all images."""
        return self._runs.offsets.n_patches

    def get_patch_indices(self, data_idx: int) -> range:
        """Return the indices of the patches of one image."""
        samples = self._samples.indices(data_idx)
        return range(self._runs.first_patch(samples.start), self._runs.first_patch(samples.stop))

    def get_patch_spec(self, index: int) -> PatchSpecs:
        """Draw one patch."""
        lottery, sample, within = self._runs.locate(operator.index(index))
        data_idx, sample_idx, _ = self._samples.locate(sample)
        coords = lottery.draw(within, self._rng.random(len(self.patch_size) + 2).tolist())
        return {
            "data_idx": data_idx,
            "sample_idx": sample_idx,
            "coords": coords,
            "patch_size": self.patch_size,
        }

    def get_patch_specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Draw the patches [start, stop)."""
        start, stop = check_range(start, stop, self.n_patches)
        ndim = len(self.patch_size)
        columns = SpecTable.empty(stop - start, ndim)
        columns["patch_size"][:] = self.patch_size
        filled = 0
        for lottery, samples, within in self._runs.chunks(start, stop):
            rows = slice(filled, filled := filled + len(within))
            data_idx, sample_idx = self._samples.owners(int(samples[0]), int(samples[-1]) + 1)
            columns["data_idx"][rows] = data_idx[samples - samples[0]]
            columns["sample_idx"][rows] = sample_idx[samples - samples[0]]
            coords = lottery.draw_many(within, self._rng.random((len(within), ndim + 2)))
            for axis, column in enumerate(coords):
                columns["coords"][rows, axis] = column
        return SpecTable(**columns)

    def exclude_patches(self, data_idx: int, sample_idx: int, grid_coords: Cells) -> None:
        """Exclude cells of a sample: no patch touches them from now on.

        The patches are numbered anew.

        Parameters
        ----------
        data_idx, sample_idx : int
            The image, and the sample in it.
        grid_coords : (n, ndim) array of int, or tuples of int
            Grid coordinates of the cells, (Z)YX. Those excluded before stay so.

        Raises
        ------
        IndexError
            If there is no such image or sample.
        ShapeError
            If a cell is not on the grid; none is excluded then.
        """
        with self._changing(data_idx, sample_idx) as regions:
            regions.exclude(grid_coords)

    def set_region_probs(self, data_idx: int, sample_idx: int, probs: Probs) -> None:
        """Set how probable regions of a sample are, compared to 1 for all others.

        The patches are numbered anew.

        Parameters
        ----------
        data_idx, sample_idx : int
            The image, and the sample in it.
        probs : mapping of tuple of int to float, or pair of arrays
            The p of regions, by the grid coordinates of their cells, (Z)YX; or these coordinates as for
            `exclude_patches` and as many p. A region set before gets the new p.

        Raises
        ------
        IndexError
            If there is no such image or sample.
        ShapeError
            If a cell is not on the grid or given twice, or a p is outside [0, 1]; none is set then.
        """
        with self._changing(data_idx, sample_idx) as regions:
            regions.set_probs(probs)

    def get_all_grid_coords(self) -> dict[tuple[int, int], list[tuple[int, ...]]]:
        """Return the grid coordinates of all cells by (data_idx, sample_idx)."""
        return {key: list(regions.grid.cells()) for key, regions in self._all_regions()}

    def get_included_grid_coords(self) -> dict[tuple[int, int], list[tuple[int, ...]]]:
        """Return the grid coordinates of the cells that are not excluded by (data_idx, sample_idx)."""
        return {key: regions.included_cells() for key, regions in self._all_regions()}

    def get_cells(self, data_idx: int) -> tuple[CellGrid, BoolArray]:
        """Return the grid of an image, and which of its cells a patch may be drawn on exactly.

        Those are the cells that lie in the image, are not excluded and have a region of p > 0. The array has the
        samples first: S (Z) Y X.
        """
        samples = self._samples.indices(data_idx)
        unchanged = self._unchanged[data_idx]
        heads = np.repeat(unchanged.grid.whole()[np.newaxis], len(samples), axis=0)
        for sample in self._changed_in(samples):
            heads[sample - samples.start] = self._changed[sample].heads()
        return unchanged.grid, heads

    def get_n_patches_per_sample(self) -> IntArray:
        """Return how many patches each sample has, in order over all images."""
        runs = self._runs.offsets
        return np.repeat(np.array(runs.per_sample, np.int64), runs.samples)

    def copy(self) -> "StratifiedPatching":
        """Return the same strategy at the same place of its stream, to be changed and drawn from by itself."""
        copied = copy(self)
        copied._changed = {sample: regions.copy() for sample, regions in self._changed.items()}
        copied._rng = deepcopy(self._rng)
        return copied

    def reseeded(self, seed: Seed) -> "StratifiedPatching":
        """Return the same strategy at the beginning of another stream, to be drawn from by itself."""
        copied = self.copy()
        copied._rng = np.random.default_rng(seed_sequence(seed))
        return copied

    def _changed_in(self, samples: range) -> list[int]:
        if len(self._changed) < len(samples):
            return [sample for sample in self._changed if sample in samples]
        return [sample for sample in samples if sample in self._changed]

    def _all_regions(self) -> Iterator[tuple[tuple[int, int], Regions]]:
        for data_idx, unchanged in enumerate(self._unchanged):
            for sample_idx, sample in enumerate(self._samples.indices(data_idx)):
                yield (data_idx, sample_idx), self._changed.get(sample, unchanged)

    @contextmanager
    def _changing(self, data_idx: int, sample_idx: int) -> Iterator[Regions]:
        """Give out a sample's own regions; all that were never changed are shared."""
        samples = self._samples.indices(data_idx)
        if not 0 <= sample_idx < len(samples):
            found = f"sample_idx {sample_idx} is out of range"
            raise IndexError(f"{found}: image {data_idx} has {len(samples)} samples")
        sample = samples[sample_idx]
        regions = self._changed.get(sample) or Regions(self._unchanged[data_idx].grid)
        try:
            yield regions
        except ShapeError as error:
            raise ShapeError(f"sample {sample_idx}: {error.problem}", data_idx) from None
        self._changed[sample] = regions
        self._known_runs = None

    @property
    def _runs(self) -> Runs:
        """All samples in runs that share regions; worked out anew after a change."""
        if self._known_runs is None:
            starts = dict(zip(self._samples.bounds, self._unchanged, strict=False))
            for sample in self._changed:
                if sample + 1 < self._samples.n_patches:
                    data_idx, _, _ = self._samples.locate(sample + 1)
                    starts[sample + 1] = self._unchanged[data_idx]
            self._known_runs = Runs(starts | self._changed, self._samples.n_patches)
        return self._known_runs


def _check_large_enough(data_idx: int, size: Shape, patch_size: Shape) -> None:
    for letter, found, patch in zip(spatial_axes(len(size)), size, patch_size, strict=True):
        if found < patch:
            advice = "use a smaller patch or leave the image out with --skip-small"
            raise ShapeError(f"{letter} is {found}, smaller than patch_size {patch}; {advice}", data_idx)
