"""Outputs that an object store gets as whole files: they grow in a temporary folder, and are uploaded at the end."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from patchplan.objects import ObjectPath
from patchplan.publish.clearing import Ours
from patchplan.publish.files import check_free
from patchplan.publish.growth import LocalGrowth
from patchplan.publish.hashing import walk
from patchplan.publish.names import check_folder

_UPLOADS = 8


class UploadGrowth(LocalGrowth):
    """An output whose files appear whole, one by one. Nothing of a stopped run is left, neither here nor there."""

    def __init__(self, url: ObjectPath, *, folder: bool, overwrite: bool, ours: Ours) -> None:
        self._url = url
        self._temporary = TemporaryDirectory(prefix="patchplan-")
        super().__init__(Path(self._temporary.name) / url.name, folder=folder, overwrite=overwrite, ours=ours)

    def check_free(self) -> None:
        """Raise OutputError unless the output may take its name."""
        if self.is_folder:
            check_folder(self._url, overwrite=self.overwrite, ours=self._ours)
        else:
            check_free(self._url, overwrite=self.overwrite)

    def has_name(self) -> bool:
        """Return False: there is no stopped run to ask for."""
        return False

    def publish(self) -> None:
        """Upload all files, and remove what they replace and do not write over."""
        self.check_free()
        names = [name for name, _ in walk(self.place)]
        with ThreadPoolExecutor(_UPLOADS) as pool:
            for _ in pool.map(self._upload, names):
                pass
        if self.is_folder:
            new = set(names)
            self._url.delete_below(lambda name: name not in new and self._ours(name))

    def _upload(self, name: str) -> None:
        (self._url / name).upload(self.place / name)

    def close(self) -> None:
        """Remove what grew here."""
        self.keep = False
        super().close()
        self._temporary.cleanup()
