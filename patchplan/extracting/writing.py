"""Cutting and writing batch by batch, in a run that can be gone on with."""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from patchplan.errors import OutputError
from patchplan.extracting.batches import Batch, batches
from patchplan.extracting.content import Content
from patchplan.extracting.cutting import Cutter
from patchplan.extracting.identity import check_images
from patchplan.extracting.ledger import Ledger
from patchplan.extracting.target import Target
from patchplan.journal import Identity, Records, recorded
from patchplan.publish import partial_of
from patchplan.publish.checksums import manifest_of
from patchplan.publish.files import look
from patchplan.publish.swap import clear
from patchplan.tiles.writing.writer import TileWriter

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True)
class Running:
    """How to go about it: `memory` in bytes, threads, whether to write, to replace, to go on, and to add checksums."""

    memory: int
    workers: int
    overwrite: bool = False
    resume: bool = False
    checksums: bool = False
    dry_run: bool = False
    progress: Progress | None = None

    def goes_on_with(self, path: Path) -> bool:
        """Tell whether there is an output, or what a stopped run left of it, that need not be made anew."""
        if not self.resume:
            return False
        _, left, _, _ = look(partial_of(path))
        _, _, there, _ = look(path)
        return left or (there and not self.overwrite)


def is_finished(content: Content, target: Target, uuid: str, images: Iterable[Path], *, checksums: bool) -> bool:
    """Tell whether an earlier run has ended well, so that nothing is left to go on with.

    A stack's UUID tells of plan and options; no image may be newer.

    Raises
    ------
    OutputError
        If something else stands under the name, or nobody can tell.
    """
    path = target.path
    if partial_of(path).is_dir():
        return False
    clear(path)  # a run may have been killed at its very last step
    again = "use --overwrite to replace it, or another name"
    if not target.is_complete(content, uuid):
        raise OutputError(f"{path}: exists already, and does not tell that it is of this plan and options; {again}")
    written = path.stat().st_mtime_ns
    for image in images:
        if _last_change(image) > written:
            raise OutputError(f"{path}: is there already, and {image} is newer; {again}")
    if checksums and not manifest_of(path).is_file():
        raise OutputError(f"{path}: is there already, without checksums; {again}")
    return True


def _last_change(image: Path) -> int:
    """Return when a file was written or moved, in ns; 0 for one that is not there, and cannot be cut anew."""
    with suppress(OSError):
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

        advice = f"what is done stays in {growth.partial}: use --resume to go on, or --overwrite to begin anew"
        with recorded(growth, identity, advice, check_images, usable=usable) as recording:
            growth.has_checksums |= running.checksums
            if not recording.published:
                with closing(target.writer(growth.place, content, identity.uuid, running.workers)) as writer:
                    _fill(content, cutter, writer, Ledger(recording, writer, content.rows.index), running)
                cutter.sources.check_unchanged(content.images)
            growth.seal(running.workers, running.progress)
            recording.complete()
        return recording.notes


def _fill(content: Content, cutter: Cutter, writer: TileWriter, ledger: Ledger, running: Running) -> None:
    """Cut and write all batches that are not written yet, each in a thread; stop at the first that fails."""
    n_done = ledger.n_rows

    def one(batch: Batch) -> int:
        writer.write(batch.start, batch.index, cutter.cut(batch.specs))
        ledger.note(batch)
        return len(batch.index)

    def wait(future: "Future[int]") -> None:
        nonlocal n_done
        n_done += future.result()
        tell()

    def tell() -> None:
        if running.progress is not None:
            running.progress("patches", n_done, content.n)

    if n_done:
        tell()
    waiting: deque[Future[int]] = deque()
    with ThreadPoolExecutor(running.workers, "patchplan-extract") as pool:
        try:
            for batch in batches(content.rows, content.batch_rows, cutter.sources.kind_of):
                if ledger.has(batch):
                    continue
                waiting.append(pool.submit(one, batch))
                if len(waiting) > running.workers:
                    wait(waiting.popleft())
            while waiting:
                wait(waiting.popleft())
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
