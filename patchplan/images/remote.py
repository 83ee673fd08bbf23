"""Which images URLs mean: objects, prefixes that are searched as folders are, and patterns."""

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

from patchplan.errors import ImageError
from patchplan.images.paths import SUFFIXES, ZARR_DOCUMENTS, is_object, is_zarr_folder
from patchplan.objects import ObjectPath

_GLOB = re.compile(r"[*?\[]")


def expand_url(path: ObjectPath) -> list[ObjectPath]:
    """Return the images that a URL means, sorted; stacks of patches among them.

    Raises
    ------
    ImageError
        If there is nothing, or nothing that is an image.
    """
    if _GLOB.search(path.key) and not (is_object(path) or is_zarr_folder(path) or path.is_dir()):
        return _matches(path)
    if path.suffix.lower() == ".zarr" or is_object(path) or is_zarr_folder(path):
        return [path]
    if not path.is_dir():
        more = "" if path.can_list else ", and nobody can list what is on the web: give files or Zarr stores"
        raise ImageError(f"{path}: no such object or prefix{more}")
    found = list(_walk(path))
    if not found:
        known = ", ".join(sorted(SUFFIXES))
        raise ImageError(f"{path}: no images below this prefix; known suffixes are {known}")
    return found


def _matches(pattern: ObjectPath) -> list[ObjectPath]:
    """Return the images that a pattern matches."""
    parts = pattern.key.split("/")
    fixed = next(i for i, part in enumerate(parts) if _GLOB.search(part))
    base = ObjectPath(pattern.scheme, pattern.bucket, "/".join(parts[:fixed]))
    depth = len(base.parts)
    found = [one for one in _walk(base) if _fits(one.parts[depth:], parts[fixed:])]
    if not found:
        raise ImageError(f"{pattern}: this pattern matches no image")
    return found


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Return whether the parts of a key match those of a pattern; `**` stands for any number of them."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_fits(parts[i:], pattern[1:]) for i in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def _walk(prefix: ObjectPath) -> Iterator[ObjectPath]:
    """Yield images below a prefix sorted by name, without descending into Zarr stores."""
    folders, files = prefix.children()
    for name in sorted({*folders, *files}):
        if name.startswith("."):
            continue
        if name in files:
            if is_listed(name):
                yield prefix / name
        elif name.lower().endswith(".zarr") or any(one in (prefix / name).children()[1] for one in ZARR_DOCUMENTS):
            yield prefix / name
        else:
            yield from _walk(prefix / name)


def is_listed(name: str) -> bool:
    """Return whether a file of a folder is taken; a plain .zip may be anything, so only .zarr.zip is."""
    lower = name.lower()
    if lower.endswith(".zip"):
        return lower.endswith(".zarr.zip")
    return f".{lower.rpartition('.')[2]}" in SUFFIXES
