"""Names of several outputs in one folder, from where their images are."""

import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from patchplan.images.paths import SUFFIXES
from patchplan.stitching.words import OutputFormat

_SUFFIX = {"ome-zarr": ".ome.zarr", "ome-tiff": ".ome.tif", "npy": ".npy"}
_UNFIT = re.compile(r"[\x00-\x1f\x7f\\:]|^\.+")
"""What file names of some system cannot hold, and dots that would hide an output."""

Parts = tuple[str, ...]


def output_names(uris: Sequence[str], kind: OutputFormat, arrays: Sequence[str | None] | None = None) -> list[str]:
    """Return a path with `/` per image, to be put into a folder, all different also where case does not count.

    It is the image's path below the folder that all images share, without suffixes; a Zarr store's own name
    stays in. Images that would get the same name keep their suffixes, and what that does not tell apart has
    the path of its array, or else is numbered. No name leads out of the folder.

    Parameters
    ----------
    uris : sequence of str
        Paths of the images, with `/`.
    kind : "ome-zarr", "ome-tiff" or "npy"
        What is written.
    arrays : sequence of str or None, optional
        Paths inside the files that `uris` lead to, where several images are in one.

    Examples
    --------
    >>> output_names(["data/day1/a.ome.tif", "data/day2/a.ome.tif"], "npy")
    ['day1/a.npy', 'day2/a.npy']
    >>> output_names(["x.zarr/0", "y.zarr/0", "b.tif", "b.png"], "ome-zarr")
    ['x/0.ome.zarr', 'y/0.ome.zarr', 'b.tif.ome.zarr', 'b.png.ome.zarr']
    """
    paths = _below_common(uris)
    suffix = _SUFFIX[kind]
    names = [_named([_stem(part) for part in path], suffix) for path in paths]
    # in each round, those whose names clash take the next choice
    for choice in (_unchanged(paths, suffix), _inside(paths, arrays, suffix), _numbered(paths, suffix)):
        names = [new if clash else name for name, new, clash in zip(names, choice, _clashes(names), strict=True)]
    if any(_clashes(names)):
        names = [(f"{i}{suffix}",) for i in range(len(names))]
    return ["/".join(name) for name in names]


def _named(path: Sequence[str], suffix: str) -> Parts:
    """Return the path of an output; one that would have no name is called image."""
    return (*path[:-1], f"{path[-1] if path else 'image'}{suffix}")


def _unchanged(paths: Sequence[Parts], suffix: str) -> list[Parts]:
    return [_named(path, suffix) for path in paths]


def _inside(paths: Sequence[Parts], arrays: Sequence[str | None] | None, suffix: str) -> list[Parts]:
    inner = [_parts(path or "") for path in arrays or [None] * len(paths)]
    return [_named(path + more, suffix) for path, more in zip(paths, inner, strict=True)]


def _numbered(paths: Sequence[Parts], suffix: str) -> list[Parts]:
    return [_named((*path[:-1], f"{_stem(path[-1]) if path else 'image'}-{i}"), suffix) for i, path in enumerate(paths)]


def _below_common(uris: Sequence[str]) -> list[Parts]:
    """Return the paths from the folder on that all share, which lies in no Zarr store."""
    paths = [_parts(uri) for uri in uris]
    folders = [path[: _store_depth(path)] for path in paths]
    common = 0
    while all(len(one) > common and one[common] == folders[0][common] for one in folders):
        common += 1
    return [path[common:] for path in paths]


def _parts(path: str) -> Parts:
    """Return the parts of a path that can be names in a folder."""
    parts = PurePosixPath(posixpath.normpath(path)).parts if path else ()
    return tuple(_UNFIT.sub("_", part) for part in parts if part not in ("/", "//", "..", "."))


def _store_depth(path: Parts) -> int:
    """Return how many parts lead to the image's file, or to the Zarr store that it lies in."""
    return next((i for i, part in enumerate(path) if part.lower().endswith(".zarr")), max(len(path) - 1, 0))


def _stem(part: str) -> str:
    """Return a name without the suffixes of an image: `.ome.tif` is one."""
    stem, suffix = posixpath.splitext(part)
    if suffix.lower() not in SUFFIXES and suffix.lower() not in (".zarr", ".zip"):
        return part
    inner, before = posixpath.splitext(stem)
    return inner if before.lower() in (".ome", ".zarr") and inner else stem


def _clashes(names: Sequence[Parts]) -> list[bool]:
    """Return which outputs are there more than once, or would be folders of others, or lie in others."""
    keys = [tuple(part.casefold() for part in name) for name in names]
    count = Counter(keys)
    above = [[key[:n] for n in range(1, len(key))] for key in keys]
    folders = {folder for folders in above for folder in folders}
    return [
        count[key] > 1 or key in folders or any(folder in count for folder in inside)
        for key, inside in zip(keys, above, strict=True)
    ]
