"""What the metadata of a TIFF claims of planes and of other files, checked before tifffile believes it.

tifffile makes a list with a place per plane that OME-XML or Micro-Manager's index claim, and opens the files
that they name, wherever these are: a file of 600 bytes may thus ask for all memory, or for any other file.
"""

import io
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from patchplan.images.boundary import RefusedError, one_line
from patchplan.images.paths import Seen, absolute, look
from patchplan.images.tiff.chain import Chain, check_chain
from patchplan.objects import Location, ObjectPath

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from tifffile import TiffFile

MAX_PLANES = 1 << 24
"""Planes of an image, with those that are not there."""

MAX_STEPS = 1 << 20
"""Entries of an axis that OME-XML adds by its start, end and step."""

MAX_TWICE = 1000
"""UUIDs beyond one per file: some writers draw a new one for each plane."""


def open_tiff(seen: Seen) -> "TiffFile":
    """Open a file of which tifffile may read all that it reads when it makes out series."""
    import tifffile

    chain = check_chain(seen)
    # objects without a name and alone: tifffile would look for other files on the disk
    alone: dict[str, Any] = {"_multifile": False} if isinstance(seen.path, ObjectPath) else {}
    tif = tifffile.TiffFile(_file(seen), **alone)
    try:
        _check(seen.path, tif, chain)
    except BaseException:
        tif.close()
        raise
    return tif


def _file(seen: Seen) -> "Path | BinaryIO":
    """Return what tifffile opens."""
    if not isinstance(seen.path, ObjectPath):
        return seen.path
    return io.BytesIO(seen.head) if len(seen.head) >= seen.size else seen.open()


def _check(path: Location, tif: "TiffFile", chain: Chain) -> None:
    """Refuse what tifffile would believe; in the order in which it looks."""
    if not tif.pages or tif.is_shaped or tif.is_lsm:
        return
    if tif.is_mmstack:
        _check_mmstack(tif)
    if tif.is_ome:
        _check_ome(path, tif.ome_metadata or "", chain)
    if tif.is_ndtiff and isinstance(path, Path):
        _check_ndtiff(path)


def several_files(name: str) -> RefusedError:
    """Return the refusal of a set of files in an object store, where tifffile finds only the first."""
    return RefusedError(f"is one of several files of an image, as {one_line(name)} is; copy them to a disk")


def _check_planes(n: int, what: str) -> None:
    if n > MAX_PLANES:
        shown = f"{n:,}" if n < 10**30 else "more than 10^30"
        raise RefusedError(f"{what} claims {shown} planes; allowed are {MAX_PLANES:,}")


def _beside(path: Location, name: str, what: str) -> Location:
    """Return the path of another file that belongs to an image, or refuse one that lies elsewhere."""
    parts = name.replace("\\", "/").split("/")
    if not name or "\0" in name or name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        raise RefusedError(f"{what} names the file {one_line(repr(name))} outside of this folder, which is refused")
    return path.parent / name


def _check_mmstack(tif: "TiffFile") -> None:
    """Refuse more planes than lists hold; an index that does not fit is left to tifffile."""
    metadata = tif.micromanager_metadata or {}
    summary, index = metadata["Summary"], metadata["IndexMap"]
    if not isinstance(summary, dict) or not len(index):
        raise RefusedError("Micro-Manager's summary or index is broken")
    sizes = []
    for column, key in enumerate(("Channels", "Slices", "Frames", "Positions")):
        said = summary.get(key, 1)
        sizes.append(max(int(index[:, column].max()) + 1, said if isinstance(said, int) else 1))
    _check_planes(math.prod(sizes), "Micro-Manager's summary")


def _check_ndtiff(path: Path) -> None:
    """Refuse an index that spans more planes than lists hold, or names files elsewhere."""
    import tifffile.tifffile

    what, spans, files = "NDTiff.index", dict[str, tuple[int, int]](), set[str]()
    look(path.parent / what)
    for axes, name, *_ in tifffile.tifffile.read_ndtiff_index(path.parent / what):
        if name not in files:
            files.add(name)
            check_chain(look(_beside(path, name, what)))
        if not isinstance(axes, dict):
            raise RefusedError(f"{what} is broken: it has {one_line(json.dumps(axes))} in the place of axes")
        for axis, place in axes.items():
            at = place if isinstance(place, int) else len(files)
            low, high = spans.get(axis, (at, at))
            spans[axis] = min(low, at), max(high, at)
    _check_planes(math.prod(high - low + 1 for low, high in spans.values()), what)


def _check_ome(path: Location, text: str, chain: Chain) -> None:
    """Refuse OME-XML that claims more planes than lists hold, or names files elsewhere."""
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(text)  # noqa: S314 (expat limits entity expansion)
    except ElementTree.ParseError:
        return  # tifffile goes on without it
    chains = [chain, *_other_files(path, root)]
    n_pages, fewest = max(one.n_pages for one in chains), min(one.fewest_pixels for one in chains)
    planes = listed = 0
    for pixels in _below(root, "Image", "Pixels"):
        axes = pixels.attrib.get("DimensionOrder", "")[::-1]
        sizes = [_number(pixels, f"Size{letter}") for letter in axes]
        planes += max(math.prod(sizes[:-2]), math.prod(sizes) // fewest)
        for data in _children(pixels, "TiffData"):
            listed += max(_number(data, "PlaneCount"), _number(data, "NumPlanes")) or n_pages
    _check_planes(max(planes, listed), "its OME-XML")
    for along in root.iter():
        if along.tag[:-1].endswith("Along"):
            _check_steps(along.attrib)


def _check_steps(said: dict[str, str]) -> None:
    """Refuse an axis of more entries than memory holds."""
    try:
        start, end, step = float(said.get("Start", 0)), float(said.get("End", 0)), float(said.get("Step", 1))
        n = (end - start) / step
    except (ValueError, ZeroDivisionError):
        return  # tifffile refuses it
    if not abs(n) < MAX_STEPS:
        raise RefusedError(f"its OME-XML claims an axis of {n:g} entries; allowed are {MAX_STEPS:,}")


def _other_files(path: Location, root: "Element") -> Iterator[Chain]:
    """Yield what is known of the other files that OME-XML names: each is opened once per UUID that it has there."""
    names: set[str] = set()
    uuids = {root.attrib.get("UUID")}
    for uuid in _below(root, "Image", "Pixels", "TiffData", "UUID"):
        if uuid.text in uuids:
            continue
        uuids.add(uuid.text)
        other = _beside(path, uuid.attrib.get("FileName", ""), "its OME-XML")
        name = absolute(other)
        if name not in names and other.exists():
            if isinstance(other, ObjectPath) and other != path:
                raise several_files(other.name)
            yield check_chain(look(other))
        names.add(name)
        if len(uuids) - len(names) > MAX_TWICE:
            raise RefusedError(f"its OME-XML gives {len(names):,} files {len(uuids):,} UUIDs")


def _below(root: "Element", *tags: str) -> Iterable["Element"]:
    """Return the elements that a path of tags leads to, in any namespace."""
    found: list[Element] = [root]
    for tag in tags:
        found = [inner for one in found for inner in _children(one, tag)]
    return found


def _children(element: "Element", tag: str) -> Iterator["Element"]:
    return (inner for inner in element if inner.tag.endswith(tag))


def _number(element: "Element", key: str) -> int:
    """Return a number of an element without its sign, 0 for what is none: tifffile refuses it."""
    try:
        return abs(int(element.attrib.get(key, "0")))
    except ValueError:
        return 0
