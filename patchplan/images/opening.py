"""Open one file or store: find its format, describe it, settle its axes."""

from collections.abc import Iterator
from dataclasses import replace

from patchplan.errors import ImageError
from patchplan.images.boundary import RefusedError, naming
from patchplan.images.info import ImageInfo, Options
from patchplan.images.layout import resolve
from patchplan.images.paths import Seen, file_kind, look
from patchplan.images.reading import Described, Examined
from patchplan.images.source import ImageSource
from patchplan.objects import Uri, location

_TAKES: dict[str, frozenset[str]] = {
    "tiff": frozenset({"series", "level"}),
    "zarr": frozenset({"array", "level"}),
}

_BROKEN: dict[str, str] = {
    "tiff": "is broken or not a TIFF file",
    "zarr": "is broken or a Zarr store of a kind that is not supported",
    "npy": "is broken or not a .npy file",
    "png": "is broken or not a PNG file",
    "jpeg": "is broken or not a JPEG file",
}
"""What it means when the library for a format gives up."""


def open_image(
    uri: Uri,
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
    uri : path or URL
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
    if len(found) == 1 and isinstance(found[0], Described) and not found[0].member:
        return settle(found[0], options, ndim)
    raise _collection(uri, found)


def _collection(uri: Uri, found: Examined) -> ImageError:
    """Return the refusal of a collection where one image is asked for, naming its members."""
    whole = [one.info for one in found if isinstance(one, Described)]
    if not whole:
        return next(one for one in found if isinstance(one, ImageError))
    names = ", ".join(info.uri if info.uri != str(uri) else str(info.array) for info in whole[:10])
    more = f" and {len(whole) - 10} more" if len(whole) > 10 else ""
    return ImageError(f"{uri}: is a collection of {len(found)} images; open one of {names}{more}")


def open_images(
    uri: Uri,
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
    sources = []
    for one in open_members(uri, Options(axes, series, level, array, z_as_samples), ndim):
        if isinstance(one, ImageError):
            raise one
        sources.append(one)
    return sources


def open_members(uri: Uri, options: Options, ndim: int | None = None) -> Iterator[ImageSource | ImageError]:
    """Yield an image, or each member of a collection, or why it cannot be opened."""
    try:
        found = describe(uri, options)
    except ImageError as error:
        found = [error]
    for one in found:
        try:
            yield one if isinstance(one, ImageError) else settle(one, options, ndim)
        except ImageError as error:
            yield error


def reopen(
    info: ImageInfo,
    uri: Uri | None = None,
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
        found = _only(where, plain)
        fits = given in (None, found.info.axes)
    except ImageError:
        if given is None:
            raise
        fits = False
    if not fits:
        found = _only(where, replace(plain, axes=given))
    source = settle(found, plain, ndim)
    now = (source.axes, source.shape, source.info.dtype)
    if now != (info.axes, info.shape, info.dtype):
        recorded = f"{info.axes} {info.shape} {info.dtype}"
        raise ImageError(f"{where}: is {now[0]} {now[1]} {now[2]}, recorded was {recorded}")
    return source


def _only(uri: Uri, options: Options) -> Described:
    """Return the one image of a file or store, or the first of a collection."""
    first = describe(uri, options)[0]
    if isinstance(first, ImageError):
        raise first
    return first


def describe(uri: Uri, options: Options) -> Examined:
    """Return what a file or store holds."""
    with naming(uri):
        seen = look(location(uri))
        kind = file_kind(seen)
        for name in ("series", "level", "array"):
            value = getattr(options, name)
            if value is not None and name not in _TAKES.get(kind, ()) and not (name != "array" and value == 0):
                raise RefusedError(f"--{name} {value} does not apply to {kind}")
    with naming(uri, broken=_BROKEN[kind]):
        return _examine(kind, seen, options)


def _examine(kind: str, seen: Seen, options: Options) -> Examined:
    """Ask the module of this format; each loads its library only now."""
    if kind == "tiff":
        from patchplan.images.tiff import examine as tiff

        return tiff.examine(seen, options)
    if kind == "zarr":
        from patchplan.images.zarr import examine as zarr

        return zarr.examine(seen, options)
    if kind == "npy":
        from patchplan.images import npy

        return npy.examine(seen, options)
    from patchplan.images import raster

    return raster.examine(seen, kind, options)


def settle(described: Described, options: Options, ndim: int | None = None) -> ImageSource:
    """Return the source, its axes sorted into samples, channels and space."""
    info = described.info
    with naming(info.uri):
        layout = resolve(info.axes, info.shape, ndim=ndim, z_as_samples=options.z_as_samples)
    return ImageSource(described, layout, options.z_as_samples)
