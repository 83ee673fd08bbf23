"""Cutting and writing batch by batch, in a run that can be gone on with."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass

from patchplan.cluster import Cluster, Session
from patchplan.errors import OutputError
from patchplan.extracting.batches import Batch, batches
from patchplan.extracting.content import Content
from patchplan.extracting.cutting import Cutter
from patchplan.extracting.identity import check_images
from patchplan.extracting.ledger import Ledger
from patchplan.extracting.on_cluster import cutting, piece
from patchplan.extracting.target import Target
from patchplan.journal import Identity, Records, recorded
from patchplan.objects import Location, ObjectPath
from patchplan.publish import clear, is_stopped, written_at
from patchplan.publish.checksums import manifest_of
from patchplan.publish.files import look
from patchplan.tiles.writing.writer import TileWriter

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Running:
    """How to go about it: `memory` in bytes, threads, whether to write, to replace, to go on, and to add checksums.

    With a `cluster`, its workers cut and write, each process with as many threads and as much memory.
    """

    memory: int
    workers: int
    overwrite: bool = False
    resume: bool = False
    checksums: bool = False
    dry_run: bool = False
    progress: Progress | None = None
    cluster: Cluster | None = None

    def goes_on_with(self, path: Location) -> bool:
        """Tell whether there is an output, or what a stopped run left of it, that need not be made anew."""
        if not self.resume:
            return False
        _, _, there, _ = look(path)
        return is_stopped(path) or (there and not self.overwrite)


def is_finished(content: Content, target: Target, uuid: str, images: Iterable[Location], *, checksums: bool) -> bool:
    """Tell whether an earlier run has ended well, so that nothing is left to go on with.

    A stack's UUID tells of plan and options; no image may be newer.

    Raises
    ------
    OutputError
        If something else stands under the name, or nobody can tell.
    """
    path = target.path
    clear(path)  # a run may have been killed at its very last step
    if is_stopped(path) or not path.exists():
        return False
    again = "use --overwrite to replace it, or another name"
    if not target.is_complete(content, uuid):
        raise OutputError(f"{path}: exists already, and does not tell that it is of this plan and options; {again}")
    written = written_at(path)
    for image in images:
        if _last_change(image) > written:
            raise OutputError(f"{path}: is there already, and {image} is newer; {again}")
    if checksums and not manifest_of(path).is_file():
        raise OutputError(f"{path}: is there already, without checksums; {again}")
    return True


def _last_change(image: Location) -> int:
    """Return when a file was written or moved, in ns; 0 for one that is not there, and cannot be cut anew."""
    with suppress(OSError):
        if isinstance(image, ObjectPath):
            return written_at(image)
        found = image.stat()
        return max(found.st_mtime_ns, found.st_ctime_ns)
    return 0


def write(content: Content, cutter: Cutter, target: Target, identity: Identity, running: Running) -> tuple[str, ...]:
    """Write the patches, or those that a stopped run has not written, and publish them; return notes.

    Raises
    ------
    ImageError
        If an image cannot be read, or has changed meanwhile.
    OutputError
        If the output cannot be written, or the stopped run was another.
    """
    with target.growing(overwrite=running.overwrite, resume=running.resume) as growth:

        def usable(records: Records) -> Records:
            return records if target.is_begun(growth.place, content) else records[:0]

        if growth.resumed and isinstance(target.path, ObjectPath) and not running.overwrite:
            _check_own(content, target, identity.uuid)
        advice = f"what is done stays in {growth.partial}: use --resume to go on, or --overwrite to begin anew"
        with recorded(growth, identity, advice, check_images, usable=usable) as recording:
            growth.has_checksums |= running.checksums
            if not recording.published:
                with closing(target.writer(growth.place, content, identity.uuid, running.workers)) as writer:
                    ledger = Ledger(recording, writer, content.rows.index)
                    filling = Filling(content, cutter, writer, ledger, running, resumed=growth.resumed)
                    if running.cluster is None:
                        filling.here()
                    else:
                        with cutting(running.cluster, content, cutter, target, growth.place, identity.uuid) as session:
                            filling.on(session)
                    cutter.sources.check_unchanged(content.images)
                    ledger.check(growth.place)
                    writer.finish()
            growth.seal(running.workers, running.progress)
            recording.complete()
        return recording.notes


def _check_own(content: Content, target: Target, uuid: str) -> None:
    """Raise OutputError if what grows in its place has been replaced since the run was stopped."""
    if (target.path / "zarr.json").is_file() and not target.is_complete(content, uuid):
        raise OutputError(
            f"{target.path}: something else has got this name since the run was stopped; use --overwrite to replace "
            "it, or another name"
        )


class Filling:
    """The batches that are not written yet, and how many patches are; a `resumed` run may find some in part.

    These are removed here, and never by a worker: one that is taken for lost may still write what another has written,
    the same bytes, but must not remove it.
    """

    def __init__(
        self, content: Content, cutter: Cutter, writer: TileWriter, ledger: Ledger, running: Running, *, resumed: bool
    ) -> None:
        self._content, self._cutter, self._ledger, self._running = content, cutter, ledger, running
        self._writer, self._resumed = writer, resumed
        self._done = 0
        if ledger.n_rows:
            self._tell(ledger.n_rows)

    def _tell(self, n: int) -> None:
        self._done += n
        if self._running.progress is not None:
            self._running.progress("patches", self._done, self._content.n)

    def _todo(self) -> Iterator[Batch]:
        content = self._content
        for batch in batches(content.rows, content.batch_rows, self._cutter.sources.kind_of):
            if not self._ledger.has(batch):
                if self._resumed:
                    self._clear(batch)
                yield batch

    def _clear(self, batch: Batch) -> None:
        self._writer.clear(batch.start, batch.index)

    def on(self, session: Session) -> None:
        """Have all batches cut and written by a cluster, and note those that are."""
        for batch, told in session.do(map(piece, self._todo()), at_once=self._running.workers, again=self._clear):
            self._ledger.note(batch, told)
            self._tell(len(batch.index))

    def here(self) -> None:
        """Cut and write all batches, each in a thread; stop at the first that fails."""

        def one(batch: Batch) -> int:
            self._writer.write(batch.start, batch.index, self._cutter.cut(batch.specs))
            self._ledger.note(batch)
            return len(batch.index)

        waiting: deque[Future[int]] = deque()
        with ThreadPoolExecutor(self._running.workers, "patchplan-extract") as pool:
            try:
                for batch in self._todo():
                    waiting.append(pool.submit(one, batch))
                    if len(waiting) > self._running.workers:
                        self._tell(waiting.popleft().result())
                while waiting:
                    self._tell(waiting.popleft().result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
