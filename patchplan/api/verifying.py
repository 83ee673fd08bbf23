"""`verify`: whether an output is still as it was written."""

from pydantic import BaseModel, ConfigDict

from patchplan.api.common import PathLike, Progress, counting, on_disk
from patchplan.core.amounts import parse_workers
from patchplan.objects import location
from patchplan.publish.checking import check_checksums, shown
from patchplan.publish.checksums import check_checksummed


class ChangedFile(BaseModel):
    """A file whose SHA-256 is another than when it was written."""

    model_config = ConfigDict(frozen=True)

    path: str
    found: str
    expected: str


class UnreadableFile(BaseModel):
    """A file that cannot be read, or a link in its place, which is not followed."""

    model_config = ConfigDict(frozen=True)

    path: str
    why: str


class VerifyResult(BaseModel):
    """How an output differs from its checksums.

    `n_files` counts the files that have a checksum, `bytes` what was read of them. Paths begin with the
    output's name; `extra` are those without a checksum. The first 10,000 of each kind are listed, and all counted.
    """

    model_config = ConfigDict(frozen=True)

    output: str
    n_files: int
    bytes: int
    n_changed: int
    n_missing: int
    n_extra: int
    n_unreadable: int
    changed: tuple[ChangedFile, ...]
    missing: tuple[str, ...]
    extra: tuple[str, ...]
    unreadable: tuple[UnreadableFile, ...]

    @property
    def ok(self) -> bool:
        """Whether every file is as it was written, and no other is there."""
        return not (self.n_changed or self.n_missing or self.n_extra or self.n_unreadable)


def verify(output: PathLike, *, workers: int | None = None, progress: Progress | None = None) -> VerifyResult:
    """Read an output again and compare it with the checksums that were written with it.

    They are in a file beside it, `OUT.sha256`, which `sha256sum -c` reads, too. Memory is bounded, whatever
    the number and the size of files; links in the output are not followed.

    Parameters
    ----------
    output : path
        What `stitch` or `extract` wrote: a file or a folder.
    workers : int, optional
        Threads; by default as many as there are processors, up to 8.
    progress : callable, optional
        Called with what is counted (bytes), how many are done, and how many there are.

    Raises
    ------
    OutputError
        If there is no such output, or its checksums are missing, damaged, or those of something else.
    ConfigError
        If `workers` is no number of threads.
    """
    check_checksummed(location(output))
    path = on_disk("OUT", output)
    if path.name in ("", ".."):
        path = path.resolve()  # the checksums have its name
    found = check_checksums(path, threads=parse_workers(workers), progress=counting(progress, "bytes"))
    return VerifyResult(
        output=shown(str(output)),
        n_files=found.n_files,
        bytes=found.bytes,
        n_changed=found.changed.n,
        n_missing=found.missing.n,
        n_extra=found.extra.n,
        n_unreadable=found.unreadable.n,
        changed=tuple(ChangedFile(**one._asdict()) for one in found.changed.first),
        missing=tuple(found.missing.first),
        extra=tuple(found.extra.first),
        unreadable=tuple(UnreadableFile(**one._asdict()) for one in found.unreadable.first),
    )
