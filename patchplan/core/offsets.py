"""Where each image's patches begin in the one numbering of a plan.

Patches are numbered image by image, within an image sample by sample. All samples of an image have the
same number of patches, so an image needs one offset only, however many samples it has.
"""

import operator
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from patchplan.core.specs import IntArray
from patchplan.errors import ShapeError


def check_index(index: int, n: int) -> int:
    """Return the index as a plain int; raise IndexError unless 0 <= index < n."""
    if type(index) is not int:
        index = int(operator.index(index))
    if not 0 <= index < n:
        raise IndexError(f"patch index {index} is out of range: there are {n} patches (0 to {n - 1})")
    return index


def check_range(start: int, stop: int | None, n: int) -> tuple[int, int]:
    """Return [start, stop) with `stop` None meaning n; raise IndexError unless 0 <= start <= stop <= n."""
    stop = n if stop is None else stop
    if not 0 <= start <= stop <= n:
        raise IndexError(f"patch range [{start}, {stop}) is out of range: there are {n} patches")
    return start, stop


class ImageOffsets:
    """Patch indices of images: image i holds `samples[i]` samples of `per_sample[i]` patches each.

    Examples
    --------
    >>> offsets = ImageOffsets(samples=[2, 1], per_sample=[3, 4])
    >>> offsets.n_patches, offsets.indices(1), offsets.locate(5)
    (10, range(6, 10), (0, 1, 2))
    """

    def __init__(self, samples: Sequence[int], per_sample: Sequence[int]) -> None:
        self.samples = list(samples)
        self.per_sample = list(per_sample)
        counts = (s * n for s, n in zip(self.samples, self.per_sample, strict=True))
        self.bounds = [0, *accumulate(counts)]
        self.n_patches = self.bounds[-1]
        if self.n_patches >= 2**63:
            raise ShapeError(f"{self.n_patches} patches are more than can be numbered (2**63 - 1)")

    def indices(self, data_idx: int) -> range:
        """Return the indices of an image's patches; IndexError if there is no such image."""
        if not 0 <= data_idx < len(self.samples):
            raise IndexError(f"data_idx {data_idx} is out of range: there are {len(self.samples)} images")
        return range(self.bounds[data_idx], self.bounds[data_idx + 1])

    def locate(self, index: int) -> tuple[int, int, int]:
        """Return (data_idx, sample_idx, number within the sample) of a patch."""
        index = check_index(index, self.n_patches)
        data_idx = bisect_right(self.bounds, index) - 1
        sample_idx, within = divmod(index - self.bounds[data_idx], self.per_sample[data_idx])
        return data_idx, sample_idx, within

    def images(self, start: int, stop: int) -> range:
        """Return the images that hold the patches [start, stop)."""
        if start >= stop:
            return range(0)
        return range(bisect_right(self.bounds, start) - 1, bisect_right(self.bounds, stop - 1))

    def owners(self, start: int, stop: int) -> tuple[IntArray, IntArray]:
        """Return `data_idx` and `sample_idx`, shape (stop - start,), of the patches [start, stop)."""
        images = self.images(start, stop)
        if len(images) == 1:
            return self._owners_in_one(images.start, start, stop)
        bounds = np.array(self.bounds[images.start : images.stop + 1], np.int64)
        counts = np.diff(bounds.clip(start, stop))
        data_idx = np.repeat(np.arange(images.start, images.stop, dtype=np.int64), counts)
        if all(n == 1 for n in self.samples[images.start : images.stop]):
            return data_idx, np.zeros_like(data_idx)
        first = np.repeat(bounds[:-1], counts)
        per_sample = np.repeat(np.array(self.per_sample[images.start : images.stop], np.int64), counts)
        sample_idx = (np.arange(start, stop, dtype=np.int64) - first) // per_sample
        return data_idx, sample_idx

    def _owners_in_one(self, data_idx: int, start: int, stop: int) -> tuple[IntArray, IntArray]:
        per_sample = self.per_sample[data_idx]
        first, last = start - self.bounds[data_idx], stop - self.bounds[data_idx]
        samples = np.arange(first // per_sample, -(-last // per_sample), dtype=np.int64)
        begins, ends = samples * per_sample, (samples + 1) * per_sample
        counts = np.minimum(ends, last) - np.maximum(begins, first)
        return np.full(stop - start, data_idx, np.int64), np.repeat(samples, counts)
