"""Which canvas a kind of output is."""

from pathlib import Path

from patchplan.objects import Location
from patchplan.publish import Ours, zarr_files
from patchplan.stitching.canvases.grid import chunks_and_shards
from patchplan.stitching.canvases.memory import MemoryCanvas
from patchplan.stitching.canvases.npy import NpyCanvas
from patchplan.stitching.canvases.ome_tiff import OmeTiffCanvas, scratch_of
from patchplan.stitching.canvases.ome_tiff import block_of as tiff_block
from patchplan.stitching.canvases.ome_zarr import OmeZarrCanvas
from patchplan.stitching.canvases.options import CanvasOptions, check_options
from patchplan.stitching.canvases.protocol import Canvas
from patchplan.stitching.frame import Frame, OutputKind
from patchplan.stitching.words import OutputFormat


def files_of(kind: OutputFormat, output: str = "") -> Ours:
    """Return which files of a published folder belong to an output, or to what a killed run left of it.

    `output` is its path in that folder, with `/`; empty where it is the folder itself.
    """
    if kind == "npy":
        return lambda name: name == output
    if kind == "ome-zarr":
        start, files = f"{output}/" if output else "", zarr_files(r"\d+")
    else:
        start, files = f"{scratch_of(Path(output)).as_posix()}/", zarr_files(r"\d+")
    return lambda name: name == output or (name.startswith(start) and files(name.removeprefix(start)))


def block_of(kind: OutputKind, frame: Frame, options: CanvasOptions) -> tuple[int, ...]:
    """Return the pixels in (Z)YX of a block of an output that is stored in pieces."""
    if kind == "ome-tiff":
        return tiff_block(frame, options)
    chunks, shards = chunks_and_shards(frame, options)
    return shards or chunks


def open_canvas(kind: OutputKind, path: Location | None, frame: Frame, options: CanvasOptions, threads: int) -> Canvas:
    """Begin an output.

    Parameters
    ----------
    kind : "memory", "npy", "ome-zarr" or "ome-tiff"
        What it is.
    path : Location or None
        Where it grows: an empty folder for OME-Zarr; a file that does not exist yet, in a folder where
        scratch data may be kept beside it, for .npy and OME-TIFF; nothing in memory.
    frame : Frame
        Its axes, shape, dtype and pixel size.
    options : CanvasOptions
        How it is stored.
    threads : int
        Threads that encode and downsample, at most.

    Raises
    ------
    ConfigError
        For options that do not go together; nothing is written then.
    """
    check_options(kind, frame, options)
    if kind == "memory" or path is None:
        return MemoryCanvas(frame)
    if kind == "ome-zarr":
        return OmeZarrCanvas(path, frame, options, threads)
    assert isinstance(path, Path)  # noqa: S101 - files are uploaded when they are whole
    return NpyCanvas(path, frame) if kind == "npy" else OmeTiffCanvas(path, frame, options, threads)
