"""One image of a Zarr store: which array, which axes, which pixel size."""

import uuid
from dataclasses import dataclass

from patchplan.images.boundary import RefusedError, one_line
from patchplan.images.info import ImageInfo, Options
from patchplan.images.layout import parse_override, sample_notes
from patchplan.images.npy import plain_axes
from patchplan.images.paths import Seen, absolute, fingerprint, look
from patchplan.images.reading import Described
from patchplan.images.zarr.ome import Multiscale, dimension_axes, ome_attributes, parse_multiscale
from patchplan.images.zarr.reader import ZarrRecipe, array_facts, array_token
from patchplan.images.zarr.store import Node, array_shape, count_chunks, join, read_node
from patchplan.images.zarr.stores import Store, ZipFileStore
from patchplan.objects import Location, ObjectPath


@dataclass(frozen=True, slots=True)
class Place:
    """A store, what the user says about it, and how its members are called."""

    seen: Seen
    store: Store
    options: Options

    @property
    def path(self) -> Location:
        """Path of the folder or zip."""
        return self.seen.path

    @property
    def base(self) -> str:
        """Where the store starts inside a zip."""
        return self.store.base if isinstance(self.store, ZipFileStore) else ""

    @property
    def zipped(self) -> bool:
        """Whether the store is a zip file."""
        return isinstance(self.store, ZipFileStore)

    def uri(self, inner: str) -> str:
        """Return the path of a member: in a zip that of the zip."""
        return str(self.path if self.zipped or not inner else self.path / inner)

    def relative(self, owner: str, inner: str) -> str | None:
        """Return the path of an array from the path that its image is called by."""
        start = self.base if self.zipped else owner
        return inner[len(start) :].strip("/") or None

    def node(self, inner: str, what: str) -> Node:
        """Return a node that the metadata promises."""
        found = read_node(self.store, inner)
        if found is None:
            raise RefusedError(f"{what} {inner!r} is not there")
        return found


@dataclass(frozen=True, slots=True)
class _Found:
    """An array to read: its own node last, before it the nodes that say something about it."""

    nodes: tuple[Node, ...]
    owner: str
    axes: str | None = None
    level: int | None = None
    levels: tuple[tuple[int, ...], ...] = ()
    scale: tuple[float, ...] | None = None
    unit: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def node(self) -> Node:
        return self.nodes[0] if self.level is None else self.nodes[1 + self.level]


def chosen(place: Place, base: str, path: str) -> Described | None:
    """Return an array chosen by path, as a level of an image where a group above it says so."""
    node = read_node(place.store, path)
    if node is None or node.array is None:
        return None
    parts = path.split("/")
    for cut in range(len(parts) - 1, -1, -1):
        group = read_node(place.store, "/".join(parts[:cut]))
        if group is None or "multiscales" not in ome_attributes(group):
            continue
        paths = [join(group.path, name) for name in parse_multiscale(group).paths]
        if path in paths:
            return image(place, group, paths.index(path), base)
    return plain(place, node, base)


def image(place: Place, group: Node, level: int | None = None, owner: str | None = None) -> Described:
    """Return the image that the metadata of a group describes.

    `owner` is the node whose path the image is called by, the group itself by default.
    """
    if "multiscales" not in ome_attributes(group):
        raise RefusedError("is no OME-Zarr image: its metadata has no multiscales")
    multiscale = parse_multiscale(group)
    nodes = _level_nodes(place, group, multiscale)
    asked = place.options.level
    number = (asked or 0) if level is None else level
    if not 0 <= number < len(nodes):
        raise RefusedError(f"has no level {number}; allowed are 0 to {len(nodes) - 1}")
    if asked not in (None, number):
        raise RefusedError(f"--array {place.options.array} is level {number}, --level says {asked}")
    axes, notes = _image_axes(multiscale, nodes[number])
    return _describe(
        place,
        _Found(
            nodes=(group, *nodes),
            owner=group.path if owner is None else owner,
            axes=axes,
            level=number,
            levels=tuple(array_shape(node) for node in nodes),
            scale=multiscale.scales[number],
            unit=multiscale.unit,
            notes=(*multiscale.notes, *notes),
        ),
    )


def plain(place: Place, node: Node, owner: str) -> Described:
    """Return an array that no OME-Zarr metadata describes."""
    if place.options.level not in (None, 0):
        raise RefusedError(f"has no level {place.options.level}: it is a plain array")
    names = (node.array or {}).get("dimension_names") or node.attributes.get("_ARRAY_DIMENSIONS")
    axes = dimension_axes(names) if isinstance(names, list) else None
    if axes == "QQ":  # two axes whose names say nothing are Y and X like two without names
        axes = None
    return _describe(place, _Found((node,), owner, axes, levels=(array_shape(node),)))


