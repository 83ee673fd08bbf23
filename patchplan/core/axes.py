"""Axis letters of data shapes: S (samples) and C (channels) before the spatial axes (Z)YX."""

SPATIAL = "ZYX"
"""The letters of all spatial axes, in the order of coordinates."""


def spatial_axes(ndim: int) -> str:
    """Return the letters of `ndim` spatial axes.

    Examples
    --------
    >>> spatial_axes(2)
    'YX'
    """
    return SPATIAL[-ndim:]
