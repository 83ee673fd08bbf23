"""Outputs that an object store gets as whole files: they grow in a temporary folder, and are uploaded at the end.

s3://bucket/out/                    the output: a folder of files, or one file
s3://bucket/out.partial/lock        held while a run lives
s3://bucket/out.partial/uploading   the folder is not complete: its run uploads it, or was stopped when it did
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from patchplan.objects import ObjectPath
from patchplan.publish.clearing import Ours, check_ours
from patchplan.publish.files import check_free
from patchplan.publish.growth import LocalGrowth
from patchplan.publish.hashing import walk
from patchplan.publish.leases import Lease
from patchplan.publish.names import LOCK, UPLOADING, check_folder, is_state, left_in, partial_of
from patchplan.publish.putting import put_file

_UPLOADS = 8


class UploadGrowth(LocalGrowth):
    """An output whose files appear whole, one by one.

    A folder loses all that it replaces before the first, so that old and new never stand together.
    """

    def __init__(self, url: ObjectPath, *, folder: bool, overwrite: bool, ours: Ours) -> None:
        self._url, self._beside = url, partial_of(url)
        self._lease: Lease | None = None
        self._temporary = TemporaryDirectory(prefix="patchplan-")
        super().__init__(Path(self._temporary.name) / url.name, folder=folder, overwrite=overwrite, ours=ours)

    @property
    def keep(self) -> bool:
        """False: nothing of a stopped run is left here."""
        return False

    @keep.setter
    def keep(self, value: bool) -> None:
        pass

    def check_free(self) -> None:
        """Raise OutputError unless the output may take its name."""
        if self.is_folder:
            check_folder(self._url, overwrite=self.overwrite, ours=self._ours)
        else:
            check_free(self._url, overwrite=self.overwrite)

    def has_name(self) -> bool:
        """Return False: there is no stopped run to ask for."""
        return False

    def claim(self, *, resume: bool, shared: bool) -> None:
        """Take the lock; of what a stopped run has uploaded nothing is gone on with, but it may be replaced."""
        self._lease = Lease(self._beside / LOCK)
        left = left_in(self._beside)
        self.overwrite |= resume and left == [UPLOADING]
        super().claim(resume=False, shared=shared)
        if left:
            check_ours(self._beside, is_state)

    def publish(self) -> None:
        """Upload all files, those of a folder when what they replace is gone."""
        assert self._lease is not None  # noqa: S101 - it was claimed
        self._lease.check(surely=True)
        self.check_free()
        try:
            self._upload_folder() if self.is_folder else put_file(self._url, self.place, overwrite=self.overwrite)
        except BaseException as error:
            if (self._beside / UPLOADING).is_file():
                error.add_note(f"{self._url} is not complete: use --resume or --overwrite to begin anew")
            raise

    def _upload_folder(self) -> None:
        (self._beside / UPLOADING).write_bytes(b"")
        self._url.delete_below(self._ours)
        names = [name for name, _ in walk(self.place)]
        with ThreadPoolExecutor(_UPLOADS) as pool:
            for _ in pool.map(self._upload, names):
                pass
        self._beside.delete_below(lambda name: is_state(name) and name != LOCK)

    def _upload(self, name: str) -> None:
        assert self._lease is not None  # noqa: S101 - it was claimed
        self._lease.check()
        (self._url / name).upload(self.place / name)

    def close(self) -> None:
        """Remove what grew here, and let go of the lock."""
        super().close()
        self._temporary.cleanup()
        if self._lease is not None:
            with suppress(OSError):
                self._lease.release()
