"""Where outputs grow, what they replace, and what lies beside them meanwhile."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from patchplan.objects import Location, ObjectPath
from patchplan.plans.header import ImageRecord
from patchplan.publish import Growth, Ours, check_output, growing
from patchplan.publish.names import SCRATCH
from patchplan.stitching.canvases.ome_tiff import scratch_of
from patchplan.stitching.canvases.opening import files_of
from patchplan.stitching.naming import output_names
from patchplan.stitching.target import Target


@dataclass(frozen=True)
class Destination:
    """A target, and the outputs of a plan's images in it; `overwrite` says whether they may replace others."""

    target: Target
    images: tuple[ImageRecord, ...]
    overwrite: bool

    @cached_property
    def names(self) -> list[str]:
        """The outputs' names, also where they are not needed for files."""
        kind = "npy" if self.target.kind == "memory" else self.target.kind
        return output_names([image.uri for image in self.images], kind, [image.array for image in self.images])

    def path_of(self, data_idx: int) -> Path | None:
        """Return where below the target's path an output goes."""
        if self.target.path is None:
            return None
        return Path(self.names[data_idx]) if self.target.several else Path()

    def check_free(self) -> None:
        """Raise OutputError unless the outputs may be written under their names."""
        self._check(overwrite=self.overwrite)

    def check_possible(self) -> None:
        """Raise OutputError where the outputs could not get their names even if they may replace others."""
        self._check(overwrite=True)

    def _check(self, *, overwrite: bool) -> None:
        path, folder = self.target.path, self.target.is_folder
        if path is not None:
            check_output(path, folder=folder, overwrite=overwrite, ours=self.ours())

    @contextmanager
    def scratch(self, place: Location | None, part: int | None = None) -> Iterator[Path]:
        """Yield a folder for what does not fit into memory, on the output's disk if it has one; removed afterwards.

        `part` tells it from those of others that fill the same output.
        """
        if not isinstance(place, Path):
            with tempfile.TemporaryDirectory(prefix="patchplan-") as name:
                yield Path(name)
            return
        folder = place.parent / (SCRATCH if part is None else f"{SCRATCH}-{part}")
        if folder.is_symlink():
            folder.unlink()
        shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def grow(self, below: Path | None, place: Location | None) -> Location | None:
        """Return where the output with this path below the target's grows, its folders made."""
        if place is None or below is None:
            return None
        path = place / below
        if isinstance(path, ObjectPath):
            return path
        folder = path if self.target.kind == "ome-zarr" else path.parent
        folder.mkdir(parents=True, exist_ok=True)
        return path

    @contextmanager
    def growing(self, *, resume: bool, shared: bool) -> Iterator[Growth | None]:
        """Yield where outputs grow, None for arrays; after the block they stand under their names, unless shared."""
        path = self.target.path
        if path is None:
            yield None
            return
        folder, ours = self.target.is_folder, self.ours()
        zarr = self.target.kind == "ome-zarr"
        with growing(
            path, folder=folder, overwrite=self.overwrite, ours=ours, resume=resume, shared=shared, zarr=zarr
        ) as growth:
            yield growth

    def ours(self) -> Ours:
        """Return which files of the output's folder are ours to replace."""
        kind = self.target.kind
        if kind == "memory":
            return lambda name: False
        if not self.target.several:
            return files_of(kind, "" if self.target.path is None or kind == "ome-zarr" else self.target.path.name)
        outputs = {
            place: files_of(kind, name) for name in self.names for place in (name, scratch_of(Path(name)).as_posix())
        }

        def ours(name: str) -> bool:
            above = [name, *(parent.as_posix() for parent in PurePosixPath(name).parents)]
            found = next((outputs[place] for place in above if place in outputs), None)
            return found is not None and found(name)

        return ours
