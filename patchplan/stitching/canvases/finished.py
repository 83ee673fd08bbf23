"""Whether an output that is there is what a plan and options give, as far as its metadata tell."""

import json
from pathlib import Path

from patchplan.stitching.canvases.npy import header_of, is_begun
from patchplan.stitching.canvases.options import CanvasOptions
from patchplan.stitching.frame import Frame, OutputKind


def is_finished(kind: OutputKind, path: Path, frame: Frame, options: CanvasOptions) -> bool:
    """Tell by its UUID, or for .npy by shape and dtype; no pixel is read."""
    try:
        if kind == "npy":
            return is_begun(path) and path.open("rb").read(len(header_of(frame))) == header_of(frame)
        if kind == "ome-tiff":
            return _tiff_uuid(path) == str(options.uuid)
        name = ".zattrs" if options.ngff == "0.4" else "zarr.json"
        document = json.loads((path / name).read_bytes())
        attributes = document if options.ngff == "0.4" else document["attributes"]
        return bool(attributes["patchplan"]["uuid"] == str(options.uuid))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _tiff_uuid(path: Path) -> str | None:
    """Return the UUID of an OME-TIFF."""
    import re

    import tifffile

    with tifffile.TiffFile(path) as file:
        found = re.search(r"UUID=\"urn:uuid:([0-9a-f-]+)\"", file.ome_metadata or "")
    return found[1] if found else None
