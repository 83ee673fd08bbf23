"""Which files the arguments of a command line mean."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from patchplan.errors import ImageError
from patchplan.images.boundary import naming
from patchplan.images.paths import SUFFIXES, absolute, is_zarr_folder
from patchplan.images.remote import expand_url, is_listed
from patchplan.images.zarr.store import STACK, is_stack
from patchplan.images.zarr.stores import folder_store
from patchplan.objects import Location, ObjectPath, Uri, location

_GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Search:
    """Paths of images, and why others that lie in the same folders are left out."""

    paths: list[Location]
    left_out: list[ImageError]


def find_images(inputs: Sequence[Uri]) -> list[Location]:
    """Return the files and Zarr stores that the inputs name.

    Parameters
    ----------
    inputs : sequence of path or URL
        Files and Zarr stores, in the order given; folders, searched recursively and sorted by path; glob
        patterns (`**` included), sorted by path. Hidden files in folders are left out, as are files without
        a suffix of an image and stacks of patches that patchplan wrote. A path found twice counts once. What
        cannot be entered or followed is returned too: opening it says why.

    Raises
    ------
    ImageError
        For a missing file, a folder without images, or a pattern without a match.
    """
    return search(inputs).paths


def search(inputs: Sequence[Uri]) -> Search:
    """Return what `find_images` does, and the stacks of patches that were found in folders."""
    found: dict[str, Location] = {}
    stacks: dict[str, Location] = {}
    for one in inputs:
        with naming(one):
            for path in _expand(one, stacks):
                found.setdefault(absolute(path), path)
    left_out = [ImageError(f"{path}: {STACK}") for key, path in stacks.items() if key not in found]
    return Search(list(found.values()), left_out)


def _expand_url(path: ObjectPath, stacks: dict[str, Location]) -> list[ObjectPath]:
    """Return the images that a URL means; stacks below a prefix are put into `stacks`."""
    found = expand_url(path)
    others = [one for one in found if one != path and _is_stack_of_patches(one)]
    stacks.update({absolute(one): one for one in others})
    if found and len(others) == len(found):
        raise ImageError(f"{path}: no images below this prefix; {others[0].name} {STACK}")
    return [one for one in found if one not in others]


def _expand(given: Uri, stacks: dict[str, Location]) -> Sequence[Location]:
    """Return the images that an input means; stacks in a folder are put into `stacks`."""
    where = location(given)
    return _expand_url(where, stacks) if isinstance(where, ObjectPath) else _expand_path(str(given), stacks)


def _expand_path(text: str, stacks: dict[str, Location]) -> list[Path]:
    if not text:
        raise ImageError("'': no such file or folder")
    path = Path(text)
    if path.is_dir() and not _is_store(path):
        images: list[Path] = []
        others: list[Path] = []
        for one in _walk(path):
            (others if _is_stack_of_patches(one) else images).append(one)
        stacks.update({absolute(one): one for one in others})
        if others and not images:
            raise ImageError(f"{text}: no images in this folder; {others[0].name} {STACK}")
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


def _is_stack_of_patches(path: Location) -> bool:
    """Return whether a Zarr folder is no image but our own; of a broken one, opening it says why."""
    with contextlib.suppress(ImageError, OSError):
        is_folder = path.suffix.lower() == ".zarr" if isinstance(path, ObjectPath) else path.is_dir()
        return is_folder and is_stack(folder_store(path), "")
    return False


def _walk(folder: Path) -> Iterator[Path]:
    """Yield images below a folder sorted by path, without descending into Zarr stores or linked folders."""
    pending = _entries(folder)
    while pending:
        entry = pending.pop()
        path = Path(entry.path)
        if not _is_folder(entry):
            if is_listed(entry.name):
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
