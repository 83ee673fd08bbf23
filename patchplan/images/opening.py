"""Open one file or store: find its format, describe it, settle its axes."""

import os
from dataclasses import replace
from pathlib import Path

from patchplan.errors import ImageError
from patchplan.images.boundary import RefusedError, naming
from patchplan.images.info import ImageInfo, Options
from patchplan.images.layout import resolve
from patchplan.images.paths import file_kind
from patchplan.images.reading import Described
from patchplan.images.source import ImageSource

_TAKES: dict[str, frozenset[str]] = {
    "tiff": frozenset({"series", "level"}),
    "zarr": frozenset({"array", "level"}),
}


def open_image(
    uri: str | os.PathLike[str],
    *,
    axes: str | None = None,
    series: int | None = None,
    level: int | None = None,
    array: str | None = None,
    z_as_samples: bool = False,
    ndim: int | None = None,
) -> ImageSource:
    """Open one image without reading its pixels.

    Parameters
    ----------
    uri : path
        TIFF, Zarr, `.npy`, PNG or JPEG.
    axes : str, optional
        A letter per axis in file order, instead of what the file says.
    series, level : int, optional
        TIFF series, and pyramid level; 0 by default.
    array : str, optional
        Path of a Zarr array inside `uri`.
    z_as_samples : bool
        Count Z among the samples.
    ndim : int, optional
        2 or 3 spatial axes, see `ImageSource.with_ndim`.

    Raises
    ------
    ImageError
        If it cannot be read, is no image, or is a collection of images.
    """
    options = Options(axes, series, level, array, z_as_samples)
    found = describe(uri, options)
    if len(found) > 1 or found[0].member:
        names = ", ".join(one.info.uri if one.info.uri != str(uri) else str(one.info.array) for one in found[:10])
        more = f" and {len(found) - 10} more" if len(found) > 10 else ""
        raise ImageError(f"{uri}: is a collection of {len(found)} images; open one of {names}{more}")
    return settle(found[0], options, ndim)


def open_images(
    uri: str | os.PathLike[str],
    *,
    axes: str | None = None,
    series: int | None = None,
    level: int | None = None,
    array: str | None = None,
    z_as_samples: bool = False,
    ndim: int | None = None,
) -> list[ImageSource]:
    """Open an image, or all images of a plate, well, bioformats2raw collection or labels group.

    Parameters and errors as for `open_image`.
    """
    options = Options(axes, series, level, array, z_as_samples)
    return [settle(one, options, ndim) for one in describe(uri, options)]


def reopen(
    info: ImageInfo,
    uri: str | os.PathLike[str] | None = None,
    *,
    z_as_samples: bool = False,
    ndim: int | None = None,
) -> ImageSource:
    """Open an image that was recorded, for example in a plan's header, where it is now.

    The fingerprint is not compared: other metadata with the same axes, shape and dtype may do.

    Raises
    ------
    ImageError
        If it cannot be opened, or has other axes, another shape or dtype.
    """
    where = info.uri if uri is None else uri
    given = info.axes if info.axes.count("C") < 2 else None  # C and colour samples cannot be said with --axes
    plain = Options(None, info.series, info.level, info.array, z_as_samples)
    try:
        found = describe(where, plain)
    except ImageError:
        found = []
    if given is not None and (not found or found[0].info.axes != given):
        found = describe(where, replace(plain, axes=given))
    source = settle(found[0], plain, ndim) if found else open_image(where)
    now = (source.axes, source.shape, source.info.dtype)
    if now != (info.axes, info.shape, info.dtype):
        recorded = f"{info.axes} {info.shape} {info.dtype}"
        raise ImageError(f"{where}: is {now[0]} {now[1]} {now[2]}, recorded was {recorded}")
    return source


def describe(uri: str | os.PathLike[str], options: Options) -> list[Described]:
    """Return what a file or store holds."""
    path = Path(uri)
    with naming(uri):
        kind = file_kind(path)
        for name in ("series", "level", "array"):
            value = getattr(options, name)
            if value is not None and name not in _TAKES.get(kind, ()) and not (name != "array" and value == 0):
                raise RefusedError(f"--{name} {value} does not apply to {kind}")
        return _examine(kind, path, options)


def _examine(kind: str, path: Path, options: Options) -> list[Described]:
    """Ask the module of this format; each loads its library only now."""
    if kind == "tiff":
        from patchplan.images.tiff import examine as tiff

        return tiff.examine(path, options)
    if kind == "zarr":
        from patchplan.images.zarr import examine as zarr

        return zarr.examine(path, options)
    if kind == "npy":
        from patchplan.images import npy

        return npy.examine(path, options)
    from patchplan.images import raster

    return raster.examine(path, kind, options)


def settle(described: Described, options: Options, ndim: int | None = None) -> ImageSource:
    """Return the source, its axes sorted into samples, channels and space."""
    info = described.info
    with naming(info.uri):
        layout = resolve(info.axes, info.shape, ndim=ndim, z_as_samples=options.z_as_samples)
    return ImageSource(described, layout, options.z_as_samples)
