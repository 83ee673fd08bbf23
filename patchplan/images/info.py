"""What is known of an image without reading a pixel: plain data that a plan's header records."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Options:
    """What the user says about how to read an image; None leaves it to the file."""

    axes: str | None = None
    series: int | None = None
    level: int | None = None
    array: str | None = None
    z_as_samples: bool = False


@dataclass(frozen=True)
class ImageInfo:
    """One image as found in its file.

    Parameters
    ----------
    uri : str
        Path as found, never resolved through symlinks. A member of a collection has the path of its own
        group (`plate.zarr/A/1/0`); in a zip file it is the path of the zip, and `array` leads inside.
    kind : str
        "tiff", "zarr", "ome-zarr", "npy", "png" or "jpeg".
    series, level : int or None
        TIFF series and pyramid level that are read; level 0 is full resolution.
    array : str or None
        Path of the Zarr array inside `uri`.
    axes : str
        A letter per axis in file order, upper case; colour samples are C (so C may occur twice).
    shape, chunks, shards : tuple of int
        In file axis order.
    dtype : str
        NumPy name, native byte order.
    pixel_size : tuple of float or None
        Size of a pixel on the (Z)YX axes present, in `pixel_unit`.
    fingerprint : str
        Hash of the file's size and its metadata bytes; of a Zarr folder of its metadata documents only.
        The same bytes have the same fingerprint in any folder. Pixels are not hashed.
    levels : tuple of shapes
        All true pyramid levels, full resolution first.
    notes : tuple of str
        What a user should know about how the file was read, one line each.
    """

    uri: str
    kind: str
    series: int | None
    level: int | None
    array: str | None
    axes: str
    shape: tuple[int, ...]
    dtype: str
    chunks: tuple[int, ...] | None
    shards: tuple[int, ...] | None
    pixel_size: tuple[float, ...] | None
    pixel_unit: str | None
    fingerprint: str
    levels: tuple[tuple[int, ...], ...] = field(default=())
    notes: tuple[str, ...] = field(default=())
