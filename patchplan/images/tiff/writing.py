"""A small OME-TIFF in one go: maps that are looked at beside the image that they are of."""

import uuid
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def write_ome_tiff(
    path: Path,
    pixels: NDArray[Any],
    *,
    name: str,
    channels: Sequence[str],
    pixel_size: Mapping[str, float],
    origin: Mapping[str, float],
    unit: str,
) -> None:
    """Write T C Z Y X pixels; the same arguments give the same bytes.

    Parameters
    ----------
    path : Path
    pixels : NDArray
        T C Z Y X.
    name : str
        What the image is called.
    channels : sequence of str
        Names of the channels.
    pixel_size, origin : mapping of str to float
        Of Z, Y and X, as far as known: size of a pixel, and where the first begins.
    unit : str
        Their unit, a symbol of OME.
    """
    import tifffile

    n_planes = int(np.prod(pixels.shape[:3]))
    metadata: dict[str, Any] = {
        "axes": "TCZYX",
        "Name": name,
        "Creator": f"patchplan {version('patchplan')}",
        "UUID": str(uuid.uuid5(uuid.NAMESPACE_OID, name)),
        "Channel": {"Name": list(channels)},
        "Plane": {},
    }
    for letter, size in pixel_size.items():
        metadata |= {f"PhysicalSize{letter}": size, f"PhysicalSize{letter}Unit": unit}
    for letter, place in origin.items():
        metadata["Plane"] |= {f"Position{letter}": [place] * n_planes, f"Position{letter}Unit": [unit] * n_planes}
    with tifffile.TiffWriter(path, byteorder="<", ome=True) as file:
        file.write(pixels, photometric="minisblack", compression="zlib", metadata=metadata)
