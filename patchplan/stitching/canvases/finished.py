"""Whether an output that is there is what a plan and options give, as far as it tells."""

import json
import re

from patchplan.objects import Location, ObjectPath
from patchplan.stitching.canvases.options import CanvasOptions
from patchplan.stitching.frame import OutputKind


def is_finished(kind: OutputKind, path: Location, options: CanvasOptions) -> bool:
    """Tell by an output's UUID; a .npy file has none and never counts. No pixel is read."""
    try:
        if kind == "ome-tiff":
            return _tiff_uuid(path) == str(options.uuid)
        if kind != "ome-zarr":
            return False
        name = ".zattrs" if options.ngff == "0.4" else "zarr.json"
        document = json.loads((path / name).read_bytes())
        attributes = document if options.ngff == "0.4" else document["attributes"]
        return bool(attributes["patchplan"]["uuid"] == str(options.uuid))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def is_image(path: ObjectPath) -> bool:
    """Tell whether a Zarr group is complete, as far as it tells: its attributes are written last."""
    return any((path / name).is_file() for name in ("zarr.json", ".zattrs"))


def _tiff_uuid(path: Location) -> str | None:
    """Return the UUID of an OME-TIFF."""
    import tifffile

    with path.open("rb") as opened, tifffile.TiffFile(opened) as file:
        found = re.search(r"UUID=\"urn:uuid:([0-9a-f-]+)\"", file.ome_metadata or "")
    return found[1] if found else None
