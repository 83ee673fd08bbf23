"""OME-Zarr metadata of an image, checked by yaozarrs' models."""

from collections.abc import Sequence
from typing import Any

from patchplan.objects import Location
from patchplan.stitching.canvases.arrays import write_json
from patchplan.stitching.canvases.levels import Level
from patchplan.stitching.canvases.options import CanvasOptions
from patchplan.stitching.canvases.units import ngff_name
from patchplan.stitching.frame import Frame

_TYPES = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}


def write_root(folder: Location, frame: Frame, levels: Sequence[Level], *, options: CanvasOptions, mean: bool) -> None:
    """Write the documents of the group, by which a store becomes an image; `mean` says what further levels are."""
    ngff, about = options.ngff, {"patchplan": {"uuid": str(options.uuid)}}
    multiscale = {
        "name": frame.name,
        "axes": [_axis(frame, letter) for letter in frame.axes],
        "datasets": [_dataset(frame, number, level) for number, level in enumerate(levels)],
        "type": "mean" if mean else "nearest",
    }
    _check(multiscale, ngff)
    if ngff == "0.4":
        write_json(folder / ".zattrs", {"multiscales": [multiscale | {"version": "0.4"}], **about})
        write_json(folder / ".zgroup", {"zarr_format": 2})
    else:
        attributes = {"ome": {"version": "0.5", "multiscales": [multiscale]}, **about}
        write_json(folder / "zarr.json", {"zarr_format": 3, "node_type": "group", "attributes": attributes})


def _check(multiscale: dict[str, Any], ngff: str) -> None:
    """Hold metadata against its model, but for units, of which it would warn where they are none of NGFF's."""
    from yaozarrs import v04, v05

    axes = [{key: value for key, value in axis.items() if key != "unit"} for axis in multiscale["axes"]]
    (v04 if ngff == "0.4" else v05).Image.model_validate({"multiscales": [multiscale | {"axes": axes}]})


def _axis(frame: Frame, letter: str) -> dict[str, str]:
    axis = {"name": letter.lower(), "type": _TYPES[letter]}
    if axis["type"] == "space" and frame.pixel_size is not None and frame.pixel_unit is not None:
        axis["unit"] = str(ngff_name(frame.pixel_unit))
    return axis


def _dataset(frame: Frame, number: int, level: Level) -> dict[str, Any]:
    size = [frame.size_of(letter) or 1.0 for letter in frame.axes]
    transforms: list[dict[str, Any]] = [
        {"type": "scale", "scale": [s * f for s, f in zip(size, level.factors, strict=True)]}
    ]
    if number:
        # origins are centres of pixels, and one that stands for a box of pixels lies in the middle of it
        shift = [s * (f - 1) / 2 for s, f in zip(size, level.factors, strict=True)]
        transforms.append({"type": "translation", "translation": shift})
    return {"path": str(number), "coordinateTransformations": transforms}
