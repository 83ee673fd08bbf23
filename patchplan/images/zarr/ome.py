"""OME-Zarr metadata 0.1 to 0.5: versions and names are read leniently, axes and paths strictly.

yaozarrs says whether 0.4 and 0.5 metadata conform; what does not conform but can be read gets a note.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from patchplan.images.boundary import RefusedError, one_line
from patchplan.images.zarr.store import Node

SUPPORTED = ("0.1", "0.2", "0.3", "0.4", "0.5")
_UNNAMED = "TCZYX"
"""Axes of NGFF 0.1 and 0.2, which does not name them."""

_WORDS = {
    "channel": "C", "channels": "C", "time": "T", "depth": "Z", "plane": "Z", "height": "Y", "row": "Y",
    "width": "X", "col": "X", "column": "X",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Multiscale:
    """What the metadata of one image says."""

    version: str
    axes: str | None
    paths: tuple[str, ...]
    scales: tuple[tuple[float, ...] | None, ...]
    unit: str | None
    notes: tuple[str, ...]


def ome_attributes(node: Node) -> dict[str, Any]:
    """Return OME metadata, whether under the key `ome` (0.5) or at the top (0.4 and before)."""
    inner = node.attributes.get("ome")
    return inner if isinstance(inner, dict) else node.attributes


def version_of(attributes: dict[str, Any]) -> str | None:
    """Return the version that metadata claims, or refuse one that we do not know."""
    claims = [attributes.get("version")]
    for key in ("multiscales", "plate", "well"):
        value = attributes.get(key)
        first = value[0] if isinstance(value, list) and value else value
        claims.append(first.get("version") if isinstance(first, dict) else None)
    claim = next((str(c) for c in claims if c is not None), None)
    if claim is not None and ".".join(claim.split("-")[0].split(".")[:2]) not in SUPPORTED:
        raise RefusedError(f"OME-Zarr version {one_line(claim)} is unsupported; supported are {', '.join(SUPPORTED)}")
    return claim


def parse_multiscale(node: Node) -> Multiscale:
    """Return the first image that the metadata of a group describes, or refuse."""
    attributes = ome_attributes(node)
    claim = version_of(attributes)
    entries = attributes["multiscales"]
    if not isinstance(entries, list) or not entries or not isinstance(entries[0], dict):
        raise RefusedError("multiscales must be a list with an image")
    entry = entries[0]
    datasets = entry.get("datasets")
    if not isinstance(datasets, list) or not datasets or not all(isinstance(d, dict) for d in datasets):
        raise RefusedError("multiscales must list datasets with paths")
    axes, units = parse_axes(entry.get("axes"))
    version = claim or ("0.4" if axes else "0.1")
    scales = tuple(_scale(entry, dataset, axes) for dataset in datasets)
    notes = [] if len(entries) == 1 else [f"the first of {len(entries)} multiscales is read"]
    notes += _version_notes(node, version, claim) + _conformance(entry, version)
    return Multiscale(version, axes, tuple(d.get("path", "") for d in datasets), scales, _unit(units), tuple(notes))


def parse_axes(axes: object) -> tuple[str | None, dict[str, str]]:
    """Return our letter per axis and units of spatial axes; None for metadata that names no axes."""
    if axes is None:
        return None, {}
    if not isinstance(axes, list) or not axes:
        raise RefusedError(f"axes must be a list, found {one_line(repr(axes))}")
    entries = [one if isinstance(one, dict) else {"name": one} for one in axes]
    names = [str(one.get("name") or "") for one in entries]
    if not all(names):
        raise RefusedError(f"axes must have names, found {one_line(repr(axes))}")
    if len(set(names)) != len(names):
        raise RefusedError(f"axes {', '.join(names)} name one twice")
    letters = [_letter(name, one.get("type")) for name, one in zip(names, entries, strict=True)]
    twice = sorted({letter for letter in letters if letter in "TCZYX" and letters.count(letter) > 1})
    if twice:
        raise RefusedError(f"axes {', '.join(names)} have {' and '.join(twice)} twice")
    units = {a: str(one["unit"]) for a, one in zip(letters, entries, strict=True) if a in "ZYX" and one.get("unit")}
    return "".join(letters), units


def _letter(name: str, kind: object = None) -> str:
    """Return our letter: by type for channels and time, else by name in any case."""
    if kind in ("channel", "time"):
        return "C" if kind == "channel" else "T"
    letter = name.upper() if len(name) == 1 else _WORDS.get(name.lower(), "Q")
    if not "A" <= letter <= "Z":
        return "Q"
    return letter if kind in (None, "space") or letter not in "TCZYX" else "Q"


def dimension_axes(names: Sequence[object] | None) -> str | None:
    """Return our letters for the dimension names of an array, None where it has none."""
    if not names or not all(isinstance(name, str) and name for name in names):
        return None
    letters = [_letter(str(name)) for name in names]
    if any(letters.count(letter) > 1 for letter in "TCZYX"):
        raise RefusedError(f"dimension_names {one_line(', '.join(map(str, names)))} name an axis twice")
    return "".join(letters)


def _scale(entry: dict[str, Any], dataset: dict[str, Any], axes: str | None) -> tuple[float, ...] | None:
    """Return the pixel size per axis: the scale of the dataset times that of the whole image."""
    if axes is None:
        return None
    total = [1.0] * len(axes)
    found = False
    for transforms in (dataset.get("coordinateTransformations"), entry.get("coordinateTransformations")):
        for one in transforms if isinstance(transforms, list) else ():
            scale = one.get("scale") if isinstance(one, dict) and one.get("type") == "scale" else None
            if isinstance(scale, list) and len(scale) == len(axes) and all(_is_number(s) for s in scale):
                total = [a * float(b) for a, b in zip(total, scale, strict=True)]
                found = True
    spatial = [value for value, letter in zip(total, axes, strict=True) if letter in "ZYX"]
    return tuple(total) if found and all(math.isfinite(v) and v > 0 for v in spatial) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _unit(units: dict[str, str]) -> str | None:
    """Return the unit of the spatial axes, where they agree."""
    return next(iter(units.values())) if len(set(units.values())) == 1 else None


def _version_notes(node: Node, version: str, claim: str | None) -> list[str]:
    if claim is None:
        return [f"OME-Zarr metadata without a version, read as {version}"]
    if (node.version == 2) == (version >= "0.5"):
        return [f"OME-Zarr metadata claims version {claim} in a Zarr v{node.version} store"]
    return []


def _conformance(entry: dict[str, Any], version: str) -> list[str]:
    """Return a note if the metadata of an image does not conform to its version."""
    if version[:3] not in ("0.4", "0.5"):
        return []
    from pydantic import ValidationError
    from yaozarrs import v04, v05

    model = v04.Multiscale if version.startswith("0.4") else v05.Multiscale
    try:
        model.model_validate(_bare(entry))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "multiscales"
        return [f"OME-Zarr metadata does not conform to {version}: {place}: {one_line(first['msg'])}"]
    return []


def _bare(entry: dict[str, Any]) -> dict[str, Any]:
    """Return an image's metadata without units and uncommon paths, of which yaozarrs would only warn."""
    axes, datasets = entry.get("axes"), entry["datasets"]
    return {
        "axes": [{k: v for k, v in a.items() if k != "unit"} if isinstance(a, dict) else a for a in axes]
        if isinstance(axes, list)
        else axes,
        "datasets": [{**dataset, "path": str(i)} for i, dataset in enumerate(datasets)],
        **{k: v for k, v in entry.items() if k == "coordinateTransformations"},
    }
