"""TIFF and its dialects, through tifffile: what a file holds."""

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from patchplan.images.boundary import RefusedError, one_line
from patchplan.images.info import ImageInfo, Options
from patchplan.images.layout import parse_override, sample_notes
from patchplan.images.paths import Seen, Stamp, absolute, fingerprint, look
from patchplan.images.reading import Described, Examined
from patchplan.images.tiff.claims import open_tiff, several_files
from patchplan.images.tiff.geometry import Geometry
from patchplan.images.tiff.meta import metadata_bytes, pixel_size, true_levels
from patchplan.images.tiff.reader import TiffRecipe
from patchplan.objects import Location, ObjectPath

if TYPE_CHECKING:
    from tifffile import TiffFile, TiffPageSeries


def examine(seen: Seen, options: Options) -> Examined:
    """Return one series of the file, the first by default."""
    with open_tiff(seen) as tif:
        master = _master(seen.path, tif)
        if master is not None:
            return examine(look(master), options)
        number = _choose(options.series, "series", [series.shape for series in tif.series])
        return [_describe(seen, tif, number, options)]


def _choose(asked: int | None, what: str, shapes: list[tuple[int, ...]]) -> int:
    """Return the number asked for, 0 by default, or refuse."""
    n = len(shapes)
    if not n:
        raise RefusedError("holds no image")
    number = 0 if asked is None else asked
    if not 0 <= number < n:
        there = ", ".join(f"{i} {shape}" for i, shape in enumerate(shapes[:10]))
        raise RefusedError(f"has no {what} {number}; allowed are 0 to {n - 1}: {there}")
    return number


def _describe(seen: Seen, tif: "TiffFile", number: int, options: Options) -> Described:
    series = tif.series[number]
    levels = true_levels(series)
    shapes = [tuple(int(n) for n in one.shape) for one in levels]
    level = _choose(options.level, "level", shapes)
    chosen, shape = levels[level], shapes[level]
    found = "".join("C" if letter == "S" else letter for letter in chosen.axes.upper())
    axes = found if options.axes is None else parse_override(options.axes, shape, found)
    dtype: np.dtype[Any] | None = chosen.dtype
    if dtype is None or dtype.kind not in "biufc":
        raise RefusedError(f"pixels of type {dtype} are not supported")
    files, path = _files(seen, chosen), str(seen.path)
    size, unit = pixel_size(tif, number, chosen, axes)
    info = ImageInfo(
        uri=path,
        kind="tiff",
        series=number,
        level=level,
        array=None,
        axes=axes,
        shape=shape,
        dtype=dtype.newbyteorder("=").name,
        chunks=_chunks(chosen, shape),
        shards=None,
        pixel_size=size,
        pixel_unit=unit,
        fingerprint=fingerprint([str(seen.size).encode(), *metadata_bytes(tif)]),
        levels=tuple(shapes),
        notes=(*_notes(tif, chosen, number), *sample_notes(axes, options.axes is not None)),
    )
    recipe = TiffRecipe(absolute(seen.path), number, level, shape, info.dtype, _stamps(seen, files))
    return Described(info, recipe, (tuple(sorted(file.same_file for file in files)), number, level))


def _chunks(series: "TiffPageSeries", shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the tile or strip shape in file axis order."""
    if 0 in shape:
        return None
    return Geometry.of(series.keyframe, shape).chunks


def _files(seen: Seen, series: "TiffPageSeries") -> list[Seen]:
    """Return the files of a series, so that a set reached through another of its members is recognised."""
    if not series.is_multifile:
        return [seen]
    paths = {Path(page.parent.filehandle.path) for page in series._pages if page is not None}
    return list(map(look, sorted(paths)))


def _stamps(seen: Seen, files: list[Seen]) -> Stamp:
    """Return a stamp of a set of files that is new when one of them is rewritten, added or removed."""
    others = files if len(files) > 1 else []
    return tuple(itertools.chain(seen.stamp, *(file.stamp for file in others)))


def _notes(tif: "TiffFile", series: "TiffPageSeries", number: int) -> list[str]:
    notes = []
    if len(tif.series) > 1:
        others = ", ".join(f"{i} {s.axes} {s.shape}" for i, s in enumerate(tif.series[:10]) if i != number)
        notes.append(f"series {number} is read; others for --series: {others}")
    missing = sum(page is None for page in series._pages)
    if missing:
        notes.append(f"{missing} of {len(series._pages)} planes are missing and read as zeros")
    return [one_line(note, 500) for note in notes]


def _master(path: Location, tif: "TiffFile") -> Path | None:
    """Return the file that holds the metadata of a multi-file OME-TIFF of which this is a bare member."""
    if not tif.is_ome:
        return None
    text = tif.pages.first.description
    if "BinaryOnly" not in text:
        return None
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(text)  # noqa: S314 (expat limits entity expansion since 2.4.1)
    except ElementTree.ParseError:
        return None
    for element in root:
        name = element.attrib.get("MetadataFile", "")
        master = path.parent / Path(name).name
        if element.tag.endswith("BinaryOnly") and name.lower().endswith((".tif", ".tiff")) and master.is_file():
            if isinstance(path, ObjectPath) or isinstance(master, ObjectPath):
                raise several_files(name)
            return master if master.resolve() != path.resolve() else None
    return None
