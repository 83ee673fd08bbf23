"""What a stitch is: all that decides its bytes, so that only the same goes on with what a stopped run left."""

from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from patchplan.journal import Identity
from patchplan.journal.identity import Facts
from patchplan.stitching.audit import Audit, ImageAudit
from patchplan.stitching.canvases import CanvasOptions
from patchplan.stitching.options import StitchOptions
from patchplan.stitching.target import Target
from patchplan.tiles.identity import check_unchanged
from patchplan.tiles.protocol import TileForm

TILES, CHECKSUMS, AGAIN, AUDIT = "tiles", "checksums", "again", "audit"
"""What a run tells beside its facts: its tiles, whether it wants checksums, its options, what was found of tiles."""

SHARES = "number of shares"


def identity_of(
    plan: tuple[str, int],
    target: Target,
    options: StitchOptions,
    storage: CanvasOptions,
    *,
    absent_chunks: str = "missing",
    shares: int | None = None,
    **more: Any,
) -> Identity:
    """Return the facts of a stitch, named as users name them; `plan` is its digest and the epoch.

    What is in `more` is told beside them.

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
        "--absent-chunks": absent_chunks,
        "--labels": options.labels,
        "--ngff": storage.ngff,
        "--chunks": _entries(storage.chunks),
        "--shards": _entries(storage.shards),
        "--compression": _word(storage.compression),
        "--levels": storage.levels,
        SHARES: _word(shares),
    }
    return Identity(facts, more)


def check_tiles(found: Facts, now: Facts, where: Path) -> None:
    """Raise OutputError if the tiles are not those of the stopped run."""
    check_unchanged(found[TILES], now[TILES], where)


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


def _word(value: Any) -> str:
    return "none" if value is None else str(value)


def _entries(values: Any) -> str:
    return _word(values) if values is None or isinstance(values, str) else ",".join(map(str, values))
