"""What strategies that draw in regions share: each sample has its number of patches and draws by itself."""

from collections.abc import Sequence

from patchplan.core.offsets import ImageOffsets, check_index, check_range
from patchplan.core.shapes import Shape
from patchplan.core.specs import IntArray, PatchSpecs, SpecTable


class BySample:
    """Patches of one size, numbered sample by sample.

    Parameters
    ----------
    data_shapes : sequence of Shape
        S C (Z) Y X.
    patch_size : Shape
        Pixels, (Z)YX.
    """

    def __init__(self, data_shapes: Sequence[Shape], patch_size: Shape) -> None:
        self.data_shapes, self.patch_size = data_shapes, patch_size
        self._samples = ImageOffsets([shape[0] for shape in data_shapes], [1] * len(data_shapes))
        self._offsets = ImageOffsets([], [])

    def _number(self, counts: Sequence[int]) -> None:
        """Give each sample its number of patches."""
        self._offsets = ImageOffsets([1] * len(counts), counts)

    def _draw(self, number: int, first: int, last: int) -> IntArray:
        """Draw the coordinates of the patches [first, last) of a sample, (n, ndim)."""
        raise NotImplementedError

    @property
    def n_patches(self) -> int:
        """Number of patches over all images."""
        return self._offsets.n_patches

    def get_patch_indices(self, data_idx: int) -> range:
        """Return the indices of the patches of one image."""
        samples = self._samples.indices(data_idx)
        return range(self._offsets.bounds[samples.start], self._offsets.bounds[samples.stop])

    def get_patch_spec(self, index: int) -> PatchSpecs:
        """Draw one patch."""
        index = check_index(index, self.n_patches)
        return self.get_patch_specs(index, index + 1)[0]

    def get_patch_specs(self, start: int = 0, stop: int | None = None) -> SpecTable:
        """Draw the patches [start, stop) as columns."""
        start, stop = check_range(start, stop, self.n_patches)
        columns = SpecTable.empty(stop - start, len(self.patch_size))
        columns["patch_size"][:] = self.patch_size
        for number in self._offsets.images(start, stop):
            begin, end = self._offsets.bounds[number : number + 2]
            first, last = max(begin, start), min(end, stop)
            if first < last:
                rows = slice(first - start, last - start)
                columns["data_idx"][rows], columns["sample_idx"][rows], _ = self._samples.locate(number)
                columns["coords"][rows] = self._draw(number, first - begin, last - begin)
        return SpecTable(**columns)
