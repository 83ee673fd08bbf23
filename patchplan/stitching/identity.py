"""What a stitch is: all that decides its bytes, so that only the same goes on with what a stopped run left."""

from dataclasses import asdict
from functools import cache
from hashlib import blake2b
from importlib.metadata import version
from typing import Any

import numpy as np

from patchplan.journal import Identity
from patchplan.journal.identity import Facts
from patchplan.objects import Location
from patchplan.plans.epoch import EpochRows
from patchplan.stitching.audit import Audit, ImageAudit
from patchplan.stitching.canvases import CanvasOptions
from patchplan.stitching.options import StitchOptions
from patchplan.stitching.target import Target
from patchplan.tiles.identity import check_unchanged
from patchplan.tiles.protocol import TileForm

TILES, AGAIN, AUDIT = "tiles", "again", "audit"
"""What a run tells beside its facts: its tiles, its options, what was found of tiles."""

_UNSAID = "left to the program"

SHARES, PLAN = "number of shares", "a plan of digest"
"""Facts that `finish` asks for."""


def identity_of(
    rows: EpochRows,
    target: Target,
    options: StitchOptions,
    storage: CanvasOptions,
    *,
    absent_chunks: str = "missing",
    shares: int | None = None,
    **more: Any,
) -> Identity:
    """Return the facts of a stitch, named as users name them; `rows` are those of the plan's epoch.

    What is in `more` is told beside them.

    Memory and threads are no facts: the bytes do not depend on them.
    """
    facts = {
        "patchplan": _version(),
        "what is written": f"{target.kind}, several images" if target.several else target.kind,
        PLAN: rows.plan.digest,
        "tiles of the plan": tiles_of(rows),  # those of a subset are tiles of the whole
        "--epoch": rows.epoch,
        "--blend": options.blend,
        "--reduce": _word(None if options.reduction is None else options.reduction.text),
        "--dtype": _word(options.dtype, _UNSAID),
        "--scale": _entries(options.scale),
        "--margin": _entries(options.margin),
        "--fill-value": str(options.fill_value),
        "--allow-missing": options.allow_missing,
        "--absent-chunks": absent_chunks,
        "--labels": options.labels,
        "--ngff": storage.ngff,
        "--chunks": _entries(storage.chunks),
        "--shards": _entries(storage.shards),
        "--compression": _word(storage.compression, _UNSAID),
        "--levels": storage.levels,
        SHARES: _word(shares),
    }
    return Identity(facts, more)


def check_tiles(found: Facts, now: Facts, where: Location) -> None:
    """Raise OutputError if the tiles are not those of the stopped run."""
    check_unchanged(found[TILES], now[TILES], where)


@cache
def _version() -> str:
    return version("patchplan")


def tiles_of(rows: EpochRows) -> str:
    """Return which tiles of a plan its rows are: a part of a plan has the digest of the whole."""
    if isinstance(rows.index, range):
        return f"0 to {rows.n - 1}"
    return f"{rows.n} of digest {blake2b(rows.index.tobytes(), digest_size=8).hexdigest()}"


def again(target: Target, options: StitchOptions, storage: CanvasOptions) -> dict[str, Any]:
    """Return what `prepare` takes to come to the same options, as JSON."""
    return {
        "format": target.kind if target.several else None,
        "blend": options.blend,
        "reduce": None if options.reduction is None else options.reduction.text,
        "dtype": None if options.dtype is None else options.dtype.name,
        "scale": list(map(str, options.scale)),
        "margin": list(options.margin),
        "fill_value": options.fill_value,
        "allow_missing": options.allow_missing,
        "force": options.force,
        "labels": storage.labels,
        "ngff": storage.ngff,
        "chunks": None if storage.chunks is None else list(storage.chunks),
        "shards": list(storage.shards) if isinstance(storage.shards, tuple) else storage.shards,
        "compression": storage.compression,
        "levels": storage.levels,
    }


def told_audit(audit: Audit) -> dict[str, Any]:
    """Return what was found of the tiles, as JSON."""
    images = [
        {**asdict(image), "form": None if image.form is None else [image.form.shape, image.form.dtype.str]}
        for image in audit.images
    ]
    return {"images": images, "grid": audit.grid, "missing": audit.missing.tolist()}


def audit_of(told: dict[str, Any]) -> Audit:
    """Return it as an audit."""
    images = []
    for image in told["images"]:
        form = None if image["form"] is None else TileForm(tuple(image["form"][0]), np.dtype(image["form"][1]))
        images.append(ImageAudit(**{**image, "form": form, "rows": tuple(image["rows"])}))
    return Audit(images, grid=told["grid"], missing=np.array(told["missing"], np.int64))


def _word(value: Any, unsaid: str = "none") -> str:
    return unsaid if value is None else str(value)


def _entries(values: Any) -> str:
    return _word(values, _UNSAID) if values is None or isinstance(values, str) else ",".join(map(str, values))
