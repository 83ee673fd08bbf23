"""Morton order: what is near in space is near in the order."""

import numpy as np
from numpy.typing import NDArray

from patchplan.core.specs import IntArray

CODE_BITS = 63


def morton(cells: IntArray) -> NDArray[np.uint64]:
    """Return the Morton code of each cell: the bits of its coordinates by turns, highest first.

    Parameters
    ----------
    cells : IntArray
        Shape (n, ndim), none negative. Bits that the code has no room for (coordinates of more than 31 bits
        in 2-D, 21 in 3-D) are left out, the lowest first, for all axes alike.

    Examples
    --------
    >>> morton(np.array([[0, 0], [0, 1], [1, 0], [1, 1], [0, 2]])).tolist()
    [0, 1, 2, 3, 4]
    """
    n, ndim = cells.shape
    bits = int(cells.max(initial=0)).bit_length()
    lowest = max(0, bits - CODE_BITS // ndim)
    code: NDArray[np.uint64] = np.zeros(n, np.uint64)
    for bit in range(bits - 1, lowest - 1, -1):
        for axis in range(ndim):
            code = (code << np.uint64(1)) | ((cells[:, axis] >> bit) & 1).astype(np.uint64)
    return code
