"""Outputs: an image in memory, a .npy file, OME-Zarr, OME-TIFF. Each is filled block by block, each pixel once."""

from patchplan.stitching.canvases.opening import files_of, open_canvas
from patchplan.stitching.canvases.options import CanvasOptions, check_options
from patchplan.stitching.canvases.protocol import Canvas

__all__ = ["Canvas", "CanvasOptions", "check_options", "files_of", "open_canvas"]
