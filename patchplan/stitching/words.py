"""Words that users write about stitching, as types. Imports nothing, so that --help is fast."""

from typing import Literal

Blend = Literal["crop", "average", "gaussian", "hann", "linear", "cosine", "max", "min"]
"""How tiles that overlap become one."""

OutputFormat = Literal["ome-zarr", "ome-tiff", "npy"]
"""What is written, where the output's suffix does not say."""

Ngff = Literal["0.4", "0.5"]
"""Versions of OME-Zarr: 0.4 is Zarr v2, 0.5 is Zarr v3."""
