"""Frames for tests: images that no plan was made of, and pixels written through them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from patchplan.images.layout import resolve
from patchplan.plans.header import ImageRecord
from patchplan.stitching.frame import Frame, OutputKind, make_frame

Image = tuple[str, tuple[int, ...], int, bool]
"""Axes, shape, number of spatial axes of the plan, whether Z planes are samples."""


def record(
    axes: str,
    shape: tuple[int, ...],
    ndim: int,
    *,
    z_as_samples: bool = False,
    dtype: str = "uint8",
    pixel_size: tuple[float, ...] | None = None,
    pixel_unit: str | None = None,
) -> ImageRecord:
    return ImageRecord(
        data_idx=0,
        uri="a.tif",
        kind="tiff",
        series=0,
        level=0,
        array=None,
        axes=axes,
        shape=shape,
        dtype=dtype,
        data_shape=resolve(axes, shape, ndim=ndim, z_as_samples=z_as_samples).data_shape,
        chunks=None,
        shards=None,
        pixel_size=pixel_size,
        pixel_unit=pixel_unit,
        fingerprint="",
        n_patches=1,
    )


def framed(
    image: Image,
    kind: OutputKind,
    *,
    n_channels: int | None = -1,
    dtype: str = "uint8",
    pixel_size: tuple[float, ...] | None = None,
    pixel_unit: str | None = None,
    name: str = "a",
) -> Frame:
    """Return the frame of an image; -1 channels are as many as it has."""
    axes, shape, ndim, z_as_samples = image
    layout = resolve(axes, shape, ndim=ndim, z_as_samples=z_as_samples)
    return make_frame(
        record(axes, shape, ndim, z_as_samples=z_as_samples, pixel_size=pixel_size, pixel_unit=pixel_unit),
        kind,
        ndim=ndim,
        z_as_samples=z_as_samples,
        n_channels=layout.n_channels if n_channels == -1 else n_channels,
        dtype=np.dtype(dtype),
        name=name,
    )


def image_of(frame: Frame, pixels: NDArray[Any], image: Image) -> NDArray[Any]:
    """Return pixels in file order as the output holds them."""
    axes, shape, ndim, z_as_samples = image
    layout = resolve(axes, shape, ndim=ndim, z_as_samples=z_as_samples)
    canvas = np.zeros(frame.shape, pixels.dtype)
    for sample_idx in range(frame.n_samples):
        (box,) = layout.boxes(sample_idx, [slice(0, n) for n in layout.data_shape[2:]], None)
        canvas[frame.box(sample_idx, [0] * ndim, frame.spatial)] = frame.to_output(layout.to_data(pixels[box]))
    return canvas
