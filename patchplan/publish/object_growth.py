"""Outputs that grow in an object store: in their place, as nothing is renamed there, and their own metadata last.

s3://bucket/out.zarr/                   the output; nobody takes it for an image before its root document is there
s3://bucket/out.zarr.partial/lock       held while a run lives; lock-K by one that has a share of it
s3://bucket/out.zarr.partial/run.json   what the run is, as long as another may go on with it
s3://bucket/out.zarr.partial/journal/   what it has done; journal-K of a share
s3://bucket/out.zarr.partial/done       the output is complete, and what else lies here is not needed any more
"""

import re
from contextlib import suppress

from patchplan.errors import OutputError
from patchplan.objects import ObjectPath
from patchplan.publish.clearing import Ours, check_ours
from patchplan.publish.leases import Lease, refuse_held
from patchplan.publish.names import DONE, JOURNAL, LOCK, RUN, check_folder, check_left, is_state, left_in, partial_of
from patchplan.publish.protocol import Progress

DOCUMENTS = ("zarr.json", ".zattrs", ".zgroup", ".zarray", ".zmetadata")
"""What makes a group or an array of objects."""


class ObjectGrowth:
    """An output of Zarr while it grows in an object store; attributes as of `publish.Growth`."""

    def __init__(self, path: ObjectPath, *, overwrite: bool, ours: Ours) -> None:
        self.path = self.place = path
        self.partial = partial_of(path)
        self.overwrite, self._ours = overwrite, ours
        self.resumed = self.has_checksums = self.keep = False
        self.advice = self.tag = ""
        self._leases: list[Lease] = []
        self._begun = self._shared = self._is_mine_alone = self._published = False

    def check_free(self) -> None:
        """Raise OutputError unless the output may take its name; one that is gone on with has it."""
        if not self._begun:
            check_folder(self.path, overwrite=self.overwrite, ours=self._ours)

    def has_name(self) -> bool:
        """Tell whether the output has its name already."""
        return self.path.exists()

    def make_way(self) -> None:
        """Remove what the output replaces, or what a run has left that was stopped before it noted anything.

        First the documents, so that nobody takes for an image what is half removed.
        """
        if self._begun and self._has_shares():
            return
        self._make_sure()
        if self.overwrite or self.resumed:
            check_ours(self.path, self._ours)
            remove_output(self.path, self._ours)
        self._is_mine_alone = True

    def flush(self) -> None:
        """Make sure that nobody else has taken over; what was written is there for good already."""
        for lease in self._leases:
            lease.check()

    def _make_sure(self) -> None:
        for lease in self._leases:
            lease.check(surely=True)

    def lock(self, name: str) -> None:
        """Lock a part of the run that others must not do at the same time; OutputError if one does."""
        self._leases.append(Lease(self.partial / name))
        refuse_held(self.partial / LOCK)

    def claim(self, *, resume: bool, shared: bool) -> None:
        """Take the lock, and what a stopped run left."""
        self._shared = shared
        if not shared:
            check_folder(self.path, overwrite=True, ours=lambda name: True)  # before anything is written
            self._leases.append(Lease(self.partial / LOCK))
            self.keep = True  # what is there is not ours to remove until it is known to be
            self._refuse_shares()
        names = left_in(self.partial)
        if DONE in names and not shared:
            check_ours(self.partial, is_state)
            remove_partial(self.partial)
            names = []
        going_on = (resume or shared) and RUN in names
        self._begun = going_on and any(name.startswith(JOURNAL) for name in names)
        if not going_on:
            self._check_new(shared=shared)
        self.resumed = going_on or (shared and (self.partial / RUN).is_file())
        self.keep = shared or bool(names)
        if going_on and not shared:
            check_ours(self.partial, is_state)
        elif not going_on and not shared:
            self._clear(names, resume=resume)
            self.keep = False

    def _check_new(self, *, shared: bool) -> None:
        try:
            self.check_free()
        except OutputError:
            if not (shared and (self.partial / RUN).is_file()):  # else another share has begun in between
                self.keep = self.keep and bool(left_in(self.partial))
                raise

    def _has_shares(self) -> bool:
        return any(name.startswith(f"{JOURNAL}-") for name in left_in(self.partial))

    def _refuse_shares(self) -> None:
        for one in self.partial.iterdir():
            if re.fullmatch(rf"{LOCK}-\d+", one.name):
                refuse_held(one)

    def _clear(self, names: list[str], *, resume: bool) -> None:
        """Remove what a stopped run left, if it is nothing to go on with or may be replaced."""
        if not names:
            return
        check_left(self.partial, names, overwrite=self.overwrite, resume=resume)
        check_ours(self.partial, is_state)
        remove_partial(self.partial)

    def seal(self, threads: int, progress: Progress | None = None) -> None:
        """Do nothing: a store has no files in part, and there are no checksums."""

    def publish(self) -> None:
        """Note that the output is complete, and remove what lies beside it."""
        self._make_sure()
        (self.partial / DONE).write_bytes(b"")
        self._published, self.keep = True, False

    def close(self) -> None:
        """Remove what is not needed any more, and let go of the locks."""
        if self._leases and not self.keep and not self._shared:
            with suppress(OSError):  # what stopped the run must not be hidden; what is done is seen to be done
                self._make_sure()  # else all this is another's
                if self._is_mine_alone and not self._published:
                    remove_output(self.path, self._ours)
                remove_partial(self.partial)
        for lease in self._leases:
            with suppress(OSError):
                lease.release()


def remove_output(path: ObjectPath, ours: Ours) -> None:
    """Remove the objects of an output, first those that make it one."""
    path.delete_below(lambda name: ours(name) and name.rpartition("/")[2] in DOCUMENTS)
    path.delete_below(ours)


def remove_partial(partial: ObjectPath) -> None:
    """Remove what lies beside an output, but for the lock: first what a run would go on with, last that it is done."""
    is_done = (partial / DONE).is_file()
    if not is_done:
        (partial / RUN).delete()
    partial.delete_below(lambda name: is_state(name) and name not in (LOCK, DONE))
    if is_done:
        (partial / DONE).delete()


def finish_removal(path: ObjectPath) -> None:
    """Remove what a run left that was killed when its output was complete; if another is at it, that one does."""
    partial = partial_of(path)
    names = {name for name, _ in partial.listing()}
    if not (DONE in names or names == {LOCK}) or not all(map(is_state, names)):
        return
    with suppress(OSError):
        lease = Lease(partial / LOCK)
        try:
            if (partial / DONE).is_file():
                remove_partial(partial)
        finally:
            lease.release()
