"""Polygons from GeoJSON in pixel coordinates x, y, as QuPath and others export annotations."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np

from patchplan.core.cells import FloatArray
from patchplan.images.boundary import RefusedError, naming
from patchplan.images.paths import check_regular
from patchplan.objects import Location, ObjectPath
from patchplan.patching.problems import found
from patchplan.sampling.regions.outlines import Outline

MAX_BYTES = 1 << 28
"""Bytes of a file: parsed, it needs about ten times as many."""

MAX_COORDINATE = 2.0**53
"""Beyond, floats cannot tell pixels apart."""

NO_AREA = ("Point", "MultiPoint", "LineString", "MultiLineString")


@dataclass
class Annotations:
    """What a file holds: its polygons, the classes of all of them, and what it has without an area."""

    outlines: list[Outline] = field(default_factory=list)
    classes: Counter[str] = field(default_factory=Counter)
    without_area: int = 0


def read_geojson(path: Location, classification: tuple[str, ...] | None = None) -> Annotations:
    """Read the polygons of a file: a FeatureCollection, a Feature, a list of features, or a geometry.

    Parameters
    ----------
    path : Location
    classification : tuple of str, optional
        Only features of these classes.

    Raises
    ------
    ImageError
        If the file cannot be read, is no GeoJSON, or has a broken polygon; names the file and the feature.
    """
    with naming(path, "cannot be read"):
        annotations = Annotations()
        for place, feature in _features(_parsed(path)):
            try:
                _add(annotations, feature, classification)
            except RefusedError as error:
                raise RefusedError(f"{place}: {error}" if place else str(error)) from None
    return annotations


def _read(path: Location) -> bytes:
    if isinstance(path, ObjectPath):
        n_bytes = path.stat().size
    else:
        status = path.stat()
        check_regular(status)
        n_bytes = status.st_size
    if n_bytes > MAX_BYTES:
        raise RefusedError(f"has {n_bytes:,} bytes; allowed are GeoJSON files of up to {MAX_BYTES:,}")
    return path.read_bytes()


def _parsed(path: Location) -> Any:
    text = _read(path)
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise RefusedError("is nested too deeply for GeoJSON") from None
    except ValueError as error:
        raise RefusedError(f"is no JSON: {error}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise RefusedError(f"found {name}; allowed: finite numbers")


def _features(document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each feature and where it stands; a bare geometry as a feature of its own."""
    if isinstance(document, dict) and document.get("type") == "FeatureCollection":
        document = document.get("features")
    if isinstance(document, dict):
        is_feature = document.get("type") == "Feature"
        yield "", document if is_feature else {"geometry": document}
        return
    if not isinstance(document, list):
        raise RefusedError(f"found {found(document)}; allowed: GeoJSON features or geometries")
    for number, feature in enumerate(document):
        place = f"feature {number}"
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            raise RefusedError(f"{place}: found {found(feature)}; allowed: an object of type Feature")
        yield place, feature


def _add(annotations: Annotations, feature: dict[str, Any], wanted: tuple[str, ...] | None) -> None:
    """Add the polygons of a feature, which may have none."""
    geometry = feature.get("geometry")
    if geometry is None:
        return
    name = _class_of(feature)
    z, t = _plane(geometry)
    polygons = list(_polygons(geometry))
    if not polygons:
        annotations.without_area += 1
        return
    annotations.classes[name] += 1
    if wanted is None or name in wanted:
        for polygon in polygons:
            if not isinstance(polygon, list) or not polygon:
                raise RefusedError(f"found polygon {found(polygon)}; allowed: a list of rings")
            annotations.outlines.append(Outline(tuple(map(_ring, polygon)), z, t))


def _polygons(geometry: Any) -> Iterator[Any]:
    """Yield the coordinates of each polygon."""
    kind = geometry.get("type") if isinstance(geometry, dict) else None
    if kind in NO_AREA:
        return
    if kind not in ("Polygon", "MultiPolygon"):
        raise RefusedError(f"found geometry {found(kind)}; allowed: Polygon and MultiPolygon")
    coordinates = geometry.get("coordinates")
    if not isinstance(coordinates, list):
        raise RefusedError(f"found coordinates {found(coordinates)}; allowed: a list")
    yield from coordinates if kind == "MultiPolygon" else [coordinates]


def _ring(points: Any) -> FloatArray:
    """Return a ring as (k, 2) in Y X order; closed or not, its first point is not repeated."""
    try:
        ring = np.asarray(points)
    except ValueError:
        ring = np.empty(0)
    if ring.ndim != 2 or ring.shape[1] < 2 or ring.dtype.kind not in "iuf":
        raise RefusedError(f"found ring {found(points)}; allowed: a list of points [x, y]")
    ring = ring[:, 1::-1].astype(np.float64)
    if not (np.abs(ring) <= MAX_COORDINATE).all():
        raise RefusedError("found coordinates that are infinite or beyond 2**53; allowed: pixels")
    if len(ring) > 1 and (ring[0] == ring[-1]).all():
        ring = ring[:-1]
    if len(ring) < 3:
        raise RefusedError(f"found a ring of {len(ring)} points; allowed are at least 3")
    return ring


def _class_of(feature: dict[str, Any]) -> str:
    """Return the class that QuPath gave a feature; empty where it has none."""
    properties = feature.get("properties")
    given = properties.get("classification") if isinstance(properties, dict) else None
    if isinstance(given, dict):
        names = given.get("names")
        given = ": ".join(map(str, names)) if isinstance(names, list) else given.get("name")
    return given if isinstance(given, str) else ""


def _plane(geometry: Any) -> tuple[tuple[int, int] | None, int | None]:
    """Return the Z slice, as a range, and the time point of QuPath's plane, where it is given."""
    plane = geometry.get("plane") if isinstance(geometry, dict) else None
    if plane is None:
        return None, None
    if not isinstance(plane, dict) or any(type(plane.get(key, 0)) is not int for key in "zt"):
        raise RefusedError(f"found plane {found(plane)}; allowed: whole numbers z and t")
    z, t = plane.get("z", -1), plane.get("t", -1)
    return ((z, z + 1) if z >= 0 else None), (t if t >= 0 else None)
