"""Patches that the workers of a cluster cut: what they are told, and what is noted of what they did."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from patchplan.cluster import Cluster, Piece, Session, disk_of, told_path
from patchplan.extracting.batches import Batch
from patchplan.extracting.content import Content
from patchplan.extracting.cutting import Cutter
from patchplan.extracting.on_worker import sent
from patchplan.extracting.target import Target
from patchplan.objects import Location
from patchplan.plans.told_images import told_image

OPENER = "patchplan.extracting.on_worker:open_bench"

MAX_SEEN = 16
"""Images that a worker must see before it begins; others it misses when they are opened."""


@contextmanager
def cutting(
    cluster: Cluster, content: Content, cutter: Cutter, target: Target, place: Location, uuid: str
) -> Iterator[Session]:
    """Yield a session of the cluster for all batches of a run."""
    brief = _brief(content, cutter, target, place, uuid)
    images = map(cutter.sources.paths.__getitem__, content.images[:MAX_SEEN])
    seen = [brief["plan"], told_path(place.parent), *map(told_path, images)]
    with cluster.session(OPENER, brief, seen, disk_of(place)) as session:
        yield session


def _brief(content: Content, cutter: Cutter, target: Target, place: Location, uuid: str) -> dict[str, Any]:
    rows, sources = content.rows, cutter.sources
    plan = rows.plan
    given = [told_image(sources[i]) for i in range(len(sources.uris))] if sources.given else None
    return {
        "plan": told_path(plan.path),
        "root": told_path(plan.root),
        "digest": plan.digest,
        "epoch": rows.epoch,
        "given": given,
        "channels": None if sources.channels is None else list(sources.channels),
        "pad_mode": cutter.pad_mode,
        "counts": [[data_idx, list(size), n] for (data_idx, size), n in content.counts.items()],
        "largest": content.largest_index,
        "kind": target.kind,
        "format": target.format,
        "place": told_path(place),
        "uuid": uuid,
    }


def piece(batch: Batch) -> Piece[Batch]:
    """Return what a worker is told of a batch."""
    last = batch.start + len(batch.index) - 1
    return Piece(batch, {"start": batch.start}, f"rows {batch.start} to {last}", sent(batch.index, batch.specs))
