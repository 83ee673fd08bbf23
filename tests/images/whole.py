"""Read a whole image through regions, and compare it with arrays in file axis order."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.images import ImageSource


def in_file_order(source: ImageSource) -> NDArray[Any]:
    """Return all pixels in the axis order of the file, read sample by sample."""
    layout, spatial = source.layout, source.data_shape[2:]
    zeros = (0,) * len(spatial)
    data = np.stack([source.read(i, zeros, spatial) for i in range(source.data_shape[0])])
    order = [*layout.samples, *layout.channels, *layout.spatial]
    rest = [axis for axis in range(len(source.shape)) if axis not in order]
    stacked = data.reshape([source.shape[axis] for axis in rest + order])
    return np.ascontiguousarray(stacked.transpose(np.argsort(rest + order)))


def check_regions(source: ImageSource, n: int = 4, seed: int = 0) -> None:
    """Random regions, also of some channels and reaching outside, equal the whole image cut."""
    rng = np.random.default_rng(seed)
    n_samples, n_channels, *spatial = source.data_shape
    for _ in range(n):
        sample = int(rng.integers(n_samples))
        whole = source.read(sample, (0,) * len(spatial), spatial)
        start = [int(rng.integers(-2, size)) for size in spatial]
        size = [int(rng.integers(1, length + 3)) for length in spatial]
        channels = [int(c) for c in rng.permutation(n_channels)[: rng.integers(1, n_channels + 1)]]
        padded = np.pad(whole[channels], [(0, 0)] + [(2, length + 5) for length in spatial])
        cut = tuple(slice(a + 2, a + 2 + n) for a, n in zip(start, size, strict=True))
        found = source.read(sample, start, size, channels)
        np.testing.assert_array_equal(found, padded[(slice(None), *cut)])
        assert found.dtype == source.dtype
        assert found.dtype.isnative
