"""What a stitch is: all that decides its bytes, so that only the same goes on with what a stopped run left."""

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from patchplan.journal import OVERWRITE, Identity
from patchplan.journal.identity import Facts
from patchplan.stitching.canvases import CanvasOptions
from patchplan.stitching.options import StitchOptions
from patchplan.stitching.target import Target
from patchplan.tiles.identity import check_unchanged

TILES = "tiles"


def identity_of(
    plan: tuple[str, int],
    target: Target,
    options: StitchOptions,
    storage: CanvasOptions,
    *,
    tiles: Sequence[dict[str, Any]],
    overwrite: bool,
    shares: int | None = None,
    **more: Any,
) -> Identity:
    """Return the facts of a stitch, named as users name them; `plan` is its digest and the epoch.

    Memory and threads are no facts: the bytes do not depend on them.
    """
    digest, epoch = plan
    facts = {
        "patchplan": version("patchplan"),
        "what is written": f"{target.kind}, several images" if target.several else target.kind,
        "a plan of digest": digest,
        "--epoch": epoch,
        "--blend": options.blend,
        "--reduce": _word(None if options.reduction is None else options.reduction.text),
        "--dtype": _word(options.dtype),
        "--scale": _entries(options.scale),
        "--margin": _entries(options.margin),
        "--fill-value": str(options.fill_value),
        "--allow-missing": options.allow_missing,
        "--labels": options.labels,
        "--ngff": storage.ngff,
        "--chunks": _entries(storage.chunks),
        "--shards": _entries(storage.shards),
        "--compression": _word(storage.compression),
        "--levels": storage.levels,
        "number of shares": _word(shares),
    }
    return Identity(facts, {OVERWRITE: overwrite, TILES: list(tiles), **more})


def check_tiles(found: Facts, now: Facts, where: Path) -> None:
    """Raise OutputError if the tiles are not those of the stopped run."""
    check_unchanged(found[TILES], now[TILES], where)


def _word(value: Any) -> str:
    return "none" if value is None else str(value)


def _entries(values: Any) -> str:
    return _word(values) if values is None or isinstance(values, str) else ",".join(map(str, values))
