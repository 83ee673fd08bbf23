"""Is what was stitched the same as filtering the whole image at once? Run as: python compare.py IMAGE STITCHED."""

import sys

import numpy as np
from scipy.ndimage import gaussian_filter

import patchplan


def main(image: str, stitched: str) -> None:
    """Compare every pixel, and leave with exit code 1 if one differs."""
    whole = patchplan.open_image(image)
    pixels = whole.read(0, (0, 0), whole.data_shape[2:]).astype("float32")  # C Y X
    expected = gaussian_filter(pixels, sigma=(0, 3, 3))
    found = patchplan.open_image(stitched).read(0, (0, 0), whole.data_shape[2:])
    n_different = np.count_nonzero(found != expected)
    sys.stdout.write(f"{found.size:,} pixels compared, {n_different:,} differ\n")
    sys.exit(1 if n_different else 0)


if __name__ == "__main__":
    main(*sys.argv[1:])
