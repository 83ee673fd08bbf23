"""The one error family of patchplan.

Every error that a user can mend is a `PatchplanError`; a leaf also inherits the builtin that a caller
would catch. Bugs stay outside the family and keep their traceback.
"""

from collections.abc import Sequence
from typing import Any


class PatchplanError(Exception):
    """Base of all errors that patchplan raises on purpose."""


class ShapeError(PatchplanError, ValueError):
    """A shape, patch size, overlap or coordinate that makes no sense.

    Parameters
    ----------
    problem : str
        What is wrong: found and allowed.
    data_idx : int, optional
        The image it concerns; `api` adds that image's file name.
    """

    def __init__(self, problem: str, data_idx: int | None = None) -> None:
        super().__init__(problem if data_idx is None else f"image {data_idx}: {problem}")
        self.problem = problem
        self.data_idx = data_idx

    def named(self, uri: str) -> "ShapeError":
        """Return the same error with the file's name in its message."""
        error = ShapeError(f"image {self.data_idx} ({uri}): {self.problem}")
        error.data_idx = self.data_idx
        return error


class ConfigError(PatchplanError, ValueError):
    """A config file or option with a wrong key, type or value."""


class ImageError(PatchplanError, OSError):
    """An input image that is missing, broken, or cannot be read as asked."""


class PlanError(PatchplanError, ValueError):
    """A plan or spec table that is broken or does not fit."""


class OutputError(PatchplanError, OSError):
    """An output that exists already or cannot be written."""


class TilesError(PatchplanError, ValueError):
    """Tiles that cannot be used with a plan: another number, size or kind, or of another plan."""


class AuditError(TilesError):
    """Tiles that are missing, there twice, or broken; nothing was written.

    Parameters
    ----------
    problem : str
        What was found, in one line.
    missing, duplicate : sequence of int
        Indices of planned tiles that are not there, or there more than once.
    bad : sequence of (int, str)
        Indices of tiles that do not fit or cannot be read, and why.

    `result` is what would have been returned, where the audit came to its end.
    """

    def __init__(
        self,
        problem: str,
        missing: Sequence[int] = (),
        duplicate: Sequence[int] = (),
        bad: Sequence[tuple[int, str]] = (),
    ) -> None:
        super().__init__(problem)
        self.missing = missing
        self.duplicate = duplicate
        self.bad = bad
        self.result: Any = None


class ClusterError(PatchplanError, OSError):
    """A cluster that cannot be reached, is lost, or whose workers cannot do what they are asked."""


class MissingExtraError(PatchplanError, ImportError):
    """A library that only some need is not installed; the message has the line that installs it."""

    def __init__(self, problem: str, extra: str) -> None:
        super().__init__(f"{problem}; run: pip install 'patchplan[{extra}]'")
