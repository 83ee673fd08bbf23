"""`Stitcher`: predicted tiles put together while they are predicted."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any

import numpy as np

from patchplan.api.common import PathLike, Progress
from patchplan.api.preparing import check_places, overlapping, prepare, prove
from patchplan.core.specs import IntArray
from patchplan.errors import PatchplanError
from patchplan.plans.plan import Plan
from patchplan.publish import Growth
from patchplan.publish.files import reported
from patchplan.stitching.assemble import Assembly
from patchplan.stitching.audit import Auditor
from patchplan.stitching.feed import Feed
from patchplan.stitching.held import HeldTiles
from patchplan.stitching.job import StitchJob
from patchplan.stitching.ledger import Ledger
from patchplan.stitching.result import StitchResult
from patchplan.stitching.running import check_not_stale, is_there, recorded_run, seal


class _LeftError(Exception):
    """The block was left by an error."""


class Stitcher:
    """Puts tiles together in a prediction loop, in any order, without a store between.

    A block of the output is written when its last tile has come; tiles of unfinished blocks are held, beyond
    `memory` in a file beside the output. The bytes are those that `stitch` writes. Leaving the block with
    tiles missing raises AuditError, and nothing stands under the asked name.

    A run that is stopped leaves the blocks that it has written; with `resume`, the next one goes on with them,
    and `wanted` says which tiles it needs.

    Parameters are those of `stitch`; `result` says afterwards what was done.

    Examples
    --------
    >>> import numpy as np, patchplan, tempfile, pathlib
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> np.save(folder / "a.npy", np.arange(48.0).reshape(6, 8))
    >>> tiled = {"name": "tiled", "patch_size": 4, "overlaps": 2}
    >>> _ = patchplan.plan(folder / "a.npy", folder / "plan.csv", patching=tiled)
    >>> with patchplan.Stitcher(folder / "plan.csv", folder / "out.npy") as stitcher:
    ...     for indices, patches, specs in patchplan.read_patches(folder / "plan.csv", batch_size=4):
    ...         stitcher.add(indices, patches)
    >>> np.array_equal(np.load(folder / "out.npy"), np.load(folder / "a.npy"))
    True
    """

    result: StitchResult
    """What was done; there after the block."""

    def __init__(
        self,
        plan: PathLike | Plan,
        output: PathLike | None = None,
        *,
        format: str | None = None,  # noqa: A002 - the option's name
        epoch: int = 0,
        ngff: str = "0.5",
        blend: str | None = None,
        reduce: str | None = None,
        dtype: Any = None,
        scale: Any = None,
        margin: Any = None,
        chunks: Any = None,
        shards: Any = None,
        compression: str | None = None,
        fill_value: float = 0,
        levels: int | str | None = None,
        labels: bool = False,
        allow_missing: bool = False,
        force: bool = False,
        root: PathLike | None = None,
        memory: str | int = "2GB",
        workers: int | None = None,
        overwrite: bool = False,
        resume: bool = False,
        checksums: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self._prepared = prepare(
            plan,
            output,
            format=format,
            epoch=epoch,
            root=root,
            ngff=ngff,
            chunks=chunks,
            shards=shards,
            compression=compression,
            levels=levels,
            blend=blend,
            reduce=reduce,
            dtype=dtype,
            scale=scale,
            margin=margin,
            fill_value=fill_value,
            allow_missing=allow_missing,
            force=force,
            labels=labels,
            memory=memory,
            workers=workers,
        )
        self._overwrite, self._resume, self._checksums, self._progress = overwrite, resume, checksums, progress
        self._stack = ExitStack()
        self._lock = Lock()
        self._feed: Feed | None = None
        self._there: StitchJob | None = None
        self._seal: Callable[[], None] = lambda: None

    def __enter__(self) -> "Stitcher":
        prepared = self._prepared
        check_places(prepared, [])
        with ExitStack() as stack:
            tiles = HeldTiles(prepared.rows.index, prepared.options.memory // 2)
            stack.callback(tiles.close)
            auditor = Auditor(prepared.rows, tiles, prepared.options)
            audit = auditor.audit()
            prove(auditor, audit)
            assembly = Assembly(auditor, audit, overlapping(prepared.rows))
            added = [{"path": tiles.uris[0], "files": tiles.n, "digest": ""}]
            job = StitchJob(
                assembly,
                prepared.target,
                prepared.storage,
                prepared.identity(added, overwrite=self._overwrite, checksums=self._checksums),
                self._overwrite,
                self._resume,
                self._checksums,
            )
            if self._resume and not self._overwrite and is_there(job):
                check_not_stale(job)
                self._there = job
                return self
            growth = stack.enter_context(job.destination.growing(resume=self._resume, shared=False))
            self._feed = self._begin(job, growth, stack)
            self._stack = stack.pop_all()
        return self

    def _begin(self, job: StitchJob, growth: Growth | None, stack: ExitStack) -> Feed:
        """Begin, or go on with what a stopped run has written."""
        if growth is None:
            scratch = stack.enter_context(job.destination.scratch(None))
            return Feed(job, None, Ledger(), scratch, self._progress)
        recording = stack.enter_context(recorded_run(job, growth))
        self._seal = lambda: seal(job, growth, recording, self._progress)
        ledger = Ledger(recording.journal, recording.records, resumed=growth.resumed)
        scratch = stack.enter_context(job.destination.scratch(growth.place))
        return Feed(job, growth.place, ledger, scratch, self._progress, published=recording.published)

    @property
    def wanted(self) -> IntArray:
        """Indices of the tiles that are still needed, ascending: at first all, or those that a stopped run lacks.

        Tiles that were added and waited for others when a run was stopped are wanted again; others that are
        added again are ignored.
        """
        if self._there is not None:
            return np.empty(0, np.int64)
        if self._feed is None:
            raise PatchplanError("Stitcher: which tiles are wanted is known inside its with block")
        return self._feed.wanted

    def add(self, indices: Any, tiles: Any) -> None:
        """Take tiles. Threads may call it at once; they wait for each other.

        Parameters
        ----------
        indices : int or sequence of int
            Which tiles they are.
        tiles : array (C, (Z), Y, X), or as many of them as indices
            They are copied where they must wait.

        Raises
        ------
        TilesError
            If an index is unknown or was there before, or a tile does not fit.
        """
        if self._there is not None:
            return
        if self._feed is None:
            raise PatchplanError("Stitcher: tiles are added inside its with block")
        with self._lock, reported(self._prepared.target.path or Path("the tiles that wait")):
            self._feed.add(indices, tiles)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        feed, self._feed = self._feed, None
        if self._there is not None:
            self.result = self._there.there([])
            return
        if error is not None or feed is None:
            # not with the error itself: those of the system would be taken for the output's
            left = _LeftError()
            with suppress(_LeftError):
                self._stack.__exit__(_LeftError, left, None)
            for note in getattr(left, "__notes__", ()):
                if error is not None:
                    error.add_note(note)
            return
        with self._stack:
            written = feed.close()
            self._seal()
        arrays = [array for _, _, array in written if array is not None]
        self.result = feed.job.done([(output, filled) for output, filled, _ in written], arrays)
