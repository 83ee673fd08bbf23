"""Which files the arguments of a command line mean."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from patchplan.errors import ImageError
from patchplan.images.boundary import naming
from patchplan.images.paths import SUFFIXES, is_zarr_folder

_GLOB = frozenset("*?[")


def find_images(inputs: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """Return the files and Zarr stores that the inputs name.

    Parameters
    ----------
    inputs : sequence of path
        Files and Zarr stores, in the order given; folders, searched recursively and sorted by path; glob
        patterns (`**` included), sorted by path. Hidden files in folders are left out, as are files without
        a suffix of an image. A path found twice counts once. What cannot be entered or followed is returned
        too: opening it says why.

    Raises
    ------
    ImageError
        For a missing file, a folder without images, or a pattern without a match.
    """
    found: dict[str, Path] = {}
    for one in inputs:
        with naming(one):
            for path in _expand(os.fspath(one)):
                found.setdefault(os.path.abspath(path), path)  # noqa: PTH100 (resolve() would follow symlinks)
    return list(found.values())


def _expand(text: str) -> list[Path]:
    if not text:
        raise ImageError("'': no such file or folder")
    path = Path(text)
    if path.is_dir() and not _is_store(path):
        images = list(_walk(path))
        if not images:
            raise ImageError(f"{text}: no images in this folder; known suffixes are {', '.join(sorted(SUFFIXES))}")
        return images
    if os.path.lexists(path):
        return [path]
    if _GLOB & set(text):
        return _glob(text)
    raise ImageError(f"{text}: no such file or folder")


def _glob(pattern: str) -> list[Path]:
    """Return what a pattern matches; a folder that matches is searched only if it is a store."""
    import glob

    matches = sorted(map(Path, glob.glob(pattern, recursive=True)))  # noqa: PTH207 (Path.glob takes no anchor)
    images = [p for p in matches if _is_image(p)]
    stores = {p for p in images if p.is_dir()}
    outside = [p for p in images if stores.isdisjoint(p.parents)]
    if not outside:
        what = "matches no file" if not matches else "matches no image"
        raise ImageError(f"{pattern}: this pattern {what}")
    return outside


def _is_image(path: Path) -> bool:
    return _is_store(path) if path.is_dir() else path.suffix.lower() in SUFFIXES


def _is_store(path: Path) -> bool:
    return path.suffix.lower() == ".zarr" or is_zarr_folder(path)


def _walk(folder: Path) -> Iterator[Path]:
    """Yield images below a folder sorted by path, without descending into Zarr stores or linked folders."""
    pending = _entries(folder)
    while pending:
        entry = pending.pop()
        path = Path(entry.path)
        if not _is_folder(entry):
            if _is_listed(entry.name):
                yield path
        elif _is_store(path):
            yield path
        elif not entry.is_symlink():
            try:
                pending += _entries(path)
            except OSError:
                yield path


def _entries(folder: Path) -> "list[os.DirEntry[str]]":
    """Return what a folder holds, the last name first."""
    with os.scandir(folder) as entries:
        return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name, reverse=True)


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    """Return whether an entry is a folder; a link in a circle is none."""
    with contextlib.suppress(OSError):
        return entry.is_dir()
    return False


def _is_listed(name: str) -> bool:
    """Return whether a file of a folder is taken; a plain .zip may be anything, so only .zarr.zip is."""
    lower = name.lower()
    if lower.endswith(".zip"):
        return lower.endswith(".zarr.zip")
    return os.path.splitext(lower)[1] in SUFFIXES  # noqa: PTH122 (much faster than Path on many files)
