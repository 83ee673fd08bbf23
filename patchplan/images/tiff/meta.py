"""What tifffile does not settle for us: true pyramid levels, pixel size, the bytes to fingerprint."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPage, TiffPageSeries

_MICROMETRE = {"µm", "μm", "um", "micron", "microns", "\\u00b5m", "micrometer", "micrometre"}
_RESOLUTION_UNITS = {2: 25400.0, 3: 10000.0}
"""Micrometres in a unit of the tag ResolutionUnit: inch and centimetre."""

_SANE = (1e-4, 1e4)
"""Micrometres per pixel that are believed of a bare resolution tag."""

_SCREEN_DPI = frozenset({72.0, 75.0, 96.0, 100.0, 150.0, 200.0, 300.0, 600.0})
"""Resolutions in dots per inch that programs write for print and screen, not for measurement."""

Size = tuple[tuple[float, ...] | None, str | None]


def true_levels(series: "TiffPageSeries") -> "list[TiffPageSeries]":
    """Return level 0 and those levels that are downscales of it (labels and thumbnails are not)."""
    return [series.levels[0], *(one for one in series.levels[1:] if is_downscale(series, one))]


def is_downscale(base: "TiffPageSeries", level: "TiffPageSeries") -> bool:
    """Return whether a level is the base by one factor for Y and X, up to rounding by a pixel."""
    if level.axes != base.axes or level.dtype != base.dtype or 0 in level.shape:
        return False
    factors = []
    for letter, big, small in zip(base.axes, base.shape, level.shape, strict=True):
        if letter in "YX":
            factors.append((big / (small + 1), big / (small - 1) if small > 1 else math.inf))
        if small > big or (letter not in "ZYX" and small != big):
            return False
    low, high = max(f[0] for f in factors), min(f[1] for f in factors)
    return bool(low <= high and level.shape != base.shape)


def metadata_bytes(tif: "TiffFile") -> Iterator[bytes]:
    """Yield bytes of the first page that tell the file from others: its tags, text, and where its pixels lie.

    They are bytes of the file and plain numbers, so they do not depend on the version of tifffile.
    """
    page, file = tif.pages.first, tif.filehandle
    file.seek(page.offset)
    number = file.read(tif.tiff.tagnosize)
    yield number
    order = "little" if tif.byteorder == "<" else "big"
    yield file.read(int.from_bytes(number, order) * tif.tiff.tagsize)  # type: ignore[arg-type]
    yield page.description.encode("utf-8", "replace")
    yield repr((list(page.dataoffsets), list(page.databytecounts))).encode()


def pixel_size(tif: "TiffFile", number: int, level: "TiffPageSeries", axes: str) -> Size:
    """Return pixel size on the (Z)YX axes present and its unit, from OME, ImageJ or resolution tags."""
    series = tif.series[number]
    try:
        found, unit = _base_size(tif, number)
    except (ValueError, TypeError, KeyError):
        return None, None  # pixels can be read all the same
    if not found:
        return None, None
    sizes = []
    for letter in "ZYX":
        if letter not in axes:
            continue
        value = found.get(letter)
        if value is None or not (math.isfinite(value) and value > 0):
            return None, None
        place = axes.index(letter)
        sizes.append(value * (series.shape[place] / level.shape[place] if letter != "Z" else 1.0))
    return tuple(sizes), unit


def _base_size(tif: "TiffFile", number: int) -> tuple[dict[str, float], str | None]:
    """Return sizes by axis letter at full resolution."""
    series = tif.series[number]
    if tif.is_ome and series.kind == "ome":
        return _ome(tif, number)
    if tif.is_imagej:
        return _imagej(tif, series.keyframe)
    if series.kind == "svs":
        return _svs(series.keyframe)
    return _tags(series.keyframe)


def _ome(tif: "TiffFile", number: int) -> tuple[dict[str, float], str | None]:
    from xml.etree import ElementTree

    root = ElementTree.fromstring(tif.ome_metadata or "")  # noqa: S314 (expat limits entity expansion)
    pixels = [p for image in root if image.tag.endswith("}Image") or image.tag == "Image" for p in image]
    pixels = [p for p in pixels if p.tag.endswith("Pixels")]
    if number >= len(pixels):
        return {}, None
    attributes = pixels[number].attrib
    sizes = {a: float(attributes[f"PhysicalSize{a}"]) for a in "ZYX" if f"PhysicalSize{a}" in attributes}
    units = {attributes.get(f"PhysicalSize{a}Unit", "µm") for a in sizes}
    if len(units) > 1:
        return {}, None
    return sizes, _unit(units.pop()) if units else None


def _imagej(tif: "TiffFile", page: "TiffPage") -> tuple[dict[str, float], str | None]:
    metadata = tif.imagej_metadata or {}
    unit = metadata.get("unit")
    if not unit or str(unit) in ("pixel", "inch") or page.tags.get(282) is None:
        return {}, None
    sizes = {letter: _per_pixel(page, code) for letter, code in (("Y", 283), ("X", 282))}
    spacing = metadata.get("spacing")
    if spacing is not None:
        sizes["Z"] = abs(float(spacing))
    return {letter: value for letter, value in sizes.items() if value}, _unit(str(unit))


def _svs(page: "TiffPage") -> tuple[dict[str, float], str | None]:
    for item in str(page.description).split("|"):
        key, _, value = item.partition("=")
        if key.strip() == "MPP":
            return {"Y": float(value), "X": float(value)}, "micrometer"
    return _tags(page)


def _tags(page: "TiffPage") -> tuple[dict[str, float], str | None]:
    """Return the size of bare resolution tags where it can be one of a microscope or scanner."""
    scale = _RESOLUTION_UNITS.get(int(page.tags.valueof(296, 1)))
    if scale is None:
        return {}, None
    sizes = {letter: _per_pixel(page, code) for letter, code in (("Y", 283), ("X", 282))}
    if any(not value for value in sizes.values()):
        return {}, None
    found = {letter: value * scale for letter, value in sizes.items()}
    dpi = 25400.0 / found["X"]
    if any(not _SANE[0] < value < _SANE[1] for value in found.values()) or round(dpi, 3) in _SCREEN_DPI:
        return {}, None
    return found, "micrometer"


def _per_pixel(page: "TiffPage", code: int) -> float:
    """Return units per pixel of a resolution tag, 0 where it says nothing."""
    value = page.tags.valueof(code)
    if not isinstance(value, tuple) or len(value) != 2 or not value[0] or not value[1]:
        return 0.0
    return float(value[1] / value[0])


def _unit(text: str) -> str:
    return "micrometer" if text.strip().lower() in _MICROMETRE else text.strip()
