"""Zarr stores: what is at a path, one image or a collection of them.

image group   multiscales, datasets with paths        one image, a level of it
plate, well   wells, fields                           all fields
collection    bioformats2raw.layout                   all images
labels group  labels                                  all label images
array         dimension_names or nothing              one image
plain group   nothing of these                        refused, naming its arrays for --array
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, islice
from typing import TypeVar

from patchplan.errors import ImageError
from patchplan.images.boundary import RefusedError, naming, one_line
from patchplan.images.info import Options
from patchplan.images.paths import Seen
from patchplan.images.reading import Examined
from patchplan.images.zarr.image import Place, chosen, image, plain
from patchplan.images.zarr.ome import ome_attributes, version_of
from patchplan.images.zarr.store import STACK, Node, is_stack, join, read_node
from patchplan.images.zarr.stores import PrefixStore, Store, ZipFileStore, folder_store
from patchplan.images.zarr.traffic import REQUESTS
from patchplan.objects import ObjectPath

MAX_LISTED = 10

Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class _Named:
    """A member of a group, as its metadata call it."""

    group: str
    name: object


Members = Sequence[_Named | ImageError]

_GROUPS = frozenset({"multiscales", "plate", "well", "bioformats2raw.layout", "labels"})
"""Keys that tell what an OME-Zarr group is."""


def examine(seen: Seen, options: Options) -> Examined:
    """Return the image or images of a store."""
    place = Place(seen, open_store(seen), options)
    root = place.node(place.base, "the root")
    if options.array is not None:
        found = chosen(place, place.base, join(place.base, options.array))
        if found is None:
            raise RefusedError(f"--array {options.array}: no array is there; {_array_list(place, root)}")
        return [found]
    if root.array is not None:
        return [plain(place, root, place.base)]
    if _is_image(root):
        return [image(place, root)]
    if is_stack(place.store, root.path):
        raise RefusedError(f"{STACK}; {_array_list(place, root)}")
    members = _members(place, root)
    if not members:
        raise RefusedError("is a collection without images")
    return members


def open_store(seen: Seen) -> Store:
    """Return the store of a folder, a zip file or a prefix."""
    if seen.is_dir:
        return folder_store(seen.path)
    if isinstance(seen.path, ObjectPath):
        raise RefusedError("is a zip file in an object store, which is not read there; copy it to a disk, or unzip it")
    return ZipFileStore(seen.path)


def _is_image(node: Node) -> bool:
    attributes = ome_attributes(node)
    if attributes.keys() & _GROUPS or isinstance(node.attributes.get("ome"), dict):
        version_of(attributes)
    return "multiscales" in attributes


def _members(place: Place, node: Node) -> Examined:
    """Return the images of a collection."""
    attributes = ome_attributes(node)
    if "plate" in attributes:
        wells = _named(node, _paths(attributes["plate"], "wells"))
        members: Members = _each(place, wells, lambda inner: _fields(place.node(inner, "the well")))
    elif "well" in attributes:
        members = _fields(node)
    elif "bioformats2raw.layout" in attributes:
        members = _named(node, _bioformats(place, node))
    elif "labels" in attributes:
        names = attributes["labels"]
        if not isinstance(names, list):
            raise RefusedError(f"labels must be a list of paths, found {one_line(repr(names))}")
        members = _named(node, names)
    else:
        raise RefusedError(f"is a plain Zarr group without OME-Zarr images; {_array_list(place, node)}")
    return _each(place, members, partial(_member, place))


def _named(node: Node, names: Iterable[object]) -> Members:
    return [_Named(node.path, name) for name in names]


def _each(place: Place, members: Members, describe: Callable[[str], Sequence[Told]]) -> list[Told | ImageError]:
    """Return what members hold; one that is broken is its error, the others are not touched."""

    def one(member: _Named | ImageError) -> Sequence[Told | ImageError]:
        if isinstance(member, ImageError):
            return [member]
        try:
            with naming(place.uri(member.group)):
                inner = join(member.group, member.name)
                with naming(place.uri(inner), broken="is broken"):
                    return describe(inner)
        except ImageError as error:
            return [error]

    if isinstance(place.store, PrefixStore) and len(members) > 1:
        with ThreadPoolExecutor(min(REQUESTS, len(members)), "patchplan-open") as pool:
            return list(chain.from_iterable(pool.map(one, members)))
    return list(chain.from_iterable(map(one, members)))


def _member(place: Place, inner: str) -> Examined:
    return [replace(image(place, place.node(inner, "the member")), member=True)]


def _paths(holder: object, key: str) -> list[object]:
    """Return the paths that a list of objects in the metadata gives."""
    entries = holder.get(key) if isinstance(holder, dict) else None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise RefusedError(f"its metadata must list {key} with paths")
    return [entry.get("path") for entry in entries]


def _fields(well: Node) -> Members:
    attributes = ome_attributes(well)
    version_of(attributes)
    return _named(well, _paths(attributes.get("well"), "images"))


def _bioformats(place: Place, node: Node) -> Iterator[object]:
    """Yield the series in the order of the group OME, or those numbered 0, 1, ..."""
    listing = read_node(place.store, join(node.path, "OME"))
    series = ome_attributes(listing).get("series") if listing else None
    if isinstance(series, list):
        yield from series
        return
    number = 0
    while read_node(place.store, join(node.path, str(number))) is not None:
        yield str(number)
        number += 1


def _array_list(place: Place, node: Node) -> str:
    """Return which arrays a group offers."""
    arrays = list(islice(_arrays(place, node.path), MAX_LISTED + 1))
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