def _image_axes(multiscale: Multiscale, node: Node) -> tuple[str | None, list[str]]:
    """Return the axes of an image, from its metadata, its array, or the one order that NGFF 0.1 allows."""
    shape = array_shape(node)
    axes = multiscale.axes or dimension_axes((node.array or {}).get("dimension_names"))
    if axes is None and len(shape) == 5:
        return "TCZYX", [f"OME-Zarr {multiscale.version} names no axes, read as TCZYX"]
    if axes is not None and len(axes) != len(shape):
        raise RefusedError(f"axes {axes} are {len(axes)}, the array {node.name} has shape {shape}")
    return axes, []


def _level_nodes(place: Place, group: Node, multiscale: Multiscale) -> list[Node]:
    """Return the arrays of an image that are there and no larger than level 0."""
    nodes: list[Node] = []
    for path in multiscale.paths:
        node = read_node(place.store, join(group.path, path))
        if node is None or node.array is None:
            if nodes:
                break
            raise RefusedError(f"level 0, the array {one_line(repr(path))}, is not there")
        shape = array_shape(node)
        first = array_shape(nodes[0]) if nodes else shape
        if len(shape) != len(first) or any(n > m for n, m in zip(shape, first, strict=True)):
            break
        nodes.append(node)
    return nodes


def _describe(place: Place, found: _Found) -> Described:
    """Return the description of the array that is to be read."""
    node, options = found.node, place.options
    facts = array_facts(str(place.path), node)
    axes = found.axes
    if options.axes is not None:
        axes = parse_override(options.axes, facts.shape, axes)
    elif axes is None:
        axes = plain_axes(facts.shape, None)
    size = _pixel_size(found, axes)
    info = ImageInfo(
        uri=place.uri(found.owner),
        kind="zarr" if found.level is None else "ome-zarr",
        series=None,
        level=found.level,
        array=place.relative(found.owner, node.path),
        axes=axes,
        shape=facts.shape,
        dtype=facts.dtype.name,
        chunks=facts.chunks,
        shards=facts.shards,
        pixel_size=size,
        pixel_unit=found.unit if size else None,
        fingerprint=_fingerprint(place, found.nodes),
        levels=found.levels,
        notes=(
            *found.notes,
            *sample_notes(axes, options.axes is not None),
            *_missing(node, facts.shape, facts.shards or facts.chunks, facts.fill_value),
        ),
    )
    recipe = ZarrRecipe(
        root=absolute(place.path),
        path=node.path,
        zipped=place.zipped,
        version=node.version,
        shape=facts.shape,
        dtype=facts.dtype.name,
        token=array_token(node),
        serial=uuid.uuid4().hex,
    )
    return Described(info, recipe, _identity(place, node.path))


def _identity(place: Place, inner: str) -> tuple[object, ...]:
    """Return what tells an array from others, also if it is reached through a folder of its store."""
    if place.zipped:
        return (place.seen.same_file, inner)
    path = place.path / inner
    return (path,) if isinstance(path, ObjectPath) else (look(path).same_file,)


def _pixel_size(found: _Found, axes: str) -> tuple[float, ...] | None:
    """Return the pixel size on the spatial axes, unless the user says that the axes are others."""
    if found.scale is None or axes != found.axes:
        return None
    return tuple(found.scale[axes.index(letter)] for letter in "ZYX" if letter in axes)


def _fingerprint(place: Place, nodes: tuple[Node, ...]) -> str:
    """Hash the documents by their paths below the first node; of a zip also its size."""
    parts = [str(place.seen.size).encode()] if place.zipped else []
    for node in nodes:
        below = node.path[len(nodes[0].path) :].strip("/")
        for name, text in sorted(node.documents.items()):
            parts += [f"{below}/{name}".encode(), text]
    return fingerprint(parts)


def _missing(node: Node, shape: tuple[int, ...], stored: tuple[int, ...], fill: object) -> list[str]:
    """Return a note on chunks (or shards) that are not there."""
    if 0 in shape:
        return []
    counted = count_chunks(node, shape, stored)
    if counted is None or counted[0] >= counted[1]:
        return []
    present, total = counted
    return [f"{total - present} of {total} chunks are missing and read as the fill value {0 if fill is None else fill}"]
