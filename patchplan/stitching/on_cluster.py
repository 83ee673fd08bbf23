"""Blocks that the workers of a cluster compute: what they are told, and what is noted of what they did."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from patchplan.cluster import Cluster, Piece, Session, disk_of, told_path
from patchplan.objects import Location
from patchplan.stitching.canvases.protocol import Canvas, MakeBlocks
from patchplan.stitching.engine import Progress, tasks
from patchplan.stitching.identity import again, told_audit
from patchplan.stitching.job import Output, StitchJob
from patchplan.stitching.on_worker import sent
from patchplan.stitching.places import GridPlaces
from patchplan.stitching.work import ImageWork, Task, check_memory, choose_box, usable

OPENER = "patchplan.stitching.on_worker:open_bench"

LEAST_WORKERS = 16
"""As many are reckoned with where there are fewer: a cluster may grow, and a box that is lost should be small."""


@dataclass(frozen=True)
class Elsewhere:
    """A cluster that computes the blocks, and what its workers are told to open the tiles: none to make pyramids."""

    cluster: Cluster
    tiles: Sequence[Location] = ()
    absent_chunks: str = "missing"
    later_wins: bool = False


@contextmanager
def computing(
    job: StitchJob, elsewhere: Elsewhere | None, outputs: Sequence[Output], place: Location | None
) -> Iterator[Session | None]:
    """Yield a session of the cluster for all blocks of a run; None where they are computed here."""
    if elsewhere is None or place is None:
        yield None
        return
    brief = _brief(job, elsewhere, outputs, place)
    seen = [brief["plan"], *brief["tiles"], told_path(place.parent)]
    with elsewhere.cluster.session(OPENER, brief, seen, disk_of(place)) as session:
        yield session


def _brief(job: StitchJob, elsewhere: Elsewhere, outputs: Sequence[Output], place: Location) -> dict[str, Any]:
    options, rows = job.assembly.options, job.auditor.rows
    chosen = again(job.target, options, job.storage)
    tiles = job.auditor.tiles
    form = tiles.forms[0] if len(tiles.forms) == 1 and not tiles.bad else None
    said = ("blend", "reduce", "dtype", "scale", "margin", "fill_value", "allow_missing", "force", "labels")
    return {
        "plan": told_path(rows.plan.path),
        "digest": rows.plan.digest,
        "epoch": rows.epoch,
        "options": {**{name: chosen[name] for name in said}, "memory": options.memory},
        "tiles": [told_path(path) for path in elsewhere.tiles],
        "absent_chunks": elsewhere.absent_chunks,
        "later_wins": elsewhere.later_wins,
        "present": int(np.count_nonzero(tiles.present)),
        "form": form and [list(form.shape), form.dtype.str],
        "audit": {**told_audit(job.assembly.audit), "missing": []},
        "blends": [output.rules.blend for output in outputs],
        "storage": asdict(job.storage),
        "kind": job.target.kind,
        "several": job.target.several,
        "place": told_path(place),
    }


def compute(
    session: Session, works: Sequence[ImageWork], images: Sequence[int], memory: int, progress: Progress | None
) -> None:
    """Compute all blocks of some images that are not written, and note them as they come.

    Boxes that may have been begun before are cleared here, before a worker is asked: a worker that is taken for lost
    may still write what another has written, the same bytes, but must never remove it.
    """
    threads = check_memory(works, memory, session.threads)
    share = usable(memory) // threads
    n_workers = max(LEAST_WORKERS, session.n_workers)
    boxes = [choose_box(work, work.canvas.frame.n_samples, share, n_workers) for work in works]
    total = sum(work.n_todo for work in works)

    def clear(task: Task) -> None:
        works[task.work].canvas.clear(task.sample_idx, task.start, task.stop)

    def piece(task: Task) -> Piece[Task]:
        work = works[task.work]
        if work.ledger.resumed:
            clear(task)
        places = work.renderer.places
        numbers = None
        if not isinstance(places, GridPlaces):
            numbers = sent(places.touching(task.sample_idx, task.start, task.stop))
        message = {"image": images[task.work], "sample": task.sample_idx, "start": task.start, "stop": task.stop}
        return Piece(task, message, _name(images[task.work], task), numbers)

    for task, (filled, told) in session.do(map(piece, tasks(works, boxes)), at_once=threads, again=clear):
        works[task.work].ledger.note(task.sample_idx, task.start, task.stop, filled, told)
        if progress is not None:
            progress("pixels", task.pixels, total)


def pyramid_on(session: Session, data_idx: int, canvas: Canvas, memory: int) -> MakeBlocks:
    """Return what has blocks of an image's pyramid made by a cluster."""
    at_once = max(1, min(session.threads, usable(memory) // max(1, canvas.finish_bytes())))

    def make(level: int, blocks: Iterable[int], again: Callable[[int], None]) -> Iterator[tuple[int, int]]:
        def piece(block: int) -> Piece[int]:
            message = {"image": data_idx, "level": level, "block": block}
            return Piece(block, message, f"image {data_idx}, level {level}, block {block} of the pyramid")

        return session.do(map(piece, blocks), at_once=at_once, again=again)

    return make


def _name(data_idx: int, task: Task) -> str:
    box = " x ".join(f"{a}-{b}" for a, b in zip(task.start, task.stop, strict=True))
    return f"image {data_idx}, sample {task.sample_idx}, pixels {box}"
