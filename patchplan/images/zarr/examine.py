"""Zarr stores: what is at a path, one image or a collection of them.

image group   multiscales, datasets with paths        one image, a level of it
plate, well   wells, fields                           all fields
collection    bioformats2raw.layout                   all images
labels group  labels                                  all label images
array         dimension_names or nothing              one image
plain group   nothing of these                        refused, naming its arrays for --array
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from patchplan.images.boundary import RefusedError, naming, one_line
from patchplan.images.info import Options
from patchplan.images.reading import Described
from patchplan.images.zarr.image import Place, chosen, image, plain
from patchplan.images.zarr.ome import ome_attributes, version_of
from patchplan.images.zarr.store import FolderStore, Node, Store, ZipFileStore, join, read_node

MAX_LISTED = 10


def examine(path: Path, options: Options) -> list[Described]:
    """Return the image or images of a store."""
    store: Store = FolderStore(path) if path.is_dir() else ZipFileStore(path)
    base = store.base if isinstance(store, ZipFileStore) else ""
    place = Place(path, store, options)
    root = place.node(base, "the root")
    if options.array is not None:
        found = chosen(place, base, join(base, options.array))
        if found is None:
            raise RefusedError(f"--array {options.array}: no array is there; {_array_list(place, root)}")
        return [found]
    if root.array is not None:
        return [plain(place, root, base)]
    members = _members(place, root)
    if members is None:
        return [image(place, root)]
    if not members:
        raise RefusedError("is a collection without images")
    return [_member(place, member) for member in members]


def _member(place: Place, inner: str) -> Described:
    with naming(place.uri(inner)):
        return replace(image(place, place.node(inner, "the member")), member=True)


def _members(place: Place, node: Node) -> list[str] | None:
    """Return paths of the images of a collection; None if the group is an image."""
    attributes = ome_attributes(node)
    known = {"multiscales", "plate", "well", "bioformats2raw.layout", "labels"} & attributes.keys()
    if known or isinstance(node.attributes.get("ome"), dict):
        version_of(attributes)
    if "multiscales" in known:
        return None
    if "plate" in known:
        wells = _paths(attributes["plate"], "wells", node.path)
        return [field for well in wells for field in _fields(place, place.node(well, "the well"))]
    if "well" in known:
        return _fields(place, node)
    if "bioformats2raw.layout" in known:
        return list(_bioformats(place, node))
    if "labels" in known:
        names = attributes["labels"]
        if not isinstance(names, list):
            raise RefusedError(f"labels must be a list of paths, found {one_line(repr(names))}")
        return [join(node.path, name) for name in names]
    raise RefusedError(f"is a plain Zarr group without OME-Zarr images; {_array_list(place, node)}")


def _paths(holder: object, key: str, base: str) -> list[str]:
    """Return the paths that a list of objects in the metadata gives."""
    entries = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise RefusedError(f"its metadata must list {key} with paths")
    return [join(base, entry.get("path")) for entry in entries]


def _fields(place: Place, well: Node) -> list[str]:
    attributes = ome_attributes(well)
    version_of(attributes)
    return _paths(attributes.get("well"), "images", well.path)


def _bioformats(place: Place, node: Node) -> Iterator[str]:
    """Yield the series in the order of the group OME, or those numbered 0, 1, ..."""
    listing = read_node(place.store, join(node.path, "OME"))
    series = ome_attributes(listing).get("series") if listing else None
    if isinstance(series, list):
        yield from (join(node.path, name) for name in series)
        return
    number = 0
    while read_node(place.store, join(node.path, str(number))) is not None:
        yield join(node.path, str(number))
        number += 1


def _array_list(place: Place, node: Node) -> str:
    """Return which arrays a group offers."""
    arrays = list(_arrays(place, node.path))
    if arrays:
        more = ", ..." if len(arrays) > MAX_LISTED else ""
        return f"its arrays, for --array, are {', '.join(arrays[:MAX_LISTED])}{more}"
    return "it has no arrays"


def _arrays(place: Place, base: str, depth: int = 4) -> Iterator[str]:
    """Yield paths of arrays below a group, relative to it, not deeper than any layout in use."""
    for name in place.store.children(base):
        inner = join(base, name)
        node = read_node(place.store, inner)
        if node is not None and node.array is not None:
            yield name
        elif depth:
            yield from (f"{name}/{below}" for below in _arrays(place, inner, depth - 1))
