"""Growing an output: beside its name on a disk; in an object store in its place, or here to be uploaded."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from patchplan.errors import OutputError
from patchplan.objects import Location, ObjectPath, Status
from patchplan.publish import swap
from patchplan.publish.clearing import Ours
from patchplan.publish.files import check_free, look, reported
from patchplan.publish.growth import LocalGrowth
from patchplan.publish.names import MAX_NAME, RUN, check_folder, partial_of
from patchplan.publish.object_growth import DOCUMENTS, ObjectGrowth, finish_removal
from patchplan.publish.protocol import Growth
from patchplan.publish.uploading import UploadGrowth


@contextmanager
def left_by_others(path: Location | None) -> Iterator[None]:
    """Tell a user who interrupts a run before it has begun what an earlier one has left for it."""
    try:
        yield
    except KeyboardInterrupt as error:
        if path is not None and not getattr(error, "__notes__", ()) and (partial_of(path) / RUN).exists():
            error.add_note(f"what was done stays in {partial_of(path)}")
        raise


@contextmanager
def growing(
    path: Location,
    *,
    folder: bool,
    overwrite: bool,
    ours: Ours,
    resume: bool = False,
    shared: bool = False,
    zarr: bool = False,
) -> Iterator[Growth]:
    """Yield an output that grows; after the block it takes its name, unless it is `shared`.

    Parameters
    ----------
    path : Location
        Name of the output.
    folder : bool
        Whether it is a folder. If not, what else is needed to make it may lie beside it in `partial`.
    overwrite : bool
        Whether it may replace an output, or what a stopped run left.
    ours : callable
        What may be removed: by its path in the output, or for a file in the partial folder.
    resume : bool
        Whether to go on with what a stopped run left, if it left something.
    shared : bool
        Whether others fill the same output at the same time: nobody removes or publishes it.
    zarr : bool
        Whether it consists of Zarr stores, which grow in their place in an object store. What else goes there grows
        in a temporary folder, and is uploaded.

    Raises
    ------
    OutputError
        If the name is not free, another run is writing under it, or writing fails, as on a full or read-only
        disk; what stood under the name stands there still.
    """
    if path.name in ("", "..") or not look(path)[3]:
        check_folder(path, overwrite=overwrite, ours=ours)
    if len(os.fsencode(path.name)) > MAX_NAME:
        raise OutputError(f"{path}: has a name of {len(os.fsencode(path.name))} bytes; allowed are {MAX_NAME}")
    growth = _begun(path, folder=folder, overwrite=overwrite, ours=ours, zarr=zarr)
    try:
        with reported(path):
            growth.claim(resume=resume, shared=shared)
            yield growth
            if not shared:
                growth.publish()
    except BaseException as error:
        if growth.keep and growth.advice:
            error.add_note(growth.advice)
        raise
    finally:
        growth.close()


def _begun(
    path: Location, *, folder: bool, overwrite: bool, ours: Ours, zarr: bool
) -> LocalGrowth | ObjectGrowth | UploadGrowth:
    if not isinstance(path, ObjectPath):
        return LocalGrowth(path, folder=folder, overwrite=overwrite, ours=ours)
    if zarr:
        return ObjectGrowth(path, overwrite=overwrite, ours=ours)
    return UploadGrowth(path, folder=folder, overwrite=overwrite, ours=ours)


def check_output(path: Location, *, folder: bool, overwrite: bool, ours: Ours) -> None:
    """Raise OutputError unless an output may be written under this name."""
    if not isinstance(path, ObjectPath):
        LocalGrowth(path, folder=folder, overwrite=overwrite, ours=ours).check_free()
    elif folder:
        check_folder(path, overwrite=overwrite, ours=ours)
    else:
        check_free(path, overwrite=overwrite)


def clear(path: Location) -> None:
    """Remove what a run has left that was killed at its very last step, its output complete."""
    if isinstance(path, ObjectPath):
        finish_removal(path)
    else:
        swap.clear(path)


def written_at(path: Location) -> int:
    """Return when an output got its name, in ns: of a folder in an object store, when its root documents were written.

    Of a folder of several outputs it is the time of the last document, or file where there are none.
    """
    if not isinstance(path, ObjectPath):
        return path.stat().st_mtime_ns
    with suppress(FileNotFoundError):
        return _ns(path.stat())
    roots = [_ns((path / name).stat()) for name in DOCUMENTS if (path / name).is_file()]
    if roots:
        return max(roots)
    files = [(name.rpartition("/")[2] in DOCUMENTS, _ns(about)) for name, about in path.listing()]
    documents = [when for is_document, when in files if is_document]
    return max(documents or (when for _, when in files), default=0)


def _ns(status: Status) -> int:
    """Return the end of the second in which an object was written: stores tell whole seconds."""
    return int(status.mtime) * 1_000_000_000 + 999_999_999
