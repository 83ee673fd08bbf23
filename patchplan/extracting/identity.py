"""What an extraction is: all that decides its bytes, so that only the same goes on with what a stopped run left."""

import os
from collections.abc import Sequence
from hashlib import blake2b
from importlib.metadata import version
from typing import Any

from patchplan.core.specs import IntArray
from patchplan.errors import ImageError, OutputError
from patchplan.extracting.content import Content
from patchplan.extracting.sources import Sources
from patchplan.extracting.target import Target
from patchplan.images.padding import PadMode
from patchplan.images.paths import look
from patchplan.journal import Identity
from patchplan.journal.identity import Facts
from patchplan.objects import Location, ObjectPath

IMAGES = "images"


def identity_of(content: Content, sources: Sources, target: Target, pad_mode: PadMode, **more: bool) -> Identity:
    """Return the facts of an extraction, named as users name them, and what `more` is told to who goes on.

    Memory and threads are no facts: the bytes do not depend on them.
    """
    facts = _facts(content, sources, target, pad_mode)
    return Identity(facts, {**more, IMAGES: _images(sources, content.images)})


def uuid_of(content: Content, sources: Sources, target: Target, pad_mode: PadMode) -> str:
    """Return the UUID of an extraction; no image is opened for it."""
    return Identity(_facts(content, sources, target, pad_mode), {}).uuid


def _facts(content: Content, sources: Sources, target: Target, pad_mode: PadMode) -> dict[str, Any]:
    rows = content.rows
    return {
        "patchplan": version("patchplan"),
        "what is written": f"{target.kind} of {target.format}",
        "a plan of digest": rows.plan.digest,
        "--epoch": rows.epoch,
        "--split": rows.split or "all",
        "--fold": "all" if rows.fold is None else rows.fold,
        "a number of patches": content.n,
        "patches whose indices have the digest": _digest(rows.index),
        "--from": "given" if sources.given else "none",
        "--channels": "all" if sources.channels is None else ",".join(map(str, sources.channels)),
        "--pad-mode": pad_mode,
    }


def _digest(index: range | IntArray) -> str:
    """Return a hash of indices: a part of a plan has the digest of the whole."""
    if isinstance(index, range):
        return "none"
    return blake2b(index.tobytes(), digest_size=8).hexdigest()


def _images(sources: Sources, images: Sequence[int]) -> list[dict[str, Any]]:
    """Return what tells the images that are read from others; of Zarr stores no chunk is looked at."""
    paths, described = sources.paths, []
    for data_idx in images:
        info = sources[data_idx].info
        try:
            found = _stamp(paths[data_idx])
        except OSError as error:
            raise ImageError(f"{sources.name(data_idx)}: cannot be read: {error.strerror or error}") from None
        described.append(
            {
                "data_idx": data_idx,
                "uri": sources.uris[data_idx],
                "read as": [info.array, info.series, info.level, info.axes],
                "file": [info.fingerprint, *found],
            }
        )
    return described


def _stamp(path: Location) -> tuple[int, int]:
    """Return size and time of a file, of an object size and tag; of a prefix nothing is known."""
    if isinstance(path, ObjectPath):
        seen = look(path)
        return seen.size, seen.version
    found = os.stat(path)  # noqa: PTH116 - a Path per file is slow
    return found.st_size, found.st_mtime_ns


def check_images(found: Facts, now: Facts, where: Location) -> None:
    """Raise OutputError naming an image that is not that of the stopped run."""
    for before, after in zip(found[IMAGES], now[IMAGES], strict=True):
        if before == after:
            continue
        number, uri = after["data_idx"], after["uri"]
        if before["uri"] != uri:
            what = f"was begun with image {number} {before['uri']}, and now it is {uri}"
        elif before["read as"] != after["read as"]:
            what = f"was begun with image {number} ({uri}) read in another way: axes, series, level or array differ"
        else:
            what = f"image {number} ({uri}) has changed since the run began"
        raise OutputError(f"{where}: {what}; --resume goes on with the same images only; use --overwrite to begin anew")
