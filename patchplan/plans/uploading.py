"""Files that are written here and put into an object store when they are whole."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from patchplan.objects import ObjectPath
from patchplan.publish import check_free
from patchplan.publish.files import reported
from patchplan.publish.putting import put_file


@contextmanager
def uploaded(paths: Sequence[ObjectPath], *, overwrite: bool) -> Iterator[list[Path]]:
    """Yield names of local files to write to; after the block each is put at once, in the order of `paths`.

    Parameters
    ----------
    paths : sequence of ObjectPath
    overwrite : bool
        Whether they may replace objects; asked again at the end, as another run may have come first.

    Raises
    ------
    OutputError
        If writing fails; an object is as it was then, or as it was to be.
    """
    with TemporaryDirectory(prefix="patchplan-") as folder, reported(paths[0]):
        files = [Path(folder) / path.name for path in paths]
        yield files
        for path in paths:
            check_free(path, overwrite=overwrite)
        for file, path in zip(files, paths, strict=True):
            put_file(path, file, overwrite=overwrite)
