"""What the modules of the formats hand over: an image described, and how to open it again."""

from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from patchplan.errors import ImageError
from patchplan.images.info import ImageInfo
from patchplan.images.layout import Box


class Reader(Protocol):
    """An open file."""

    def read(self, box: Box) -> NDArray[Any]:
        """Return a box in file axis order."""

    def close(self) -> None:
        """Close the file."""


class Recipe(Protocol):
    """How to open a file again; plain data, so that it travels to other processes."""

    def open(self) -> Reader:
        """Open the file."""

    def check(self) -> None:
        """Refuse a file that is another than it was: of files size and header count, of Zarr the array's document."""


@dataclass(frozen=True, slots=True)
class Described:
    """An image as a format's module describes it.

    `identity` is equal for the same pixels reached twice; `member` marks what belongs to a collection, even
    of one.
    """

    info: ImageInfo
    recipe: Recipe
    identity: tuple[object, ...]
    member: bool = False


Examined = list[Described | ImageError]
"""What a file holds. A member of a collection that cannot be opened is its error."""
