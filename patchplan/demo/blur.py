"""A Gaussian filter in the place of a model: it reads patches, writes predictions, and knows nothing of the image.

Run as: python blur.py PATCHES PREDICTIONS
"""

import sys
from typing import Any

import zarr
from scipy.ndimage import gaussian_filter


def main(patches: str, predictions: str) -> None:
    """Filter every patch of a stack into another."""
    source: Any = zarr.open_group(patches, mode="r")
    target: Any = zarr.open_group(predictions, mode="r+")
    for row, index in enumerate(source["index"][:]):
        patch = source["tiles"][row].astype("float32")  # C Y X
        target["tiles"][row] = gaussian_filter(patch, sigma=(0, 3, 3))
        target["index"][row] = index  # from now on this tile counts as there


if __name__ == "__main__":
    main(*sys.argv[1:])
