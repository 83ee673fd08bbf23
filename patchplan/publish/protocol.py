"""What an output that grows is to the code that fills it, on a disk or in an object store."""

from collections.abc import Callable
from typing import Protocol

from patchplan.objects import Location

Progress = Callable[[str, int, int], None]
"""Called with what is counted, how many are done, and how many there are."""


class Growth(Protocol):
    """An output while it grows, which this run has to itself, or shares with others of its job.

    Attributes
    ----------
    tag : str
        Tells where it grows from where others of this name do; a run that goes on takes that of the first. In an
        object store it says nothing: there all grow in one place.
    resumed : bool
        Whether what an earlier run left is there.
    overwrite : bool
        Whether it may replace an output; asked again at the end.
    has_checksums : bool
        Whether the output has checksums, which may have their name already.
    keep : bool
        Whether what is there is worth going on with; if not, a run that is stopped removes it.
    advice : str
        How to go on, for the user of a run that is stopped.
    """

    @property
    def path(self) -> Location:
        """The name that was asked for."""

    @property
    def place(self) -> Location:
        """Where it grows: a file to create, or a folder to make; in an object store it is `path`."""

    @property
    def partial(self) -> Location:
        """The folder of the run, for its journal and scratch data."""

    tag: str
    resumed: bool
    overwrite: bool
    has_checksums: bool
    keep: bool
    advice: str

    def check_free(self) -> None:
        """Raise OutputError unless the output may take its name."""

    def has_name(self) -> bool:
        """Tell whether the output has its name already; asked of a run that is known to have completed it."""

    def make_way(self) -> None:
        """Remove what would lie between the pieces of the output; called before the first is written."""

    def flush(self) -> None:
        """Wait until all that was written is on the disk."""

    def lock(self, name: str) -> None:
        """Lock a part of the run that others must not do at the same time; OutputError if one does."""

    def seal(self, threads: int, progress: Progress | None = None) -> None:
        """Remove what killed writers left in a complete output, and write its checksums unless they are there."""
