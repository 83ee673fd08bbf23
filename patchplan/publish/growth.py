"""Outputs that grow beside the name that was asked for, and take it when they are whole.

out.zarr.partial/                    what a run needs while it lives, and leaves if it is stopped
out.zarr.partial/lock                locked while a run lives; lock-K by one that has a share of it
out.zarr.partial/0123abcd-out.zarr   the output, a folder or a file, which becomes out.zarr by one rename
out.zarr.partial/sha256              its checksums, if they are asked for, which become out.zarr.sha256
out.zarr.partial/run.json            what the run is, as long as another may go on with it
out.zarr.partial/journal             what it has done; journal-K of a share
out.zarr.partial/image-I.json        what is known of tiles, as is closed.json
out.zarr.partial/scratch/            what does not fit into memory; scratch-K of a share

Each output has a tag before its name while it grows, which only those know that go on with it: a process that was taken
for gone, on whatever machine, wakes up and still writes, does so where no other run reads.
"""

import os
import re
import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path
from secrets import token_hex

from patchplan.errors import OutputError
from patchplan.publish.checksums import check_manifest, manifest_of, write_checksums
from patchplan.publish.clearing import Ours, check_ours, sweep
from patchplan.publish.files import check_free
from patchplan.publish.locks import flush_disk, flush_file, flush_folder, lock_file, one_at_a_time, open_folder
from patchplan.publish.names import CHECKSUMS, LOCK, RUN, STATE, check_folder, check_left, left_in, partial_of
from patchplan.publish.protocol import Progress
from patchplan.publish.swap import clear, repair, set_aside, swap


class LocalGrowth:
    """An output while it grows, in a folder that this run has to itself, or shares with others of its job.

    Attributes are those of `publish.Growth`; `checksums` is where its checksums grow.
    """

    def __init__(self, path: Path, *, folder: bool, overwrite: bool, ours: Ours) -> None:
        self.path, self.is_folder, self.overwrite, self._ours = path, folder, overwrite, ours
        self.partial, self.tag = partial_of(path), token_hex(4)
        self._tagged = re.compile(rf"(\.?)[0-9a-f]{{8}}-(?={re.escape(path.name)})")
        self.checksums = self.partial / CHECKSUMS
        self.resumed = self.has_checksums = self.keep = False
        self.advice = ""
        self._locks: list[int] = []
        self._folder: int | None = None

    @property
    def place(self) -> Path:
        """Where the output grows."""
        return self.partial / f"{self.tag}-{self.path.name}"

    def check_free(self) -> None:
        """Raise OutputError unless the output may take its name."""
        if self.is_folder:
            check_folder(self.path, overwrite=self.overwrite, ours=self._ours)
        else:
            check_free(self.path, overwrite=self.overwrite)
        manifest = manifest_of(self.path)
        if os.path.lexists(manifest):
            check_free(manifest, overwrite=self.overwrite)
            check_manifest(manifest)

    def has_name(self) -> bool:
        """Tell whether the output has its name already."""
        return not self.place.exists() and self.path.exists()

    def make_way(self) -> None:
        """Do nothing: what is replaced stands elsewhere until the output is complete."""

    def flush(self) -> None:
        """Wait until all that was written is on the disk."""
        flush_disk(self._folder)

    def lock(self, name: str) -> None:
        """Lock a part of the run that others must not do at the same time; OutputError if one does."""
        handle = lock_file(self.partial / name)
        if handle is None:
            raise OutputError(f"{self.partial / name}: another run is writing there; wait for it")
        self._locks.append(handle)

    def claim(self, *, resume: bool, shared: bool) -> None:
        """Make the partial folder, or take over what a stopped run left of it."""
        path, partial = self.path, self.partial
        with one_at_a_time(path.parent):
            if self.is_folder:
                repair(path)
            if os.path.lexists(partial) and (not partial.is_dir() or partial.is_symlink()):
                raise OutputError(f"{partial}: is in the way; move it elsewhere, or give another name")
            going_on = (resume or shared) and (partial / RUN).is_file()
            if not going_on and not shared:
                self.check_free()
            new = not partial.exists()
            begun = not new and any(STATE.fullmatch(entry.name) for entry in partial.iterdir())
            try:
                partial.mkdir(exist_ok=True)
                handle = lock_file(partial / LOCK, shared=shared)
                if handle is None:
                    raise OutputError(f"{partial}: another run is writing there; wait for it, or give another name")
                self.keep = shared or not new  # what is there is not ours to remove until it is known to be
                self._locks.append(handle)
                self._folder = open_folder(partial)
                self.resumed = going_on
                if going_on and not shared:  # else others write at the same time, and who finishes looks
                    check_ours(partial, self._is_mine, links=True)
                elif not going_on and not shared:
                    self._clear(resume=resume or not begun)
                    self.keep = False
            except BaseException:
                if not begun:
                    with suppress(OSError):
                        (partial / LOCK).unlink(missing_ok=True)
                        partial.rmdir()
                raise
        clear(path)

    def _clear(self, *, resume: bool) -> None:
        """Remove what a stopped run left, if it is nothing to go on with or may be replaced.

        Where not even a lock is, a process that was taken for gone has written after all had been removed.
        """
        names = left_in(self.partial)
        if not names:
            return
        check_left(self.partial, names, overwrite=self.overwrite, resume=resume)
        check_ours(self.partial, self._is_mine, links=True)
        # without its first file nobody goes on with what is half removed
        for name in sorted(names, key=lambda name: name != RUN):
            entry = self.partial / name
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()

    def _is_mine(self, name: str) -> bool:
        if STATE.fullmatch(name):
            return True
        plain = self._tagged.sub(r"\1", name, count=1) if self._tagged.match(name) else ""
        below = plain.removeprefix(f"{self.path.name}/") if self.is_folder else plain
        return plain == self.path.name or self._ours(below)

    def seal(self, threads: int, progress: Progress | None = None) -> None:
        """Remove what killed writers left in a complete output, and write its checksums unless they are there."""
        published = not self.place.exists()
        if published and (self.checksums.exists() or manifest_of(self.path).exists()):
            return
        if self.is_folder and self.resumed and not published:
            sweep(self.place)
        self.checksums.unlink(missing_ok=True)  # a run may have been stopped while it wrote them
        if self.has_checksums:
            told = None if progress is None else partial(progress, "bytes of checksums")
            output = self.path if published else self.place
            write_checksums(output, self.path.name, self.checksums, threads=threads, progress=told)

    def publish(self) -> None:
        """Give the output its name; safe to repeat after a kill at any step."""
        path = self.path
        if self.place.exists():  # else a run was stopped right after it had been moved
            self.flush() if self.is_folder else flush_file(self.place)
            with one_at_a_time(path.parent):
                if self.is_folder:
                    repair(path)
                self.check_free()
                swap(self.place, path) if self.is_folder else self.place.replace(path)
        if self.checksums.exists():
            flush_file(self.checksums)
            self.checksums.replace(manifest_of(path))
        elif not self.has_checksums:
            manifest_of(path).unlink(missing_ok=True)  # of the output that was replaced
        flush_folder(path.parent)
        self.keep = False
        clear(path)

    def close(self) -> None:
        """Let go of the locks, and remove the partial folder unless it is worth keeping."""
        if self._locks and not self.keep:
            self._discard()
        for handle in self._locks:
            os.close(handle)
        if self._folder is not None:
            os.close(self._folder)

    def _discard(self) -> None:
        with suppress(OSError):  # what stopped the run must not be hidden by the clean-up
            with one_at_a_time(self.path.parent):
                set_aside(self.partial, self.path)
            clear(self.path)
